"""Coupon campaigns: a randomised half of those reached hold a coupon, the other half got a plain message."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from userprofile.demo_shop.draws import Flags, Ints
from userprofile.demo_shop.population import Population
from userprofile.demo_shop.rows import absent, rows
from userprofile.demo_shop.shop import DAY, Shop

FIRST_DAY = 7
EVERY_DAYS = 30
LASTS_DAYS = 14
COUPON_SHARE = 0.5
DISCOUNT_PERCENT = 15
_HOUR = DAY // 24


@dataclass(frozen=True)
class Campaigns:
    """`begins` in microseconds since 1970, one a campaign; the others are [users, campaigns]."""

    begins: Ints
    sent: Ints  # when the message went out; 0 where none did
    has_coupon: Flags

    def coupon_in_hand(self, user: Ints, time: Ints) -> Ints:
        """The campaign whose coupon this user holds at this time, or -1."""
        if not len(self.begins):
            return np.full(len(user), -1)
        campaign = np.maximum(np.searchsorted(self.begins, time, side="right") - 1, 0)
        running = (time > self.sent[user, campaign]) & (time < self.begins[campaign] + LASTS_DAYS * DAY)
        return np.where(running & self.has_coupon[user, campaign], campaign, -1)


def beginnings(shop: Shop) -> Ints:
    """When each campaign begins, in microseconds since 1970; a log of a week or less has none."""
    return shop.opens + np.arange(FIRST_DAY, shop.days, EVERY_DAYS, dtype=np.int64) * DAY


def plan(shop: Shop, people: Population) -> Campaigns:
    """Messages go to customers of the day who consented to marketing."""
    rng = shop.stream("campaigns")
    begins = beginnings(shop)
    sent = begins + 6 * _HOUR + (rng.random((shop.users, len(begins))) * _HOUR).astype(np.int64)
    consents = people.declared["marketing"].to_numpy() & ~people.is_bot
    reached = consents[:, None] & (people.joined[:, None] <= sent) & (sent < people.left[:, None])
    drawn = rng.random(reached.shape) < COUPON_SHARE
    return Campaigns(begins, np.where(reached, sent, 0), reached & drawn)


def messages(campaigns: Campaigns, holder: Ints) -> pl.DataFrame:
    """One exposure a message, without item, request or position; its propensity is the chance of a coupon in it."""
    user, campaign = np.nonzero(campaigns.sent)
    coupon = np.where(campaigns.has_coupon[user, campaign], holder[user], -1)
    return rows(
        "exposure",
        user=user,
        time=campaigns.sent[user, campaign],
        channel="email",
        campaign=campaign,
        coupon=absent(coupon),
        propensity=np.full(len(user), COUPON_SHARE),
    )

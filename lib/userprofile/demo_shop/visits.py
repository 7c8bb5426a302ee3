"""When users come, with what in mind, through which door and on which device: one entry a session."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from userprofile.demo_shop.campaigns import Campaigns
from userprofile.demo_shop.draws import Floats, Ints, Lottery
from userprofile.demo_shop.population import Population
from userprofile.demo_shop.rows import CHANNELS
from userprofile.demo_shop.shop import DAY, Shop
from userprofile.demo_shop.taxonomy import LEAVES, follow_up

WEEKDAY_WEIGHT = np.array([0.9, 0.85, 0.9, 0.95, 1.1, 1.2, 1.3])  # Monday first
HOUR_WEIGHT = np.array([1, 1, 1, 1, 1, 2, 4, 6, 7, 7, 7, 8, 9, 8, 7, 7, 8, 9, 11, 13, 14, 12, 7, 3], dtype=float)
FOLLOW_UP = 0.3
DIRECT, BROWSE, SEARCH = range(3)
DOORS = (0.4, 0.25, 0.35)
DEVICES = 4  # numbers kept free for each user's own devices
_HOUR = DAY // 24


@dataclass(frozen=True)
class Visits:
    """Sessions by user and time; a session's number is its place."""

    user: Ints
    begin: Ints
    leaf: Ints
    door: Ints
    channel: Ints
    device: Ints
    campaign: Ints  # whose coupon is in hand, or -1

    def at(self, session: Ints) -> dict[str, Ints]:
        """The columns every event of these sessions shares."""
        return {
            "session": session,
            "user": self.user[session],
            "channel": self.channel[session],
            "device": self.device[session],
        }


def week_weights() -> Floats:
    """Relative activity in each hour of the week, Monday 0:00 UTC first; the mean is 1."""
    return np.outer(WEEKDAY_WEIGHT / WEEKDAY_WEIGHT.mean(), HOUR_WEIGHT / HOUR_WEIGHT.mean()).ravel()


def visit(shop: Shop, people: Population, campaigns: Campaigns) -> Visits:
    """Sessions of everyone but bots."""
    rng = shop.stream("visits")
    user, begin = _arrivals(shop, people, rng)
    channel = (rng.random(len(user)) < 0.3 + 0.4 * (user % 2)).astype(np.int64)  # half the users lean to the app
    own = user * DEVICES + channel + 2 * (rng.random(len(user)) < 0.1)
    ring = people.ring[user]
    shared = (ring >= 0) & (rng.random(len(user)) < 0.8)
    return Visits(
        user=user,
        begin=begin,
        leaf=_intents(people, user, rng),
        door=rng.choice(len(DOORS), len(user), p=DOORS),
        channel=np.array([CHANNELS.index("web"), CHANNELS.index("app")])[channel],
        device=np.where(shared, shop.users * DEVICES + ring, own),
        campaign=campaigns.coupon_in_hand(user, begin),
    )


def _arrivals(shop: Shop, people: Population, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """A Poisson process whose rate follows the week: uniform in accumulated weight, then mapped back to time."""
    hours = np.arange(shop.days * 24 + 1)
    weights = week_weights()[(shop.start.weekday() * 24 + hours[:-1]) % (7 * 24)]
    elapsed = np.concatenate([[0.0], np.cumsum(weights)]) / 24  # days of mean activity
    ticks = (shop.opens + hours * _HOUR).astype(np.float64)
    first, last = np.interp(people.joined, ticks, elapsed), np.interp(people.left, ticks, elapsed)
    rate = np.where(people.is_bot, 0, people.sessions_per_day)
    user = np.repeat(np.arange(shop.users), rng.poisson(rate * (last - first)))
    progress = first[user] + rng.random(len(user)) * (last - first)[user]
    begin = np.interp(progress, elapsed, ticks - shop.opens).astype(np.int64) + shop.opens
    order = np.lexsort((begin, user))
    return user[order], begin[order]


def _intents(people: Population, user: Ints, rng: np.random.Generator) -> Ints:
    """Each session either starts anew from the user's affinities or follows up on the session before it."""
    anew = (rng.random(len(user)) >= FOLLOW_UP) | (np.diff(user, prepend=-1) != 0)
    drawn = draw_leaf(people, user, rng)
    place = np.arange(len(user))
    origin = np.maximum.accumulate(np.where(anew, place, 0))
    return follow_up(drawn[origin], place - origin)


def draw_leaf(people: Population, user: Ints, rng: np.random.Generator) -> Ints:
    """One leaf for each entry of `user`, by that user's affinities."""
    affinity = np.maximum(people.affinity, 1e-12)
    lottery = Lottery.of(affinity.ravel(), np.full(len(affinity), len(LEAVES)))
    return lottery.draw(user, rng.random(len(user))) % len(LEAVES)

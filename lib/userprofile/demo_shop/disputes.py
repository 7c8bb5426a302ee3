"""Disputes: some customers claim that goods never came, call the service, and have the bank take the money back.

Goods get lost on anybody now and then. Who disputes does it again, so earlier calls and chargebacks foretell the next.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from userprofile.columns import ACTION_CODE, ACTIONS
from userprofile.demo_shop.draws import Ints
from userprofile.demo_shop.population import Population
from userprofile.demo_shop.rows import rows
from userprofile.demo_shop.shop import DAY, SECOND, Shop
from userprofile.demo_shop.wording import contact_texts

CHARGEBACK = "chargeback"  # the log's own word, which is none of our actions
CHARGEBACK_CODE = len(ACTIONS)
CLAIM_CHANCE, LOST_CHANCE = 0.7, 0.002  # of a purchase to end so, where the user disputes, and of anybody's
_CALL_DAYS, BANK_DAYS = (1.0, 3.0), (5.0, 20.0)  # from the purchase to the call, from the call to the chargeback


def disputes(events: pl.DataFrame, people: Population, *, shop: Shop) -> pl.DataFrame:
    """Calls and chargebacks, beside clean `events` with `arrived`, of who is still a customer then, in order of time.

    Their numbers are above those of all other rows. No draw of another stage is touched.
    """
    rng = shop.stream("disputes")
    bought = events.filter(pl.col("action") == ACTION_CODE["purchase"])
    chance = np.where(people.disputes[bought["user"].to_numpy()], CLAIM_CHANCE, LOST_CHANCE)
    claimed = bought.filter(pl.Series(rng.random(bought.height) < chance * (shop.dispute_share > 0)))
    called = claimed["time"].to_numpy() + _days(rng, _CALL_DAYS, claimed.height)
    charged = called + _days(rng, BANK_DAYS, claimed.height)
    about = {name: claimed[name] for name in ("user", "item", "order")}
    texts = contact_texts(claimed.height, rng)
    calls = rows("service_contact", channel="phone", **about, time=called, text=texts)
    back = rows("complaint", channel="email", **about, time=charged)
    both = pl.concat([calls, back.with_columns(action=pl.lit(CHARGEBACK_CODE, pl.Int8))])
    kept = both.filter(pl.col("time") < pl.Series(people.left).gather(both["user"])).sort("time", maintain_order=True)
    arrived = kept["time"] + pl.Series(rng.exponential(2, kept.height) * SECOND).cast(pl.Int64)
    # Malformed copies, fewer than events, have the numbers between.
    number = pl.Series(2 * events.height + 1 + np.arange(kept.height), dtype=pl.UInt32)
    return kept.with_columns(event=number, arrived=arrived).select(events.columns)


def with_disputes(log: pl.DataFrame, added: pl.DataFrame) -> pl.DataFrame:
    """The log, in order of arrival, and between its rows, as they are, those of disputes."""
    due = np.maximum.accumulate(log["arrived"].to_numpy())
    place = np.searchsorted(due, added["arrived"].to_numpy(), side="right") - 0.5
    return pl.concat([log, added])[np.argsort(np.concatenate([np.arange(log.height), place]), kind="stable")]


def _days(rng: np.random.Generator, between: tuple[float, float], count: int) -> Ints:
    """Microseconds."""
    return (rng.uniform(*between, count) * DAY).astype(np.int64)

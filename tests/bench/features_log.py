"""The log of bench-features: coded events as a per-user function gets them, drawn by numpy, the same at every run.

Users differ in activity as log-normal numbers with sigma 1.5 do: of 400,000 the busiest has some hundreds of times the
median's events. Half of a user's events touch five categories of their own. Files stand in order of time, so that no
engine profits from users that lie together.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path

import features_shop
import numpy as np
import polars as pl

from userprofile.columns import ACTION_CODE, Action
from userprofile.schemas.events import UserEvents

FIRST_DAY = np.datetime64("2024-01-01", "us")
DAY = 86_400_000_000  # microseconds
EVENTS_PER_FILE = 500_000
QUERIES = 5_000
SHARES = {
    Action.VIEW: 0.63,
    Action.SEARCH: 0.08,
    Action.CART: 0.08,
    Action.FAVOURITE: 0.03,
    Action.PURCHASE: 0.06,
    Action.RETURN: 0.005,
    Action.REVIEW: 0.015,
    Action.EXPOSURE: 0.05,
    Action.CLICK: 0.045,
    Action.COMPLAINT: 0.003,
    Action.SERVICE_CONTACT: 0.002,
}

CODE = {action: ACTION_CODE[action] for action in Action}


@dataclass(frozen=True)
class Log:
    """What is drawn; `of_one_user` of the events are given to a single user, `late` is the share that arrives late."""

    events: int
    users: int
    of_one_user: int = 0
    days: int = 180
    late: float = 0.01
    seed: int = 7

    @property
    def files(self) -> int:
        return max(self.events // EVENTS_PER_FILE, 1)

    @property
    def name(self) -> str:
        """Of its folder: what is drawn, and by which code."""
        code = hashlib.sha256(b"".join(Path(module).read_bytes() for module in (__file__, features_shop.__file__)))
        return "_".join([*(f"{key}-{value}" for key, value in asdict(self).items()), code.hexdigest()[:8]])


def drawn(log: Log, number: int) -> pl.DataFrame:
    """UserEvents of one file: an equal part of the days, in order of time."""
    rng = np.random.default_rng([log.seed, number])
    size = log.events // log.files + (number < log.events % log.files)
    span = log.days * DAY / log.files
    # Whole seconds, as most logs have: some events of a user share one.
    time = np.sort(((number + rng.random(size)) * span).astype(np.int64)) // 1_000_000 * 1_000_000
    user = np.searchsorted(features_shop.activity(log.users, log.seed), rng.random(size)).astype(np.int64)
    share = log.of_one_user // log.files
    user[np.random.default_rng([log.seed, number, 1]).permutation(size)[:share]] = 0
    action = np.searchsorted(np.cumsum([SHARES[one] for one in SHARES])[:-1], rng.random(size), side="right")
    action = np.array([CODE[one] for one in SHARES])[action]
    item = features_shop.touched(user, rng)
    lag = np.where(rng.random(size) < log.late, rng.exponential(DAY, size), 0).astype(np.int64)
    frame = pl.DataFrame(
        {
            "user_id": features_shop.user_ids(log.users).gather(user),
            "event_time": FIRST_DAY + time.astype("timedelta64[us]"),
            "known_at": FIRST_DAY + (time + lag).astype("timedelta64[us]"),
            "event_order": np.arange(size) + number * 2**40,
            "action": action,
            **{name: values[item] for name, values in features_shop.items().items()},
            **{f"{name}_draw": rng.random(size) for name in ("quantity", "discount", "detail", "channel", "known")},
            "order": features_shop.mixed(user, time // DAY),
            "session": features_shop.mixed(user, time // (DAY // 24)),
            "device": features_shop.mixed(user % 3, user),
            "risk": None,
        }
    )
    return UserEvents.validate(_as_actions_tell(frame), cast=True)


def _as_actions_tell(frame: pl.DataFrame) -> pl.DataFrame:
    """Null in each column where the action has no such value."""
    did = {action: pl.col("action") == code for action, code in CODE.items()}
    bought, detail = did[Action.PURCHASE], pl.col("detail_draw")
    quantity = 1 + (pl.col("quantity_draw") * 1.3).cast(pl.Int64)
    gross, cut = pl.col("price") * quantity, pl.col("discount_draw")
    discount = pl.when(cut < 0.2).then((gross * cut).cast(pl.Int64)).otherwise(0)
    of_item = [name for name in features_shop.items() if name != "item"]
    return frame.with_columns(
        *(pl.when(~did[Action.SEARCH] & (pl.col(name) > 0)).then(name) for name in ("item", *of_item)),
        quantity=pl.when(bought | did[Action.CART]).then(quantity),
        amount=pl.when(bought & (pl.col("known_draw") > 0.005)).then(gross - discount),
        discount=pl.when(bought).then(discount),
        order=pl.when(bought).then("order"),
        coupon=pl.when(bought & (cut < 0.05)).then(pl.col("brand")),
        channel=1 + (pl.col("channel_draw") * features_shop.CHANNELS).cast(pl.Int32),
        query=pl.when(did[Action.SEARCH]).then(pl.format("term {}", (detail**2 * QUERIES).cast(pl.Int64))),
        rating=pl.when(did[Action.REVIEW]).then((1 + detail * 5).floor()),
        sentiment=pl.when(did[Action.REVIEW]).then(detail * 2 - 1),
        dwell_seconds=pl.when(did[Action.VIEW] & (cut < 0.6)).then((detail * 300).floor()),
    )

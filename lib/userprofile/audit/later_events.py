"""What happens later, or is heard of later, must change no feature: events are added after the as-of date, to see."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from userprofile.audit.values import same
from userprofile.columns import ACTIONS
from userprofile.windows import AsOf

# UserEvents of whole users, and an instant -> one row per user with `user_id`, as training sees it.
Compute = Callable[[pl.DataFrame, AsOf], pl.DataFrame]

AS_THEY_ARE = "the log's own later events"
COPIES = 20  # of a user's latest known events, beside the last one as each action

_BEFORE = " before"  # beside the column's name, the value without what was added

NOTHING, MICROSECOND, HOUR, DAY = (timedelta(microseconds=n) for n in (0, 1, 3_600_000_000, 86_400_000_000))

# What is added, and when it happened and was known, as distances from the as-of instant.
LATER: dict[str, tuple[timedelta, timedelta]] = {
    "events at as_of": (NOTHING, NOTHING),
    "events 1 hour after": (HOUR, HOUR),
    "events 1 day after": (DAY, DAY),
    "events 7 days after": (7 * DAY, 7 * DAY),
    "events 60 days after": (60 * DAY, 60 * DAY),
}
LATE: dict[str, tuple[timedelta, timedelta]] = {
    "events 1 microsecond before, arriving at as_of": (-MICROSECOND, NOTHING),
    "events 1 hour before, arriving 1 hour after": (-HOUR, HOUR),
    "events 1 day before, arriving 1 day after": (-DAY, DAY),
    "events 30 days before, arriving 1 day after": (-30 * DAY, DAY),
}


@dataclass(frozen=True)
class Change:
    """A column that `added` events changed, and for how many (user, as-of) pairs."""

    feature: str
    added: str
    pairs: int


def changes(events: pl.DataFrame, *, as_of: AsOf, compute: Compute) -> list[Change]:
    """Columns of `compute` that are not what they were when only events known at the instant were there.

    `events` are UserEvents of whole users, later ones too; users of whom nothing was known are not looked at.
    """
    known = events.filter(as_of.knows())
    baseline = compute(known, as_of)
    whole = events.join(known.select("user_id").unique(), on="user_id", how="semi")
    # Late events apart: the engine computes its shared columns once more where there are any, and hides later ones.
    seen = [
        compute(whole, as_of).with_columns(added=pl.lit(AS_THEY_ARE)),
        *(_with_added(known, as_of, kinds, compute) for kinds in (LATER, LATE)),
    ]
    return _changes(baseline, pl.concat(seen))


def summed(found: Sequence[Change]) -> list[Change]:
    """Changes of several dates as one list: pairs added up, features in order of appearance."""
    total: dict[tuple[str, str], int] = {}
    for change in found:
        key = (change.feature, change.added)
        total[key] = total.get(key, 0) + change.pairs
    return [Change(feature, added, pairs) for (feature, added), pairs in total.items()]


def _with_added(
    known: pl.DataFrame, as_of: AsOf, kinds: dict[str, tuple[timedelta, timedelta]], compute: Compute
) -> pl.DataFrame:
    """All kinds in one call, each on users of its own, since users do not see each other."""
    copied = _copies(known)
    parts = []
    for kind, (happened, heard) in kinds.items():
        moved = copied.with_columns(
            event_time=_instant(as_of, happened), known_at=_instant(as_of, heard), event_order=_ORDER_OF_COPY
        )
        parts.append(
            pl.concat([known, moved]).with_columns(pl.format("{}|{}", pl.lit(kind), "user_id").alias("user_id"))
        )
    rows = compute(pl.concat(parts), as_of)
    added, user_id = (pl.col("user_id").str.splitn("|", 2).struct.field(f"field_{place}") for place in (0, 1))
    return rows.with_columns(added=added, user_id=user_id)


_ORDER_OF_COPY = pl.lit(2**62, dtype=pl.Int64) + pl.int_range(pl.len(), dtype=pl.Int64)


def _copies(known: pl.DataFrame) -> pl.DataFrame:
    """A user's latest events, and the last of them once as each action, so that no feature's action is left out."""
    latest = known.sort("user_id", "event_time", "event_order").group_by("user_id", maintain_order=True)
    last = latest.tail(1)
    codes = pl.DataFrame({"action": range(len(ACTIONS))}, schema={"action": known.schema["action"]})
    as_each = last.drop("action").join(codes, how="cross").select(known.columns)
    return pl.concat([latest.tail(COPIES).select(known.columns), as_each])


def _instant(as_of: AsOf, distance: timedelta) -> pl.Expr:
    return pl.lit(as_of.instant + distance, dtype=pl.Datetime("us", "UTC"))


def _changes(baseline: pl.DataFrame, seen: pl.DataFrame) -> list[Change]:
    columns = [name for name in baseline.columns if name not in ("user_id", "as_of_date")]
    both = seen.join(baseline, on="user_id", how="left", suffix=_BEFORE, maintain_order="left")
    found = []
    for name in columns:
        moved = both.filter(pl.col(name).ne_missing(pl.col(f"{name}{_BEFORE}")))
        values = moved.select(name, f"{name}{_BEFORE}", "added").iter_rows()
        kinds = Counter(added for after, before, added in values if not same(before, after))
        found += [Change(name, added, pairs) for added, pairs in kinds.items()]
    return found

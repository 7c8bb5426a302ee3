"""silver.events -> silver.user_events: the log as codes, whole users together in buckets, brought up to date by files.

Only files of silver.events that it has not read are read. It is made anew where that is not enough: where files that it
has read are gone, as after refining again, where the coding has changed, or where buckets have grown too large or lie
in too many files.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import polars as pl

from userprofile.config.load import config_version
from userprofile.events.user_events import Coding
from userprofile.pipelines.coded_log import coding_of, silver_schema
from userprofile.pipelines.steps import Outcome, Run, Step
from userprofile.pipelines.written_parts import written_parts
from userprofile.schemas.arrow import arrow_schema
from userprofile.schemas.events import CodedEvents, SilverUserEvents
from userprofile.schemas.ops import WrittenParts
from userprofile.spark.columnar import USER, RowGroup, dealt, moving
from userprofile.tables.row_groups import read_row_groups, row_groups
from userprofile.tables.store import TableVersion
from userprofile.versions import code_version
from userprofile.windows import in_time_order

TABLE, BUCKET = "silver.user_events", "bucket"
STEP = "deal_events"
SECTIONS = ["source", "refine_events", "build_features"]
_GROWTH = 2  # times as many events a bucket as one worker is to hold
_FILES = 64  # of a bucket at most, as each day adds one


def deal_events(run: Run, events: TableVersion) -> Step:
    """Bring silver.user_events to the version of silver.events; `buckets` in its metrics says how many there are."""
    return run.step(STEP, partial(_deal, run, events), inputs=[events], sections=SECTIONS)


def _deal(run: Run, events: TableVersion) -> Outcome:
    groups = _groups(run, events)
    known = _dealt_before(run, set(groups), events.rows)
    buckets = known.buckets if known else _fewest(run, events.rows)
    new = [group for group in groups if not (known and group in known.groups)]
    tasks = max(-(-sum(rows for *_, rows in new) // run.config.build_features.events_per_partition), 1)
    work = dealt(new, max(tasks, run.spark.sparkContext.defaultParallelism))
    users = moving(run.spark, work, _Coded(coding_of(run), events.version), by=USER, places=buckets)
    parts = users.made_of_whole(_Bucket(run.store.root, buckets), schema=arrow_schema(WrittenParts))
    written = run.store.replace_parts(
        pl.DataFrame(parts.toArrow()), TABLE, SilverUserEvents, partition=BUCKET, keep=known is not None
    )
    return Outcome([written], {"new_events": written.rows, "events": events.rows, "buckets": buckets})


@dataclass(frozen=True)
class _Dealt:
    """What silver.user_events holds."""

    groups: set[RowGroup]
    buckets: int


def _dealt_before(run: Run, groups: set[RowGroup], events: int) -> _Dealt | None:
    """None where it cannot be added to."""
    last = run.last(STEP)
    made_by = (config_version(run.config, *SECTIONS), code_version())
    if last is None or (last["config_version"], last["code_version"]) != made_by or not run.store.exists(TABLE):
        return None
    # A version that no run has recorded may hold half of what it was to hold, or all of it already.
    if run.force or run.store.pin(TABLE).version != last["outputs"][0].version:
        return None
    (read,) = (TableVersion(**pinned) for pinned in last["inputs"])
    before, buckets = set(_groups(run, read)), last["metrics"]["buckets"]
    files = len({file for file, *_ in _groups(run, last["outputs"][0])})
    is_small = events <= _GROWTH * buckets * run.config.build_features.events_per_partition and files < _FILES * buckets
    return _Dealt(before, buckets) if is_small and before <= groups else None


def _groups(run: Run, table: TableVersion) -> list[RowGroup]:
    return row_groups(run.store.path(table.table), table.version, made_by="refine_events")


def _fewest(run: Run, events: int) -> int:
    return max(-(-events // run.config.build_features.events_per_partition), run.spark.sparkContext.defaultParallelism)


@dataclass(frozen=True)
class _Coded:
    """Row groups of silver.events -> SilverUserEvents without the bucket."""

    coding: Coding
    version: int

    def __call__(self, groups: Sequence[RowGroup]) -> pl.DataFrame:
        wanted = CodedEvents.column_names()
        events = pl.DataFrame(read_row_groups(groups, silver_schema(*self.coding.reads(wanted), "is_bot")))
        coded = self.coding(events, wanted)
        return coded.with_columns(events["is_bot"], loaded=pl.lit(self.version, dtype=pl.Int64))


@dataclass(frozen=True)
class _Bucket:
    """The function of whole users that leaves a file of their bucket."""

    root: str
    buckets: int

    def __call__(self, events: pl.DataFrame) -> pl.DataFrame:
        rows = in_time_order(events).with_columns((USER % self.buckets).cast(pl.Int32).alias(BUCKET))
        return written_parts(rows, SilverUserEvents, root=self.root, table=TABLE, partition=BUCKET)

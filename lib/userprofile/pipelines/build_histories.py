"""silver.events -> gold.history_examples: histories to learn next items from, cut by leave-one-out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import dataframely as dy
import polars as pl

from userprofile.columns import CATEGORY_LEVELS
from userprofile.features.sequences import CODES, sequences_per_user
from userprofile.labels.next_event import SPLITS, leave_one_out
from userprofile.pipelines.coded_log import coded_log, coding_of
from userprofile.pipelines.dates import log_range, scoring_date
from userprofile.pipelines.steps import Outcome, Run, Step
from userprofile.pipelines.written_parts import WritingParts
from userprofile.schemas.entities import SilverCodes, SilverItems
from userprofile.schemas.gold import HistoryExamples
from userprofile.tables.store import TableVersion
from userprofile.windows import ORDER, AsOf, in_time_order

HISTORIES = "gold.history_examples"
SPLIT = "split"
SECTIONS = ["source", "refine_events", "build_features"]

CODED = [*(f"category_{level}" for level in CATEGORY_LEVELS), "brand", "colour"]

Content = tuple[int, str, int]  # an item's code, what is told of it, and the code of what


@dataclass(frozen=True)
class Histories:
    """The function of whole users that makes rows of gold.history_examples, of their events with an item."""

    as_of: AsOf
    length: int  # last events that are kept
    timezone: str

    def __call__(self, events: pl.DataFrame) -> pl.DataFrame:
        """UserEvents of whole users -> HistoryExamples."""
        ordered = in_time_order(events.filter(pl.col("item").is_not_null() & self.as_of.knows()))
        sequences = sequences_per_user(ordered, as_ofs=[self.as_of], length=self.length)
        day = pl.col("event_time").dt.convert_time_zone(self.timezone).dt.date()
        days = ordered.group_by("user_id").agg(day.tail(self.length).alias("sequence_day"))
        return leave_one_out(sequences.join(days, on="user_id"))

    def reads(self) -> set[str]:
        """The columns of events that are needed."""
        return {*ORDER, "known_at", *CODES}

    def schema(self) -> type[dy.Schema]:
        """The columns of what it returns."""
        return HistoryExamples


def build_histories(run: Run) -> Step:
    """gold.history_examples up to the end of the log, cut by leave-one-out; of people, not of bots."""
    events = run.pinned("silver.events", made_by="refine_events")
    inputs = [events, *(run.pinned(f"silver.{name}", made_by="refine_events") for name in ("items", "codes"))]
    as_of = scoring_date(run, log_range(run, events))
    histories = Histories(as_of, run.config.build_features.sequence_length, run.config.source.timezone)
    work = partial(_build, run, events, histories)
    return run.step("build_histories", work, inputs=inputs, sections=SECTIONS, as_of=as_of.date)


def _build(run: Run, events: TableVersion, histories: Histories) -> Outcome:
    coded = coded_log(run, events)
    writing = WritingParts(histories, run.store.root, HISTORIES, SPLIT, coded.places)
    parts = pl.DataFrame(coded.per_user(writing, bots=False).toArrow())
    written = run.store.replace_parts(parts, HISTORIES, HistoryExamples, partition=SPLIT)
    rows = dict(parts.group_by("partition").agg(pl.col("rows").sum()).rows())
    return Outcome([written], {f"{split}_histories": rows.get(split, 0) for split in SPLITS})


def contents_of_items(run: Run) -> list[Content]:
    """All that silver tells of items in words: levels of the category, brand, colour, and every declared attribute."""
    items, codes = (run.pinned(f"silver.{name}", made_by="refine_events") for name in ("items", "codes"))
    coded = coding_of(run).items.select("item_id", "item", *CODED)
    told = coded.unpivot(CODED, index="item", variable_name="kind", value_name="value").drop_nulls()
    words = run.store.small(codes, SilverCodes).rename({"value": "word", "code": "value"})
    attributes = run.store.small(items, SilverItems, "item_id", "attributes").explode("attributes").drop_nulls()
    declared = (
        attributes.unnest("attributes")
        .select("item_id", word="value", kind=pl.lit("attribute_") + pl.col("name"))
        .join(words, on=["kind", "word"])
        .join(coded.select("item_id", "item"), on="item_id")
    )
    return pl.concat([told, declared.select(told.columns)]).unique(maintain_order=True).rows()

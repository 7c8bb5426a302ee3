"""silver.events -> gold.new_item_histories: as gold.history_examples, some items kept out of what is learnt from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import dataframely as dy
import numpy as np
import polars as pl

from userprofile.labels.next_event import TEST
from userprofile.pipelines.build_histories import SECTIONS, SPLIT, Histories
from userprofile.pipelines.coded_log import coded_log, coding_of
from userprofile.pipelines.dates import log_range, scoring_date
from userprofile.pipelines.steps import Outcome, Run, Step
from userprofile.pipelines.written_parts import WritingParts
from userprofile.schemas.gold import HistoryExamples
from userprofile.tables.store import TableVersion

NEW_ITEM_HISTORIES = "gold.new_item_histories"


@dataclass(frozen=True)
class NewItemHistories:
    """The function of whole users that cuts their histories; parts to learn from and to validate on know no new item.

    A user's test is the last event, whatever its item, after all that came before. The parts to learn from are those of
    the user's events with other items, the last of which, too, is nowhere learnt from.
    """

    histories: Histories
    new_items: tuple[int, ...]

    def __call__(self, events: pl.DataFrame) -> pl.DataFrame:
        """UserEvents of whole users -> HistoryExamples."""
        known = self.histories(events.filter(~pl.col("item").is_in(self.new_items)))
        whole = self.histories(events)
        return pl.concat([known.filter(pl.col(SPLIT) != TEST), whole.filter(pl.col(SPLIT) == TEST)])

    def reads(self) -> set[str]:
        """The columns of events that are needed."""
        return self.histories.reads()

    def schema(self) -> type[dy.Schema]:
        """The columns of what it returns."""
        return HistoryExamples


def drawn_items(run: Run, *, share: float, seed: int) -> tuple[int, ...]:
    """Codes of a share of the catalogue's items, the same for the same seed."""
    items = np.sort(coding_of(run).items["item"].to_numpy())
    chosen = np.random.default_rng(seed).choice(items, max(round(share * len(items)), 1), replace=False)
    return tuple(sorted(chosen.tolist()))


def build_new_item_histories(run: Run, new_items: tuple[int, ...]) -> Step:
    """gold.new_item_histories up to the end of the log, of people, not of bots."""
    events = run.pinned("silver.events", made_by="refine_events")
    inputs = [events, *(run.pinned(f"silver.{name}", made_by="refine_events") for name in ("items", "codes"))]
    as_of = scoring_date(run, log_range(run, events))
    histories = Histories(as_of, run.config.build_features.sequence_length, run.config.source.timezone)
    work = partial(_build, run, events, NewItemHistories(histories, new_items))
    parameters = {"new_items": new_items}
    step = "build_new_item_histories"
    return run.step(step, work, inputs=inputs, sections=SECTIONS, parameters=parameters, as_of=as_of.date)


def _build(run: Run, events: TableVersion, histories: NewItemHistories) -> Outcome:
    coded = coded_log(run, events)
    writing = WritingParts(histories, run.store.root, NEW_ITEM_HISTORIES, SPLIT, coded.places)
    parts = pl.DataFrame(coded.per_user(writing, bots=False).toArrow())
    written = run.store.replace_parts(parts, NEW_ITEM_HISTORIES, HistoryExamples, partition=SPLIT)
    return Outcome([written], {"histories": written.rows, "new_items": len(histories.new_items)})

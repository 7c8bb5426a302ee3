"""silver.events -> gold.outcome_examples: features of a leaderboard's dates, and what came in its window after each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import dataframely as dy
import polars as pl
from deltalake import DeltaTable

from userprofile.features.catalogue import dense_names, user_features_schema
from userprofile.labels.purchase_days import PURCHASE_DAYS, with_purchase_days
from userprofile.pipelines.coded_log import coded_log
from userprofile.pipelines.engine import Engine, Labelling, category_level, feature_catalogue, names_of_codes
from userprofile.pipelines.outcome_dates import Dates
from userprofile.pipelines.population import population_statistics
from userprofile.pipelines.steps import Outcome, Run
from userprofile.pipelines.user_tables import DATE
from userprofile.pipelines.written_parts import WritingParts
from userprofile.schemas.gold import Labels, UserSequences
from userprofile.tables.store import TableVersion
from userprofile.windows import AsOf, LabelWindow, Window, in_time_order

TABLE = "gold.outcome_examples"
STEP = "outcome_examples"
SECTIONS = ["source", "refine_events", "build_features"]


@dataclass(frozen=True)
class OutcomeExamples:
    """The function of whole users that makes rows of gold.outcome_examples."""

    engine: Engine
    window: LabelWindow
    timezone: str

    def __call__(self, events: pl.DataFrame) -> pl.DataFrame:
        """UserEvents of whole users -> one row per user and date that knows them."""
        ordered = in_time_order(events)
        of_window = partial(with_purchase_days, window=self.window, timezone=self.timezone)
        return of_window(self.engine(ordered), ordered, as_ofs=self.engine.as_ofs)

    def reads(self) -> set[str]:
        """The columns of events that are needed."""
        return self.engine.reads()

    def schema(self) -> type[dy.Schema]:
        """The columns of what it returns."""
        parts = (Labels, UserSequences, user_features_schema(self.engine.catalogue))
        return type("OutcomeExamples", parts, {PURCHASE_DAYS: dy.Int64(nullable=False, min=0)})


def outcome_examples(run: Run, dates: Dates) -> TableVersion:
    """The examples of all dates, made in one pass unless they are there."""
    inputs = [run.pinned(f"silver.{name}", made_by="refine_events") for name in ("events", "items", "codes")]
    as_ofs = [dates.cut, *dates.earlier]
    parameters = {"as_ofs": [str(as_of.date) for as_of in as_ofs], "window": str(dates.window)}
    work = partial(_write, run, inputs[0], as_ofs, dates.window)
    return run.step(STEP, work, inputs=inputs, sections=SECTIONS, parameters=parameters).output(TABLE)


def _write(run: Run, events: TableVersion, as_ofs: list[AsOf], window: LabelWindow) -> Outcome:
    settings, timezone = run.config.build_features, run.config.source.timezone
    log, names = coded_log(run, events), names_of_codes(run)
    level = category_level(names, run.config.build_training_set.category_level)
    last = max(as_ofs)
    log_end = AsOf(last.date, window.end(last))
    labelling = Labelling(window, level, Window(run.config.build_training_set.churn_active_days), log_end)
    catalogue, statistics = feature_catalogue(settings, timezone), population_statistics(log, as_ofs=as_ofs)
    engine = Engine(as_ofs, catalogue, settings.sequence_length, statistics, names, labelling)
    examples = OutcomeExamples(engine, window, timezone)
    writing = WritingParts(examples, run.store.root, TABLE, DATE, log.places)
    # Bots too: a published protocol counts every user of its log.
    parts = pl.DataFrame(log.per_user(writing, bots=True).toArrow())
    written = run.store.replace_parts(parts, TABLE, examples.schema(), partition=DATE)
    return Outcome([written], {"examples": written.rows, "as_of_dates": len(as_ofs), "features": len(catalogue.names)})


def read_examples(run: Run, examples: TableVersion) -> tuple[pl.DataFrame, list[str]]:
    """Rows by date and user, without sequences, and the names of the features that are numbers."""
    names = dense_names(feature_catalogue(run.config.build_features, run.config.source.timezone))
    columns = ["user_id", "as_of_date", "label_purchase", "label_spend", PURCHASE_DAYS, *names]
    table = DeltaTable(run.store.path(examples.table), version=examples.version).to_pyarrow_table(columns=columns)
    return pl.DataFrame(table).sort("as_of_date", "user_id"), names

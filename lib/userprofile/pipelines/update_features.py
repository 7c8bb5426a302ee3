"""gold's features as of a date out of those of the latest date before it, the events carried, and the files since."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import partial
from typing import Any

import polars as pl

from userprofile.config.load import config_version
from userprofile.pipelines.build_features import SECTIONS, STEP, step_of_features, written_features
from userprofile.pipelines.coded_log import coding_of
from userprofile.pipelines.dates import log_range, scoring_date
from userprofile.pipelines.dealt_log import dealt_log
from userprofile.pipelines.engine import Engine
from userprofile.pipelines.ledger import runs
from userprofile.pipelines.places import groups_by_place
from userprofile.pipelines.steps import Outcome, Run, Step
from userprofile.pipelines.updating import Earlier, Updating
from userprofile.pipelines.user_events import deal_events
from userprofile.pipelines.user_tables import DATE, FEATURES
from userprofile.tables.row_groups import row_groups
from userprofile.tables.store import TableVersion
from userprofile.versions import code_version
from userprofile.windows import AsOf


def update_features(run: Run) -> list[Step]:
    """The step of build_features for one date, done without reading files of silver.events that were read before."""
    events = run.pinned("silver.events", made_by="refine_events")
    as_of = scoring_date(run, log_range(run, events))
    dealt = deal_events(run, events)
    return step_of_features(run, [as_of], partial(_update, run, dealt))


def _update(run: Run, dealt: Step, as_ofs: Sequence[AsOf]) -> dict[date, Outcome]:
    log = dealt_log(run, dealt)
    (as_of,) = as_ofs
    earlier = _earlier(run, as_of, log.places, log.items)
    since = str(earlier.as_of.date) if earlier else "nothing: every user is computed anew"
    run.say(f"update_features: starts from {since}")

    def started_from(engine: Engine) -> Engine:
        return Updating(**vars(engine), earlier=earlier) if earlier else engine

    outcomes = written_features(run, log, as_ofs, started_from=started_from)
    start = {"start_date": since} if earlier else {}
    return {day: Outcome(outcome.outputs, {**outcome.metrics, **start}) for day, outcome in outcomes.items()}


def _earlier(run: Run, as_of: AsOf, places: int, items: pl.DataFrame) -> Earlier | None:
    """The latest date before it, where its rows were made of the same items, by the same code and configuration, and
    lie in files of as many places."""
    row = None if run.force else _latest_before(run, as_of.date)
    if row is None:
        return None
    inputs = {pinned["table"]: TableVersion(**pinned) for pinned in row["inputs"]}
    day, features = {DATE: str(row["as_of_date"])}, run.store.pin(FEATURES)
    dealt_to, groups = groups_by_place(row_groups(run.store.path(FEATURES), features.version, partition=day))
    if dealt_to != places or not _are_the_same(run, inputs, items):
        return None
    since = AsOf.at(row["as_of_date"], run.config.source.timezone)
    return Earlier(since, inputs["silver.events"].version, groups, places)


def _latest_before(run: Run, day: date) -> dict[str, Any] | None:
    done = runs(run.store).filter(pl.col("step") == STEP, pl.col("as_of_date") < day)
    made_by = {"config_version": config_version(run.config, *SECTIONS), "code_version": code_version()}
    # What was done last for a date stands; of these dates the latest.
    for row in done.unique("as_of_date", keep="last", maintain_order=True).sort("as_of_date").tail(1).to_dicts():
        if all(row[name] == value for name, value in made_by.items()):
            return row
    return None


def _are_the_same(run: Run, inputs: dict[str, TableVersion], items: pl.DataFrame) -> bool:
    """Whether every item known then is still what it was."""
    then = coding_of(run, items=inputs["silver.items"], codes=inputs["silver.codes"]).items
    return then.join(items, on=items.columns, how="anti", nulls_equal=True).is_empty()

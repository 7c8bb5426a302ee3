"""The log as whole-user functions read it; what several passes of a step have in common is joined once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from userprofile.events.user_events import actions, item_codes, user_events
from userprofile.pipelines.steps import Run
from userprofile.schemas.entities import SilverCodes, SilverItems
from userprofile.schemas.events import SilverEvents
from userprofile.tables.store import TableVersion


@dataclass(frozen=True)
class CodedLog:
    """Silver tables in codes. Bots are left out of anything that is learnt from."""

    silver: DataFrame
    bots: DataFrame  # user_id; by user, since events taken in before a user was known for a bot carry no flag
    codes: DataFrame
    items: DataFrame  # item_codes
    arrival_lag: timedelta

    def everyone(self) -> DataFrame:
        """UserEvents of all users."""
        return self._coded(self.silver)

    def people(self) -> DataFrame:
        """UserEvents of users who are no bots."""
        return self._coded(self._of_people())

    def actions_of_people(self) -> DataFrame:
        """The same with two columns, for which nothing is joined."""
        return actions(self._of_people(), arrival_lag=self.arrival_lag)

    def _coded(self, events: DataFrame) -> DataFrame:
        return user_events(events, self.items, self.codes, arrival_lag=self.arrival_lag)

    def _of_people(self) -> DataFrame:
        return self.silver.join(F.broadcast(self.bots), "user_id", "left_anti")


@contextmanager
def coded_log(run: Run, events: TableVersion) -> Iterator[CodedLog]:
    """The log at `events`, its coded items and bots kept while the block lasts."""
    silver = run.store.read(events, SilverEvents)
    codes = run.store.read(run.pinned("silver.codes", made_by="refine_events"), SilverCodes)
    items = run.store.read(run.pinned("silver.items", made_by="refine_events"), SilverItems)
    settings = run.config.build_features
    bots = silver.where("is_bot").select("user_id").distinct().persist()
    coded = item_codes(items, codes, attributes=settings.item_attributes).persist()
    try:
        yield CodedLog(silver, bots, codes, coded, settings.arrival_lag)
    finally:
        coded.unpersist()
        bots.unpersist()

"""Saved tables for whoever writes Python: the latest profiles, the history of a user, an audience."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from userprofile.errors import DataGateError, UsageError
from userprofile.pipelines.ask_profiles import ASKED, AUDIENCES, PROFILING, Answer, answer, ask_profiles, audience_name
from userprofile.pipelines.build_report import PAGE
from userprofile.pipelines.infer_profiles import PROFILES
from userprofile.pipelines.job import as_job, opened
from userprofile.pipelines.profile_changes import CHANGES
from userprofile.pipelines.report_moment import report_folder
from userprofile.pipelines.scorings import Scored, scorings
from userprofile.schemas.apps import AppsAudiences
from userprofile.schemas.entities import SilverItems
from userprofile.schemas.events import SilverEvents
from userprofile.schemas.ops import OpsAudiences
from userprofile.schemas.profiles import ProfileChanges, UserProfiles


class Profiles:
    """What the tables of a log say of its users, as Spark DataFrames; `.toPandas()` brings a small one here.

    Each call reads the tables as they are then.
    """

    def __init__(
        self, source: str = "complete_journey", *, as_of: date | str | None = None, settings: Sequence[str] = ()
    ) -> None:
        """Of a known log or a mapping file. `as_of` looks back at an earlier date; `settings` are `key=value`."""
        self._run = opened(source, as_of=as_of, settings=settings)
        self._arguments = ["--source", source, *(["--as-of", str(as_of)] if as_of else [])]
        self._arguments += ["--set", *settings] if settings else []

    @property
    def spark(self) -> SparkSession:
        """The session that reads."""
        return self._run.spark

    def latest(self) -> DataFrame:
        """A row a user, of the newest date (or `as_of`) and the model that scored it last.

        Columns are those of gold.user_profiles (docs/profiles.md). Raises DataGateError where there are none.
        """
        rows = self._profiles()
        return scorings(self._run, rows)[0].rows(rows)

    def changes(self) -> DataFrame:
        """A row a user and date with profiles before it: tags gained and lost, scores that moved beyond noise.

        Columns are those of gold.profile_changes (docs/profiles.md). Raises DataGateError where no second date has
        been scored yet.
        """
        store = self._run.store
        if not store.exists(CHANGES):
            raise DataGateError(
                "no second date has been scored yet",
                expected=f"{CHANGES}, profiles of a date held against those of an earlier one",
                fix=f"make run SOURCE={self._run.source} AS_OF=<another date>",
            )
        return store.read(store.pin(CHANGES), ProfileChanges)

    def history(self, pseudonym: str) -> DataFrame:
        """What a user did, oldest first: columns of silver.events, and `title` of the item.

        Raises UsageError where nobody has this pseudonym.
        """
        run = self._run
        events = run.store.read(run.pinned("silver.events", made_by="refine_events"), SilverEvents)
        own = events.where(F.col("user_id") == pseudonym)
        if own.isEmpty():
            raise UsageError(
                "no user of this log has this pseudonym",
                expected="a user_id of gold.user_profiles, in full",
                received=pseudonym,
                fix="make pseudonym tells the pseudonym of a raw id",
            )
        items = run.store.read(run.pinned("silver.items", made_by="refine_events"), SilverItems)
        titled = own.join(items.select("item_id", "title"), "item_id", "left")
        return titled.select(*own.columns, "title").orderBy("event_time", "event_order")

    def audience(self, asked: str) -> DataFrame:
        """Profiles of the saved audience of this name, or else of those whom the question in words means.

        Nobody is in it who had not consented to profiling. Raises UsageError for words that are not known.
        """
        saved = self._saved(asked)
        return saved if saved is not None else answer(self._run, asked).users.select(*UserProfiles.column_names())

    def understood(self, question: str) -> Answer:
        """What a question in words is taken for: `words` for people, `sql`, and `users`, with their features beside.

        Raises UsageError for words that are not known.
        """
        return answer(self._run, question)

    def save_audience(self, question: str, name: str) -> DataFrame:
        """The audience of the question, saved under this name as `make ask_profiles` does, in the place of an earlier.

        Raises UsageError for words that are not known, and ConflictError where a job writes the tables.
        """
        arguments = [*self._arguments, "--question", question, "--audience", name]
        with as_job(self._run, "ask_profiles", arguments, question=question, audience=audience_name(name)) as run:
            ask_profiles(run)
        return self.audience(name)

    def page(self) -> str:
        """The HTML page of the last run, whole, for a notebook to show. Raises DataGateError where there is none."""
        path = report_folder(self._run) / PAGE
        if not path.is_file():
            raise DataGateError(
                "no page has been made yet", expected=str(path), fix=f"make build_report SOURCE={self._run.source}"
            )
        return path.read_text(encoding="utf-8")

    def _profiles(self) -> DataFrame:
        return self._run.store.read(self._run.pinned(PROFILES, made_by="infer_profiles"), UserProfiles)

    def _saved(self, name: str) -> DataFrame | None:
        store = self._run.store
        if not store.exists(ASKED):
            return None
        for row in store.small(store.pin(ASKED), OpsAudiences).to_dicts():
            if row["audience"] == name:
                members = store.read(store.pin(AUDIENCES), AppsAudiences).where(F.col("audience") == name)
                scored = Scored(row["as_of_date"], row["model_version"], row["features_version"])
                consenting = scored.rows(self._profiles()).where(F.array_contains("consent", PROFILING))
                return consenting.join(members.select("user_id"), "user_id", "left_semi")
        return None

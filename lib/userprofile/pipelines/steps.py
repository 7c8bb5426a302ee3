"""A run and its steps: what each read and wrote, and whether it had been done before with the same inputs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from userprofile.config.leaderboard import Board
from userprofile.config.load import config_version
from userprofile.config.settings import Config
from userprofile.errors import DataGateError, UsageError, told_of
from userprofile.pipelines.ledger import fingerprint_of, last_run, record_failure, record_runs
from userprofile.tables.commits import rows_version
from userprofile.tables.faults import faults_told
from userprofile.tables.store import Store, TableVersion
from userprofile.versions import code_version

_REFINING = ("refine_events", "replay_quarantine")
_SAME_TABLES = dict.fromkeys(_REFINING, _REFINING)  # steps that write each other's tables


@dataclass(frozen=True)
class Outcome:
    """What a step brought: tables written, and figures in domain units."""

    outputs: list[TableVersion]
    metrics: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """A step of this run, done now or found done."""

    name: str
    outcome: Outcome
    seconds: float
    was_done: bool

    def output(self, table: str) -> TableVersion:
        """The version of a table that this step left."""
        return next(pinned for pinned in self.outcome.outputs if pinned.table == table)


@dataclass
class Run:
    """Everything a pipeline needs: values decided at the edge, and the one session and store."""

    run_id: str
    config: Config
    store: Store
    started_at: datetime
    say: Callable[[str], None]
    as_ofs: tuple[date, ...] = ()
    span: tuple[date, date] | None = None  # of a backfill: its first and its last date
    source: str = ""  # as the command line names it: a known log, or the path of a mapping file
    inputs: tuple[str, ...] = ()  # files named on the command line, in the place of the mapping's
    data_folder: Path | None = None  # where relative names of known logs are found
    board: Board | None = None  # of a leaderboard: the protocol that is followed
    question: str = ""  # of ask_profiles
    audience: str = ""  # a saved audience's name
    of_run: str = ""  # of a report: the earlier run that it is about
    compared: tuple[str, str] = ("", "")  # of a comparison: the two runs
    pseudonym: str = ""  # of a card: the user
    purpose: str = ""  # of export_audience: what those in it must have consented to
    file_format: str = "csv"
    force: bool = False
    began: float = field(default_factory=time.monotonic, init=False)  # which no clock that is put right moves
    steps: list[Step] = field(default_factory=list)

    @property
    def spark(self) -> SparkSession:
        """The one session."""
        return self.store.spark

    @property
    def as_of(self) -> date | None:
        """The one as-of date asked for, if any. Raises UsageError for several: only some jobs take them."""
        if len(self.as_ofs) > 1:
            raise UsageError(
                "this job looks back from one date",
                expected="one as-of date",
                received=", ".join(map(str, self.as_ofs)),
                fix="one date at a time; build_features and backfill take several",
            )
        return self.as_ofs[0] if self.as_ofs else None

    def done(self, name: str) -> Step | None:
        """A step that this run has been through."""
        return next((step for step in self.steps if step.name == name), None)

    def pinned(self, table: str, *, made_by: str) -> TableVersion:
        """The version that an earlier step of this run left, or the table's present one.

        Raises DataGateError where the table is not there, naming the job that makes it.
        """
        step = self.done(made_by)
        if step is not None:
            return step.output(table)
        if not self.store.exists(table):
            raise DataGateError(
                f"table {table} has not been written yet",
                expected=self.store.path(table),
                received="no Delta table there",
                fix=f"make {made_by} SOURCE={self.source}",
            )
        return self.store.pin(table)

    def step(
        self,
        name: str,
        work: Callable[[], Outcome],
        *,
        inputs: Sequence[TableVersion],
        sections: Sequence[str],
        parameters: dict[str, Any] | None = None,
        as_of: date | None = None,
        again: bool = False,
    ) -> Step:
        """Do `work`, unless a step with the same inputs, parameters, configuration and code left its tables already.

        `again` does it all the same: what it left beside tables is gone.
        """
        (step,) = self.step_per_date(
            name,
            lambda _: {as_of: work()},
            inputs=inputs,
            sections=sections,
            parameters=parameters,
            as_ofs=[as_of],
            again=again,
        )
        return step

    def step_per_date(
        self,
        name: str,
        work: Callable[[list[Any]], Mapping[Any, Outcome]],
        *,
        inputs: Sequence[TableVersion],
        sections: Sequence[str],
        as_ofs: Sequence[date | None],
        parameters: dict[str, Any] | None = None,
        again: bool = False,
    ) -> list[Step]:
        """The step for each date: `work` is given those that were not done before, all at once."""
        config = config_version(self.config, *sections)
        fingerprints = {as_of: fingerprint_of(self.store, name, inputs, parameters, as_of, config) for as_of in as_ofs}
        earlier = {
            as_of: None if self.force or again else self._earlier(name, as_of, fingerprint)
            for as_of, fingerprint in fingerprints.items()
        }
        done = {as_of: Step(name, outcome, 0.0, was_done=True) for as_of, outcome in earlier.items() if outcome}
        if done:
            dates = f" ({len(done)} dates: {', '.join(map(str, done))})" if len(as_ofs) > 1 else ""
            self.say(f"{name}: done before with the same inputs, configuration and code{dates} (FORCE=1 does it again)")
        if pending := [as_of for as_of in as_ofs if as_of not in done]:
            started = time.monotonic()
            self.say(f"{name} ...")
            with self._failing(name):
                outcomes = work(pending)
            seconds = time.monotonic() - started
            worked = {as_of: Step(name, outcomes[as_of], seconds / len(pending), was_done=False) for as_of in pending}
            for step in worked.values():
                self.say(f"{name}: {_in_words(step.outcome.metrics)} in {step.seconds:.1f} s")
            self._record(worked, inputs, fingerprints, config)
            done |= worked
        steps = [done[as_of] for as_of in as_ofs]
        self.steps += steps
        return steps

    def skip(self, name: str, reason: str, *, as_of: date) -> Step:
        """A step that cannot be done with this log, and why; not an error."""
        self.say(f"{name}: skipped, {reason}")
        step = Step(name, Outcome([], {"skipped": reason}), 0.0, was_done=False)
        self._record({as_of: step}, [], {as_of: ""}, config_version(self.config))
        self.steps.append(step)
        return step

    def last(self, *steps: str, as_of: date | None = None) -> dict[str, Any] | None:
        """The latest row of ops.runs of any of these steps (of this as-of date), metrics parsed."""
        return last_run(self.store, *steps, as_of=as_of)

    @contextmanager
    def _failing(self, step: str) -> Iterator[None]:
        """What ends a step goes to ops.failures."""
        try:
            with faults_told(self.store.root):
                yield
        except Exception as error:
            code, what = told_of(error)
            with suppress(Exception):  # what ended the step is what is told
                record_failure(self.store, run_id=self.run_id, step=step, exit_code=int(code), error=what)
            raise

    def _earlier(self, name: str, as_of: date | None, fingerprint: str) -> Outcome | None:
        """What the step left when it was last done, if that was by the same fingerprint and still stands.

        An older run by the same fingerprint does not count: what came after it overwrote its rows.
        """
        rivals = _SAME_TABLES.get(name, (name,))
        last = self.last(*rivals, as_of=as_of)
        if last is None or last["step"] != name or last["fingerprint"] != fingerprint:
            return None
        stands = all(self.store.exists(pinned.table) for pinned in last["outputs"])
        return Outcome([self._as_it_is(pinned) for pinned in last["outputs"]], last["metrics"]) if stands else None

    def _as_it_is(self, pinned: TableVersion) -> TableVersion:
        """The same rows in the files that hold them now: maintenance may have put them into others."""
        now = self.store.pin(pinned.table).version
        same = now > pinned.version >= rows_version(self.store, pinned.table, now)
        return replace(pinned, version=now) if same else pinned

    def _record(
        self,
        steps: Mapping[date | None, Step],
        inputs: Sequence[TableVersion],
        fingerprints: Mapping[date | None, str],
        config: str,
    ) -> None:
        """One row a date, all in one commit."""
        rows = [
            {
                "run_id": self.run_id,
                "step": step.name,
                "started_at": self.started_at,
                "seconds": step.seconds,
                "as_of_date": as_of,
                "inputs": [vars(pinned) for pinned in inputs],
                "outputs": [vars(pinned) for pinned in step.outcome.outputs],
                "fingerprint": fingerprints[as_of],
                "config_version": config,
                "code_version": code_version(),
                "metrics": json.dumps(step.outcome.metrics, default=str),
            }
            for as_of, step in steps.items()
        ]
        record_runs(self.store, rows)


def _in_words(metrics: dict[str, Any]) -> str:
    shown = [f"{value:,} {name.replace('_', ' ')}" for name, value in metrics.items() if isinstance(value, int)]
    return ", ".join(shown) or "done"

"""A run and its steps: what each read and wrote, and whether it had been done before with the same inputs."""

from __future__ import annotations

import hashlib
import importlib.resources
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from userprofile.config.load import config_version
from userprofile.config.settings import Config
from userprofile.errors import DataGateError
from userprofile.schemas.ops import OpsRuns
from userprofile.tables.store import Store, TableVersion, Transaction

RUNS = "ops.runs"
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
    spark: SparkSession
    store: Store
    started_at: datetime
    say: Callable[[str], None]
    as_of: date | None = None
    source: str = ""  # as the command line names it: a known log, or the path of a mapping file
    inputs: tuple[str, ...] = ()  # files named on the command line, in the place of the mapping's
    data_folder: Path | None = None  # where relative names of known logs are found
    force: bool = False
    steps: list[Step] = field(default_factory=list)

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
        config = config_version(self.config, *sections)
        key = {
            "step": name,
            "inputs": [(pinned.table, pinned.version) for pinned in inputs],
            "parameters": parameters or {},
            "as_of": as_of,
            "config": config,
            "code": code_version(),
        }
        fingerprint = hashlib.sha256(json.dumps(key, default=str, sort_keys=True).encode()).hexdigest()
        earlier = None if self.force or again else self._earlier(name, as_of, fingerprint)
        if earlier is not None:
            step = Step(name, earlier, 0.0, was_done=True)
            self.say(f"{name}: done before with the same inputs, configuration and code (FORCE=1 does it again)")
        else:
            started = time.monotonic()
            self.say(f"{name} ...")
            outcome = work()
            step = Step(name, outcome, time.monotonic() - started, was_done=False)
            self.say(f"{name}: {_in_words(outcome.metrics)} in {step.seconds:.1f} s")
            self._record(step, inputs, fingerprint, config, as_of)
        self.steps.append(step)
        return step

    def skip(self, name: str, reason: str, *, as_of: date) -> Step:
        """A step that cannot be done with this log, and why; not an error."""
        self.say(f"{name}: skipped, {reason}")
        step = Step(name, Outcome([], {"skipped": reason}), 0.0, was_done=False)
        self._record(step, [], "", config_version(self.config), as_of)
        self.steps.append(step)
        return step

    def last(self, *steps: str, as_of: date | None = None) -> dict[str, Any] | None:
        """The latest row of ops.runs of any of these steps (of this as-of date), metrics parsed."""
        if not self.store.exists(RUNS):
            return None
        rows = self._runs().where(F.col("step").isin(*steps) & F.col("as_of_date").eqNullSafe(F.lit(as_of)))
        latest = rows.orderBy("started_at", ascending=False).limit(1).collect()
        if not latest:
            return None
        row = latest[0].asDict(recursive=True)
        outputs = [TableVersion(**pinned) for pinned in row["outputs"]]
        return {**row, "metrics": json.loads(row["metrics"]), "outputs": outputs}

    def _earlier(self, name: str, as_of: date | None, fingerprint: str) -> Outcome | None:
        """What the step left when it was last done, if that was by the same fingerprint and still stands.

        An older run by the same fingerprint does not count: what came after it overwrote its rows.
        """
        rivals = _SAME_TABLES.get(name, (name,))
        last = self.last(*rivals, as_of=as_of)
        if last is None or last["step"] != name or last["fingerprint"] != fingerprint:
            return None
        stands = all(self.store.exists(pinned.table) for pinned in last["outputs"])
        return Outcome(last["outputs"], last["metrics"]) if stands else None

    def _runs(self) -> DataFrame:
        return self.store.read(self.store.pin(RUNS), OpsRuns)

    def _record(
        self, step: Step, inputs: Sequence[TableVersion], fingerprint: str, config: str, as_of: date | None
    ) -> None:
        row = {
            "run_id": self.run_id,
            "step": step.name,
            "started_at": self.started_at,
            "seconds": step.seconds,
            "as_of_date": as_of,
            "inputs": [vars(pinned) for pinned in inputs],
            "outputs": [vars(pinned) for pinned in step.outcome.outputs],
            "fingerprint": fingerprint,
            "config_version": config,
            "code_version": code_version(),
            "metrics": json.dumps(step.outcome.metrics, default=str),
        }
        transaction = Transaction(f"{self.run_id}/{step.name}", 1)
        self.store.append(self.store.rows([row], OpsRuns), RUNS, OpsRuns, transaction)


@cache
def code_version() -> str:
    """A short fingerprint of the package's own source files, wherever they were loaded from."""
    hasher = hashlib.sha256()
    for name, source in sorted(_sources(importlib.resources.files("userprofile"), "")):
        hasher.update(name.encode() + b"\0" + source)
    return hasher.hexdigest()[:12]


def _sources(folder: Traversable, prefix: str) -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _sources(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith((".py", ".html")):
            yield prefix + entry.name, entry.read_bytes()


def _in_words(metrics: dict[str, Any]) -> str:
    shown = [f"{value:,} {name.replace('_', ' ')}" for name, value in metrics.items() if isinstance(value, int)]
    return ", ".join(shown) or "done"

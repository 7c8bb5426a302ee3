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

from userprofile.config.load import config_version
from userprofile.config.settings import Config
from userprofile.errors import DataGateError
from userprofile.schemas.ops import OpsRuns
from userprofile.tables.store import Store, TableVersion, Transaction

RUNS = "ops.runs"


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
    conf_folder: Path
    as_of: date | None = None
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
                fix=f"make {made_by} SOURCE={self.config.source.name}",
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
        earlier = None if self.force or again else self._earlier(fingerprint)
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

    def skip(self, name: str, reason: str) -> Step:
        """A step that cannot be done with this log, and why; not an error."""
        self.say(f"{name}: skipped, {reason}")
        step = Step(name, Outcome([], {"skipped": reason}), 0.0, was_done=False)
        self.steps.append(step)
        return step

    def last_config(self, step: str) -> tuple[str, str] | None:
        """Configuration and code version of the latest run of a step."""
        if not self.store.exists(RUNS):
            return None
        rows = self._runs().where(f"step = '{step}'").orderBy("started_at", ascending=False).limit(1).collect()
        return (rows[0]["config_version"], rows[0]["code_version"]) if rows else None

    def _earlier(self, fingerprint: str) -> Outcome | None:
        if not self.store.exists(RUNS):
            return None
        rows = (
            self._runs()
            .where(f"fingerprint = '{fingerprint}'")
            .orderBy("started_at", ascending=False)
            .limit(1)
            .collect()
        )
        if not rows:
            return None
        outputs = [TableVersion(**pinned.asDict()) for pinned in rows[0]["outputs"]]
        stands = all(self.store.exists(pinned.table) for pinned in outputs)
        return Outcome(outputs, json.loads(rows[0]["metrics"])) if stands else None

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
        elif entry.name.endswith(".py"):
            yield prefix + entry.name, entry.read_bytes()


def _in_words(metrics: dict[str, Any]) -> str:
    shown = [f"{value:,} {name.replace('_', ' ')}" for name, value in metrics.items() if isinstance(value, int)]
    return ", ".join(shown) or "done"

"""The jobs as DAGs of Airflow 3.3: copy this file into a DAG folder, one copy for each log, and change the settings.

- <log>_events, daily: takes in what came, and tells Airflow that silver was updated as of the interval's end.
- <log>_profiles, whenever silver was updated: profiles as of that date, scored by the model that serves.
- <log>_retrain, weekly: the whole path, with a new model, which serves if it is not worse.

A task starts its job as a process in the environment of the checkout: Airflow has its own, which needs nothing of ours.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from airflow.sdk import DAG, Asset, BaseOperator, CronDataIntervalTimetable, PartitionedAssetTimetable, chain
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from croniter import croniter

CHECKOUT = "/opt/userprofile"  # where `make install` was run; the same on all machines of Airflow
SOURCE = "complete_journey"  # the log: a name in conf/sources, or the path of a mapping file
INPUT: list[str] = []  # its files, where the mapping does not name them; Airflow's templates are filled in
CONF: list[str] = []  # overlays of conf/base.yaml
SET: list[str] = []  # single keys, as "train_model.processes=4"
MASTER = ""  # spark://host:7077; empty: Spark runs where the task does
SUBMIT = False  # jobs start by jobs/launchers/submit.sh, as yarn and k8s:// want it
DAILY = "0 2 * * *"  # cron, in the log's time zone
WEEKLY = "0 6 * * 1"
MODELS = ["train_model"]  # trained weekly, in this order; also pretrain_model and finetune_model
UNTIL = ""  # the last day of a log that has ended: nothing is scheduled after it
POOL = "userprofile"  # of one slot, which has to be made: airflow pools set userprofile 1 "one job at a time"
RETRIES = 3  # of what may succeed when tried again
RETRY_SECONDS = 300
HOURS = 6  # a job that takes longer is stopped, and tried again

ROOT, PYTHON = Path(CHECKOUT), Path(CHECKOUT, ".venv", "bin", "python")
MAPPING = next((path for path in (ROOT / f"conf/sources/{SOURCE}.yaml", ROOT / SOURCE) if path.is_file()), Path())
TRAINED = ("train_model", "pretrain_model", "finetune_model")
DATA_GATE = 3  # a job's exit code: the data are not there, or not as they must be


def require(holds: object, setting: str, *, expected: str, received: object) -> None:
    """A wrong setting is an import error of this file, which names it."""
    if not holds:
        raise ValueError(f"{setting} is not right; expected: {expected}; received: {received!r}")


def is_date(text: str) -> bool:
    """Whether it is one as 2017-12-31."""
    with suppress(ValueError):
        return bool(date.fromisoformat(text))
    return False


def is_number(value: Any) -> bool:
    """0 or more, and neither True nor False."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


require((ROOT / "jobs" / "run.py").is_file(), "CHECKOUT", expected="a checkout of the project", received=CHECKOUT)
require(PYTHON.exists(), "CHECKOUT", expected="one in which `make install` was run", received=CHECKOUT)
require(MAPPING.is_file(), "SOURCE", expected="a name in conf/sources, or a mapping file", received=SOURCE)
require(
    SUBMIT or re.fullmatch(r"|local.*|spark://[^:/]+:\d+(,[^:/]+:\d+)*", MASTER),
    "MASTER",
    expected="spark://host:7077, or another with SUBMIT",
    received=MASTER,
)
for name, words in (("INPUT", INPUT), ("CONF", CONF), ("SET", SET), ("MODELS", MODELS)):
    is_list = isinstance(words, list) and all(isinstance(word, str) and word for word in words)
    require(is_list, name, expected='a list of texts, as ["one"]', received=words)
for overlay in CONF:
    require((ROOT / overlay).is_file(), "CONF", expected="YAML files, relative ones below CHECKOUT", received=overlay)
for key in SET:
    require("=" in key, "SET", expected="key=value", received=key)
for model in MODELS:
    require(model in TRAINED, "MODELS", expected=f"some of {', '.join(TRAINED)}", received=model)
for name, cron in (("DAILY", DAILY), ("WEEKLY", WEEKLY)):
    require(croniter.is_valid(cron), name, expected="a cron expression", received=cron)
require(isinstance(SUBMIT, bool), "SUBMIT", expected="True or False", received=SUBMIT)
require(isinstance(POOL, str) and POOL.strip(), "POOL", expected="the name of a pool", received=POOL)
is_count = isinstance(RETRIES, int) and is_number(RETRIES)
require(is_count, "RETRIES", expected="a whole number, 0 or more", received=RETRIES)
require(is_number(RETRY_SECONDS), "RETRY_SECONDS", expected="seconds", received=RETRY_SECONDS)
require(is_number(HOURS) and HOURS, "HOURS", expected="hours, above 0", received=HOURS)
require(UNTIL == "" or is_date(UNTIL), "UNTIL", expected="a date, as 2017-12-31", received=UNTIL)

NAME, TIMEZONE = MAPPING.stem, yaml.safe_load(MAPPING.read_text())["timezone"]
SILVER = Asset(f"{NAME}.silver")


def is_retried(exit_code: int) -> bool:
    """Another writer was first, a run was stopped, or a process died by a signal (which a shell tells as 128 + n)."""
    return exit_code in (5, 6) or exit_code < 0 or exit_code > 128


def as_of_date(context: Any) -> str:
    """The day that an interval ends on, or that a partition of silver is called after: what came before it is known."""
    if context.get("partition_key"):
        return str(context["partition_key"])
    end = context.get("data_interval_end") or context["dag_run"].run_after
    return str(end.astimezone(ZoneInfo(TIMEZONE)).date())


def require_cluster() -> None:
    """A master that is away may come back, so the task is tried again; without this Spark itself would wait for it."""
    for host, port in re.findall(r"([^:/,]+):(\d+)", MASTER if MASTER.startswith("spark://") else ""):
        try:
            socket.create_connection((host, int(port)), timeout=10).close()
        except OSError as error:
            raise AirflowException(f"MASTER: no Spark cluster answers at {MASTER}: {error}") from error


def environment(correlation_id: str) -> dict[str, str]:
    """Airflow's own variables hold its secrets, and Python's its packages: neither is the job's affair."""
    strange = ("AIRFLOW", "PYTHON", "MASTER")
    own = {name: value for name, value in os.environ.items() if not name.lstrip("_").startswith(strange)}
    own |= {"MASTER": MASTER} if MASTER else {}
    told = {"PYTHONPATH": str(ROOT / "lib"), "USERPROFILE_CORRELATION_ID": correlation_id}
    return {"USERPROFILE_LOG": "text"} | own | told  # Airflow's log has its own form around each line


class Job(BaseOperator):
    """One job; its output is the task's log, its last JSON line the task's XCom `result`."""

    template_fields = ("more",)

    def __init__(self, *, job: str, more: list[str] | None = None, **airflow: Any) -> None:
        super().__init__(task_id=job, **airflow)
        self.job, self.more = job, more or []
        self.process: subprocess.Popen[str] | None = None

    def execute(self, context: Any) -> None:
        require_cluster()
        as_of = as_of_date(context)
        code, result = self.follow(self.command(as_of), context)
        context["ti"].xcom_push(key="result", value=result)
        if code == DATA_GATE:
            self.skip_what_follows()
        if code:
            how = f"died by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
            kind = AirflowException if is_retried(code) else AirflowFailException
            raise kind(f"{self.job} {how}: {result.get('error', 'its last words are above')}")
        if SILVER in self.outlets:
            context["outlet_events"][SILVER].add_partitions(as_of)

    def command(self, as_of: str) -> list[str]:
        started = [str(ROOT / "jobs/launchers/submit.sh"), self.job] if SUBMIT else [str(PYTHON), f"jobs/{self.job}.py"]
        several = {"--master": [MASTER] if MASTER else [], "--conf": CONF, "--set": SET}
        flags = [word for flag, values in several.items() if values for word in (flag, *values)]
        return [*started, "--source", SOURCE, "--as-of", as_of, *flags, *self.more]

    def follow(self, command: list[str], context: Any) -> tuple[int, dict[str, Any]]:
        """The exit code, and what the last JSON line says."""
        run_id, task = context["dag_run"].run_id, context["ti"]
        correlation_id = f"{task.dag_id}/{run_id}/{self.task_id}/{task.try_number}"
        result: dict[str, Any] = {}
        with subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment(correlation_id),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        ) as self.process:
            self.log.info("process %s of %s: %s", self.process.pid, correlation_id, " ".join(command))
            for line in self.process.stdout or ():
                self.log.info(line.rstrip("\n"))
                if line.startswith("{"):
                    with suppress(ValueError):
                        result = json.loads(line)
        return self.process.returncode, result

    def skip_what_follows(self) -> None:
        """As a branch does, but for a task that fails itself: no exception says both. The others skip in turn."""
        from airflow.sdk.execution_time import comms, task_runner  # what they hold is there once a task runs

        after = [task.task_id for task in self.downstream_list if isinstance(task, Job)]
        if after:
            task_runner.SUPERVISOR_COMMS.send(comms.SkipDownstreamTasks(tasks=after))

    def on_kill(self) -> None:
        """Airflow stops the task: the job ends in order, as at Ctrl-C, if need be after the task itself."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=45)
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)


class Watcher(BaseOperator):
    """Airflow tells a run by its last tasks, and skipped ones would make it a success: this one fails with any job."""

    def __init__(self, **airflow: Any) -> None:
        super().__init__(trigger_rule="one_failed", pool="default_pool", retries=0, **airflow)

    def execute(self, context: Any) -> None:
        run_id = context["dag_run"].run_id
        states = context["ti"].get_task_states(dag_id=self.dag_id, run_ids=[run_id])[run_id]
        failed = [name for name, state in states.items() if state == "failed"]
        raise AirflowFailException(f"failed: {', '.join(failed)}; why is in its log; what comes after it did not run")


def path(dag_id: str, schedule: Any, jobs: list[str]) -> DAG:
    """A DAG of these jobs in a row, one run at a time."""
    with DAG(
        dag_id=f"{NAME}_{dag_id}",
        schedule=schedule,
        end_date=datetime.combine(date.fromisoformat(UNTIL), datetime.max.time(), UTC) if UNTIL else None,
        catchup=False,
        max_active_runs=1,
        tags=["userprofile"],
        doc_md=__doc__,
        default_args={
            "pool": POOL,
            "retries": RETRIES,
            "retry_delay": timedelta(seconds=RETRY_SECONDS),
            "execution_timeout": timedelta(hours=HOURS),
        },
    ) as dag:
        more = {"ingest_events": ["--input", *INPUT] if INPUT else []}
        outlets = {"refine_events": [SILVER] if jobs[-1] == "refine_events" else []}
        tasks = [Job(job=job, more=more.get(job), outlets=outlets.get(job, [])) for job in jobs]
        chain(*tasks)
        tasks >> Watcher(task_id="watcher")
    return dag


EVENTS = ["ingest_events", "refine_events"]
FEATURES = ["build_features", "check_tables"]
PROFILES = ["infer_profiles", "segment_users", "build_report"]
path("events", CronDataIntervalTimetable(DAILY, timezone=TIMEZONE), EVENTS)
path("profiles", PartitionedAssetTimetable(assets=SILVER), [*FEATURES, *PROFILES])
retrain = [*EVENTS, *FEATURES, "build_training_set", *MODELS, *PROFILES]
path("retrain", CronDataIntervalTimetable(WEEKLY, timezone=TIMEZONE), retrain)

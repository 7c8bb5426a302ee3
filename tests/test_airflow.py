"""The DAGs in a real Airflow of its own: they load, refuse wrong settings, and lose nothing when a job dies."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import DeltaTable

from userprofile.errors import ExitCode
from userprofile.pipelines.run import JOBS

pytestmark = pytest.mark.slow

SHOP = ["demo_shop.users=200", "demo_shop.days=60", "demo_shop.seed=7"]
SMALL = [
    "spark.shuffle_partitions=2",
    "spark.driver_memory=1500m",
    "train_model.epochs=2",
    "train_model.processes=1",
    "build_training_set.as_of_dates=3",
]
AGAIN = ["check_tables.days=14"]  # what is checked, scored and said after is another then
AS_OF = "2024-03-01"  # the day after the shop's last
# What a run says of itself, its time and its folder; all else must be equal.
OF_THE_RUN = re.compile(r"_version$|_at$|^run_id$|^source_file$|^embedding_space$|^model_version$")
SECONDS = 900  # until a run of a DAG must have ended

# Reads changed texts of the DAG file, runs each, and tells what it raised, or what a probe returned.
IN_AIRFLOW = """
import json, sys
for text, probe in json.load(sys.stdin):
    names = {"__name__": "dag", "__doc__": ""}
    try:
        exec(compile(text, "dag.py", "exec"), names)
        said = eval(probe, names)
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
    print("SAID", json.dumps(said))
"""


def changed(text: str, **settings: Any) -> str:
    """The DAG file as a user changes it: other values in the block at its top."""
    for name, value in settings.items():
        text, found = re.subn(
            rf"(?m)^({name}\b[^=\n]*) = [^#\n]*", lambda line, value=value: f"{line[1]} = {value!r} ", text
        )
        assert found == 1, name
    return text


@dataclass
class Checkout:
    """A copy of the repository, and the Airflow that it starts."""

    root: Path
    environment: dict[str, str]

    @property
    def folder(self) -> Path:
        return self.root / "build" / f"airflow-{self.environment['AIRFLOW_PORT']}"

    def run(self, *command: str) -> str:
        """What a command says; fails with all of it where the command fails."""
        said = subprocess.run(
            command, cwd=self.root, env=self.environment, capture_output=True, text=True, check=False, timeout=SECONDS
        )
        assert said.returncode == 0, said.stdout + said.stderr
        return said.stdout

    def airflow(self, *words: str) -> str:
        return self.run("bash", "jobs/launchers/airflow.sh", *words)

    def job(self, name: str, *more: str) -> None:
        """A job without Airflow."""
        self.run(".venv/bin/python", f"jobs/{name}.py", "--source", "demo_shop", *more, "--set", *self.settings["SET"])

    @property
    def settings(self) -> dict[str, Any]:
        return {
            "CHECKOUT": str(self.root),
            "SOURCE": "demo_shop",
            "SET": [*SHOP, *SMALL, self.environment["SET"]],
            "DAILY": "0 0 * * *",
            "WEEKLY": "0 0 * * 5",
            "UNTIL": "2024-02-29",
            "RETRY_SECONDS": 1,
        }

    def dag_file(self, **settings: Any) -> str:
        return changed((self.root / "jobs/launchers/airflow_dag.py").read_text(), **self.settings | settings)

    def probe(self, *probes: tuple[str, str]) -> list[Any]:
        """What texts of the DAG file, each with an expression, come to in Airflow's own Python."""
        command = [str(Path(self.environment["AIRFLOW_VENV"], "bin", "python")), "-c", IN_AIRFLOW]
        environment = self.environment | {"AIRFLOW_HOME": str(self.root / "build" / "probes"), "PYTHONPATH": ""}
        said = subprocess.run(
            command, input=json.dumps(probes), env=environment, capture_output=True, text=True, check=False, timeout=120
        )
        assert said.returncode == 0, said.stderr
        return [json.loads(line.removeprefix("SAID ")) for line in said.stdout.splitlines() if line.startswith("SAID ")]

    @property
    def page(self) -> str:
        return f"http://127.0.0.1:{self.environment['AIRFLOW_PORT']}"

    @cached_property
    def headers(self) -> dict[str, str]:
        with urllib.request.urlopen(f"{self.page}/auth/token", timeout=60) as said:
            return {"Authorization": f"Bearer {json.load(said)['access_token']}", "Content-Type": "application/json"}

    def ask(self, path: str, body: dict[str, Any] | None = None, *, method: str | None = None) -> Any:
        """Airflow's REST API: each command of Airflow's would load all of it first."""
        data = json.dumps(body).encode() if body is not None else None
        asked = urllib.request.Request(f"{self.page}/api/v2/{path}", data=data, headers=self.headers, method=method)
        with urllib.request.urlopen(asked, timeout=60) as said:
            return json.load(said)

    def log(self, dag: str, task: str, attempt: int = 1) -> str:
        """What the logs of a task say by now, of all its runs."""
        found = self.folder.glob(f"logs/dag_id=demo_shop_{dag}/run_id=*/task_id={task}/attempt={attempt}.log")
        return "".join(path.read_text() for path in found)

    def ended(self, dag: str, runs: int = 1) -> list[tuple[str, dict[str, tuple[str, int]]]]:
        """State of each run of the DAG, the earliest date's first, once that many have ended; and of each of its tasks
        state and number of tries.
        """

        def states() -> Any:
            found = self.ask(f"dags/demo_shop_{dag}/dagRuns")["dag_runs"]
            if [run["state"] in ("success", "failed") for run in found] != [True] * runs:
                return None
            found.sort(key=lambda run: run["partition_key"] or run["logical_date"])
            return [(run["state"], self.tasks(dag, run["dag_run_id"])) for run in found]

        return wait_for(states)

    def tasks(self, dag: str, run_id: str) -> dict[str, tuple[str, int]]:
        told = self.ask(f"dags/demo_shop_{dag}/dagRuns/{urllib.parse.quote(run_id)}/taskInstances")["task_instances"]
        return {task["task_id"]: (task["state"], task["try_number"]) for task in told}

    def kill(self, dag: str, task: str, *, after: str) -> None:
        """SIGKILL for the job of the first try, once its output says that it is at work."""
        said = wait_for(lambda: log if after in (log := self.log(dag, task)) else "")
        job = int(re.findall(r"process (\d+) of demo_shop_", said)[-1])
        assert f"jobs/{task}.py" in Path(f"/proc/{job}/cmdline").read_text()
        os.kill(job, signal.SIGKILL)

    def backfill(self, dag: str, first: str, last: str) -> None:
        """By a command of Airflow's own; intervals are those that begin on these days."""
        self.airflow("backfill", "create", "--dag-id", f"demo_shop_{dag}", "--from-date", first, "--to-date", last)

    @contextmanager
    def cluster(self) -> Iterator[Path]:
        """A standalone cluster that jobs are sent to while this lasts; its folder."""
        script = ("bash", "jobs/launchers/cluster.sh")
        port = self.environment["CLUSTER_PORT"]
        self.run(*script, "up")
        (self.folder / "dags" / "shop.py").write_text(
            self.dag_file(MASTER=f"spark://127.0.0.1:{port}", SET=[*self.settings["SET"], *AGAIN])
        )
        try:
            yield self.root / "build" / f"cluster-{port}"
        finally:
            self.run(*script, "down")

    def table(self, path: Path) -> pl.DataFrame:
        """Its rows in an order of their own, without what a run says of itself."""
        rows = pl.DataFrame(DeltaTable(str(self.root / path)).to_pyarrow_table())
        rows = rows.select(name for name in rows.columns if not OF_THE_RUN.search(name))
        return rows.select(sorted(rows.columns)).with_columns(order=rows.hash_rows()).sort("order").drop("order")


def wait_for(found: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        if it := found():
            return it
        time.sleep(0.5)
    pytest.fail(f"not there after {SECONDS} s")


@pytest.fixture(scope="module")
def copied(
    checkout: Path, tmp_path_factory: pytest.TempPathFactory, few_rows_environment: dict[str, str]
) -> Callable[[], Checkout]:
    """Copies of the repository; all of them use the one environment of Airflow, in build/ of this checkout."""

    def copy() -> Checkout:
        root = tmp_path_factory.mktemp("airflow") / "checkout"
        for folder in ("lib", "jobs", "conf"):
            ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(checkout / folder, root / folder, ignore=ignored)
        (root / ".venv").symlink_to(sys.prefix)
        with socket.socket() as free, socket.socket() as other:
            free.bind(("127.0.0.1", 0))
            other.bind(("127.0.0.1", 0))
            port, master = (str(one.getsockname()[1]) for one in (free, other))
        environment = {name: value for name, value in few_rows_environment.items() if not name.startswith("AIRFLOW")}
        environment |= {"AIRFLOW_PORT": port, "AIRFLOW_VENV": str(checkout / "build" / "airflow-venv")}
        environment["CLUSTER_PORT"] = master
        there = Checkout(root, environment | {"PYTHONPATH": str(root / "lib")})
        (there.folder / "dags").mkdir(parents=True)
        (there.folder / "dags" / "shop.py").write_text(there.dag_file())
        return there

    return copy


@pytest.fixture(scope="module")
def undisturbed(copied: Callable[[], Checkout]) -> Checkout:
    """The shop's tables: taken in by `airflow dags test`, the rest of the path by its one job."""
    there = copied()
    there.job("generate_demo_shop")
    (there.folder / "dags" / "shop.py").write_text(there.dag_file(UNTIL=""))  # by hand it would do nothing after that
    there.airflow("db", "migrate")
    shutil.copy(there.folder / "airflow.db", there.folder / "empty.db")
    said = there.airflow("dags", "test", "demo_shop_events", AS_OF)
    assert re.findall(r"process \d+ of demo_shop_events/[^/]+/(\w+)/1", said) == ["ingest_events", "refine_events"]
    there.job("run", "--as-of", AS_OF)
    return there


@pytest.fixture(scope="module")
def disturbed(undisturbed: Checkout, copied: Callable[[], Checkout]) -> Iterator[Checkout]:
    """The same raw files and key elsewhere, and an Airflow whose scheduler runs."""
    there = copied()
    for folder in (".secrets", "build/demo_shop"):
        shutil.copytree(undisturbed.root / folder, there.root / folder)
    shutil.copy(undisturbed.folder / "empty.db", there.folder / "airflow.db")
    try:
        there.airflow("up")
        there.ask("pools", {"name": "userprofile", "slots": 1, "include_deferred": False})
        wait_for(lambda: there.ask("dags")["total_entries"] == 3)
        there.ask("dags?dag_id_pattern=demo_shop", {"is_paused": False}, method="PATCH")
        yield there
    finally:
        there.airflow("down")


def test_a_wrong_setting_is_an_import_error_that_names_it(copied: Callable[[], Checkout]) -> None:
    there = copied()
    there.airflow("version")  # makes the environment, where it is not there
    wrong: list[tuple[str, Any]] = [
        ("CHECKOUT", "/nowhere"),
        ("SOURCE", "demo_shp"),
        ("INPUT", "log.csv"),  # else one file a letter
        ("INPUT", [7]),
        ("CONF", ["conf/clutser.yaml"]),
        ("CONF", "conf/cluster.yaml"),
        ("SET", ["train_model.epochs"]),
        ("SET", "train_model.epochs=1"),
        ("MASTER", "spork://127.0.0.1:7077"),
        ("SUBMIT", "False"),
        ("MODELS", ["train_modle"]),
        ("DAILY", "0 25 * * *"),
        ("WEEKLY", "weekly"),
        ("UNTIL", "2024-02-30"),
        ("POOL", " "),
        ("RETRIES", -1),
        ("RETRIES", "3"),
        ("RETRY_SECONDS", "5m"),
        ("HOURS", 0),
        ("HOURS", True),
    ]
    said = there.probe(*((there.dag_file(**{name: value}), "NAME") for name, value in wrong))
    assert [error.split(" is not right")[0] for error in said] == [f"ValueError: {name}" for name, _ in wrong]
    assert all(
        str(value[0] if isinstance(value, list) else value) in error
        for (_, value), error in zip(wrong, said, strict=True)
    )


def test_what_the_dag_file_decides(copied: Callable[[], Checkout]) -> None:
    there = copied()
    context = "{'dag_run': None, 'data_interval_end': datetime.fromisoformat('%s')}"
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        lost = f"spark://127.0.0.1:{closed.getsockname()[1]}"
    grocer = there.dag_file(SOURCE="complete_journey")  # in New York
    of_tasks = "{task.task_id: [task.pool, task.retries] for task in path('again', None, retrain).tasks}"
    retried, evening, night, partition, cluster, submitted, shown, tasks = there.probe(
        (there.dag_file(), "[code for code in range(-64, 256) if is_retried(code)]"),
        (grocer, f"as_of_date({context % '2017-12-02T04:59:00+00:00'})"),
        (grocer, f"as_of_date({context % '2017-12-02T05:00:00+00:00'})"),
        (grocer, "as_of_date({'partition_key': '2017-12-02'})"),
        (there.dag_file(MASTER=lost), "require_cluster()"),
        (there.dag_file(SUBMIT=True, MASTER="yarn"), "Job(job='build_report').command('2024-03-01')"),
        (there.dag_file(), "[name for name in environment('id') if 'AIRFLOW' in name]"),
        (there.dag_file(POOL="one at a time", RETRIES=2), of_tasks),
    )
    again = {ExitCode.CONFLICT, ExitCode.INTERRUPTED}
    assert [code for code in ExitCode if code in retried] == sorted(again)
    assert set(retried) - again == {*range(-64, 0), *range(129, 256)}
    assert (evening, night, partition) == ("2017-12-01", "2017-12-02", "2017-12-02")
    assert cluster.startswith(f"AirflowException: MASTER: no Spark cluster answers at {lost}")
    assert submitted[:4] == [f"{there.root}/jobs/launchers/submit.sh", "build_report", "--source", "demo_shop"]
    assert shown == []
    assert tasks.pop("watcher") == ["default_pool", 0]
    assert {"ingest_events", "train_model", "build_report"} <= tasks.keys()
    assert set(map(tuple, tasks.values())) == {("one at a time", 2)}


def test_killed_jobs_are_tried_again_and_the_tables_end_as_in_an_undisturbed_run(
    undisturbed: Checkout, disturbed: Checkout
) -> None:
    assert disturbed.ask("importErrors")["total_entries"] == 0
    path = [*(job.__name__ for job in JOBS), "build_report"]
    daily = [job for job in path[2:] if job not in ("build_training_set", "train_model")]
    for dag, jobs in (("retrain", path), ("events", path[:2]), ("profiles", daily)):
        tasks = disturbed.ask(f"dags/demo_shop_{dag}/tasks")["tasks"]
        following = [{name, "watcher"} for name in jobs[1:]] + [{"watcher"}, set()]
        after = dict(zip([*jobs, "watcher"], following, strict=True))
        assert {task["task_id"]: set(task["downstream_task_ids"]) for task in tasks} == after

    disturbed.backfill("retrain", "2024-02-23", "2024-02-23")
    disturbed.kill("retrain", "refine_events", after="refine_events ...")
    disturbed.kill("retrain", "train_model", after="epoch 1/2")
    tries = {job: ("success", 2 if job in ("refine_events", "train_model") else 1) for job in path}
    assert disturbed.ended("retrain") == [("success", tries | {"watcher": ("skipped", 0)})]
    assert "refine_events died by SIGKILL" in disturbed.log("retrain", "refine_events")
    assert f"--as-of {AS_OF}" in disturbed.log("retrain", "build_report")
    (run,) = disturbed.ask("dags/demo_shop_retrain/dagRuns")["dag_runs"]
    of_training = f"dagRuns/{urllib.parse.quote(run['dag_run_id'])}/taskInstances/train_model"
    result = disturbed.ask(f"dags/demo_shop_retrain/{of_training}/xcomEntries/result")["value"]
    assert result["exit_code"] == 0

    left = [
        sorted(path.parent.relative_to(there.root) for path in there.root.glob("warehouse/*/[!o]*/*/_delta_log"))
        for there in (undisturbed, disturbed)
    ]
    assert left[0] == left[1]
    for table in left[0]:
        assert disturbed.table(table).equals(undisturbed.table(table)), table


def test_updated_silver_starts_profiles_on_a_cluster_and_of_a_date_without_data_nothing_follows(
    disturbed: Checkout,
) -> None:
    with disturbed.cluster() as cluster:
        disturbed.backfill("events", "2024-02-29", "2024-03-01")  # as of the day after each; data are there up to AS_OF
        assert [state for state, _ in disturbed.ended("events", runs=2)] == ["success", "success"]
        good, bad = disturbed.ended("profiles", runs=2)
        master = (cluster / "master.log").read_text()
        took_part = [path.name for path in cluster.glob("worker-*/app-*")]
    jobs = ["build_features", "check_tables", "infer_profiles", "segment_users", "build_report"]
    assert good == ("success", dict.fromkeys(jobs, ("success", 1)) | {"watcher": ("skipped", 0)})
    assert len(re.findall("Registered app", master)) == 2 * 2 + len(jobs) + 1
    assert took_part
    said = disturbed.log("profiles", "infer_profiles")
    assert f"--as-of {AS_OF} --master spark://" in said
    assert re.search(r"infer_profiles: \d+ profiles", said)  # not as done before

    state, tasks = bad
    assert state == "failed"
    assert (tasks.pop("build_features"), tasks.pop("watcher")) == (("failed", 1), ("failed", 1))
    assert len(tasks) == 4
    assert {state for state, _ in tasks.values()} == {"skipped"}
    said = disturbed.log("profiles", "build_features")
    assert "as-of date 2024-03-02 lies outside the log" in said
    assert "build_features ended with exit code 3" in said
    assert "failed: build_features; why is in its log" in disturbed.log("profiles", "watcher")

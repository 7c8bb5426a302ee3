"""The README's commands run in the order in which they stand there, and bring what it says."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from subprocess import DEVNULL

import polars as pl
import pytest
from deltalake import DeltaTable
from pyspark import SparkConf
from pyspark.java_gateway import launch_gateway

from userprofile.spark.session import jar_settings

README = (Path(__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")

SHOP = "SOURCE=demo_shop USERS=120 DAYS=60 SEED=7"
SHOP_TABLES = "warehouse/demo_shop_u120_d60_s7"
OPENED_SHOP = (
    'Profiles("demo_shop", settings=["demo_shop.users=120", "demo_shop.days=60", "demo_shop.seed=7",'
    ' "spark.driver_memory=1500m"])'
)
CLUSTER_SHOP = "SOURCE=demo_shop USERS=120 DAYS=60 SEED=5"  # another one, so that the cluster does the whole path
# For every command that can take it: what changes how long a run takes, not what it does.
SMALL_SETTINGS = (
    "spark.shuffle_partitions=2 spark.driver_memory=1500m train_model.epochs=1 build_training_set.as_of_dates=3"
)
# A command that would take minutes, and its small form; {port} is a free one, {run} and {model} are those of the first
# command, {user} one of its users. All local runs name the same shop: from the second on its steps are found done.
SMALL_FORMS = {
    "make run": f"make run {SHOP}",
    "make run SOURCE=demo_shop USERS=20000 DAYS=180 SEED=7": f"make run {SHOP}",
    "make embed_items SOURCE=demo_shop USERS=20000 DAYS=180 SEED=7": f"make embed_items {SHOP}",
    "make run AS_OF=2017-11-01": f"make run {SHOP} AS_OF=2024-01-25",  # too early to learn from, which is quick
    "make build_features AS_OF=2017-12-01,2017-11-01": f"make build_features {SHOP} AS_OF=2024-02-10,2024-02-20",
    "make backfill FROM=2017-11-01 TO=2017-11-08": f"make backfill {SHOP} FROM=2024-02-19 TO=2024-02-20",
    "make update_features DATE=2017-12-02": f"make update_features {SHOP} DATE=2024-02-21",
    "make run MASTER=spark://127.0.0.1:7077": f"make run {CLUSTER_SHOP} MASTER=spark://127.0.0.1:{{port}}",
    "MASTER=spark://127.0.0.1:7077 jobs/launchers/submit.sh build_report --source complete_journey": (
        "MASTER=spark://127.0.0.1:{port} jobs/launchers/submit.sh build_report"
        " --source demo_shop --users 120 --days 60 --seed 5"
    ),
    'make build_report CONF=my_settings.yaml SET="report=pages build_report.example_profiles=12"': (
        f'make build_report {SHOP} CONF=my_settings.yaml SET="report=pages build_report.example_profiles=12"'
    ),
    "make build_features build_catalogue CONF=my_features.yaml": (
        f"make build_features build_catalogue {SHOP} CONF=my_features.yaml"
    ),
    "make show_status": f"make show_status {SHOP}",
    "make rerun RUN=<run_id>": f"make rerun {SHOP} RUN={{run}}",
    "make check_tables CONF=expected.yaml": f"make check_tables {SHOP} CONF=expected.yaml",
    "make promote_model MODEL=<model_version>": (f"make promote_model {SHOP} MODEL={{model}}"),
    # The shop has one model; tests/test_end_to_end.py does it.
    "make rollback_model MODEL=<model_version>": "make --dry-run rollback_model MODEL={model}",
    "make maintain_tables": f"make maintain_tables {SHOP}",
    "make build_report": f"make build_report {SHOP}",
    "make build_report RUN=<run_id>": f"make build_report {SHOP} RUN={{run}}",
    "make compare_runs A=<run_id> B=<run_id>": f"make compare_runs {SHOP} A={{run}} B={{run}}",
    "make build_card PSEUDONYM=<pseudonym>": f"make build_card {SHOP} USER={{user}}",
    "make explain_score PSEUDONYM=<pseudonym> SCORE=churn": (
        f"make explain_score {SHOP} SCORE=purchase PSEUDONYM={{user}}"
    ),
    "make explain_images SOURCE=demo_shop USERS=20000 DAYS=180 SEED=7 PSEUDONYM=<pseudonym>": (
        f"make explain_images {SHOP} PSEUDONYM={{user}}"
    ),
    "make train_model NP=1": f"make train_model {SHOP} NP=1",
    "make pretrain_model": f'make pretrain_model {SHOP} SET="{SMALL_SETTINGS} pretrain_model.epochs=1"',
    "make finetune_model TASK=churn": (
        f'make finetune_model {SHOP} TASK=churn SET="{SMALL_SETTINGS} finetune_model.epochs=1"'
    ),
    "make evaluate_model": f'make evaluate_model {SHOP} SET="{SMALL_SETTINGS} evaluate_model.draws=5"',
    "make report_scaling": f'make report_scaling {SHOP} SET="{SMALL_SETTINGS} report_scaling.steps=5"',
    "make leaderboard DATA=online_retail": f"make leaderboard PROTOCOL=temporal {SHOP}",
    "make leaderboard DATA=beauty": (
        f'make leaderboard PROTOCOL=leave-one-out {SHOP} SET="{SMALL_SETTINGS} train_model.processes=1'
        ' next_items.epochs=1 next_items.network.width=8"'
    ),
    "make leaderboard PROTOCOL=temporal SOURCE=my_log.yaml INPUT=my_log.csv": (
        f"make leaderboard DATA=conf/leaderboard/temporal.yaml {SHOP}"
    ),
    'make infer_profiles build_tag_catalogue SET="tags.file=my_tags.yaml"': (
        f'make infer_profiles build_tag_catalogue {SHOP} SET="{SMALL_SETTINGS} tags.file=my_tags.yaml"'
    ),
    "make infer_profiles build_tag_catalogue": f"make infer_profiles build_tag_catalogue {SHOP}",
    "make export_audience AUDIENCE=cats PURPOSE=personalisation FORMAT=parquet": (
        f"make export_audience {SHOP} AUDIENCE=cats PURPOSE=personalisation FORMAT=parquet"
    ),
    "make check_profiles build_tag_catalogue": f"make check_profiles build_tag_catalogue {SHOP}",
    'make ask_profiles Q="cat food enthusiasts who have not bought for 14 days and use coupons" AUDIENCE=cats': (
        f'make ask_profiles {SHOP} Q="phone enthusiasts who have not bought for 14 days and use coupons" AUDIENCE=cats'
    ),
    "make audit_features select_features": f"make audit_features select_features {SHOP}",
    # .ci/run does the first before this suite; the second is minutes even when small.
    "make lint": "make --dry-run lint",
    "make airflow-demo": "make --dry-run airflow-demo",  # minutes; test_airflow.py does the same
    "make bench-path": "make --dry-run bench-path",
    "make bench-features": "make --dry-run bench-features",
    "make bench-training": "make --dry-run bench-training",
    "make bench-model": "make --dry-run bench-model",
    "make bench-pretraining": "make --dry-run bench-pretraining",
    "make tensorboard": "make --dry-run tensorboard",  # it serves until it is stopped; test_tensorboard.py stops it
    "make bench-reasons": "make --dry-run bench-reasons",
    "make bench-report": "make --dry-run bench-report",
    "make bench-startup": "make --dry-run bench-startup",
    "make chaos": "make --dry-run chaos",  # many minutes
}
WORD_FOR_WORD = (
    "make run SOURCE=my_shop.yaml INPUT=my_shop.csv",
    "sed -i 's/order: purchase,/order: purchase, wishlist: favourite,/' my_shop.yaml",
    "make replay_quarantine SOURCE=my_shop.yaml INPUT=my_shop.csv",
    "make cluster-up",
    "make cluster-down",
    "tail -n +2 my_shop.csv | cut -d ';' -f 2 | sort -u | make pseudonym",
    "make doctor",
    ".venv/bin/python jobs/run.py --help",
)
EXCEPTED = ("make test",)  # it is what runs this test
# The other local commands find a JVM that runs already: to start one takes as long as most of them.
WITH_A_JVM_OF_ITS_OWN = re.compile("MASTER=|cluster|USERS=20000")
SECONDS_PER_COMMAND = 600


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the file that it is to be saved as, if any, and its text."""

    language: str
    file: str
    text: str


BLOCKS = [Block(*found) for found in re.findall(r"^```(\w+) ?([\w.]*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)]
COMMANDS = [line for block in BLOCKS if block.language == "bash" for line in block.text.splitlines() if line]


@dataclass
class Checkout:
    """A copy of the repository whose .venv is the environment that runs this test."""

    root: Path
    environment: dict[str, str]
    port: int

    def run(self, command: str, **more: str) -> str:
        """Standard output; fails with all that was said where the command fails."""
        shell = ["bash", "-o", "pipefail", "-c", command]
        with subprocess.Popen(
            shell,
            cwd=self.root,
            env=self.environment | more,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                said, complained = process.communicate(timeout=SECONDS_PER_COMMAND)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                pytest.fail(f"{command}: not done after {SECONDS_PER_COMMAND} s")
        assert process.returncode == 0, f"{command}\n{said}\n{complained}"
        return said

    def user(self) -> str:
        """Who bought most of those who have a profile and consent to all that is said of users, once there are any.

        Pseudonyms are others in every checkout, and who did nothing but search has met no picture.
        """
        path = Path(SHOP_TABLES).name + "/gold/user_profiles"
        if not (self.root / "warehouse" / path).exists():
            return ""
        profiles = pl.read_delta(str(self.root / "warehouse" / path), columns=["user_id", "consent", "orders_all"])
        consent = pl.col("consent").list.contains
        consenting = profiles.filter(consent("profiling") & consent("personalisation"))
        return str(consenting.sort("orders_all", "user_id")["user_id"][-1])

    def table(self, path: str) -> DeltaTable:
        return DeltaTable(str(self.root / "warehouse" / path))


@pytest.fixture(scope="module")
def copy(
    tmp_path_factory: pytest.TempPathFactory, checkout: Path, few_rows_environment: dict[str, str]
) -> Iterator[Checkout]:
    root = tmp_path_factory.mktemp("readme") / "userprofile"
    for folder in ("lib", "jobs", "conf"):
        shutil.copytree(checkout / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for file in ("Makefile", "setup.cfg", "pyproject.toml"):
        shutil.copy2(checkout / file, root / file)
    (root / ".venv").mkdir()
    for part in ("bin", "lib", "pyvenv.cfg", "jars"):
        if (Path(sys.prefix) / part).exists():
            (root / ".venv" / part).symlink_to(Path(sys.prefix) / part)
    (root / ".venv" / ".installed").touch()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    of_make = re.findall(r"\$\(call \w+,([A-Z_]+),", (root / "Makefile").read_text())
    inherited = {"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "INPUT", "USERPROFILE_DATA", *of_make}
    environment = {name: value for name, value in few_rows_environment.items() if name not in inherited}
    environment |= {"PYTHONPATH": str(root / "lib"), "SET": f"{SMALL_SETTINGS} {few_rows_environment['SET']}"}
    environment |= {"CLUSTER_PORT": str(port), "WORKER_MEMORY": "2g"}
    there = Checkout(root, environment, port)
    yield there
    there.run("bash jobs/launchers/cluster.sh down")


@pytest.fixture(scope="module")
def warm_jvm(copy: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What tells a job of a JVM that waits for it, as spark-submit starts one."""
    folder = tmp_path_factory.mktemp("jvm")
    settings = {
        "spark.master": "local[*]",
        "spark.driver.memory": "1500m",
        "spark.driver.extraJavaOptions": copy.environment["SPARK_SUBMIT_OPTS"],
        **jar_settings(),
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.executorEnv.PYTHONPATH": str(copy.root / "lib"),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.local.dir": str(folder / "local"),
    }
    gateway = launch_gateway(SparkConf(loadDefaults=False).setAll(list(settings.items())), {"stderr": DEVNULL})
    yield {
        "PYSPARK_GATEWAY_PORT": str(gateway.java_parameters.port),
        "PYSPARK_GATEWAY_SECRET": gateway.java_parameters.auth_token,
        "PYSPARK_PYTHON": sys.executable,
    }
    gateway.proc.stdin.close()
    gateway.proc.wait()


def first_of(said: dict[str, str]) -> dict[str, str]:
    """The run that the first command made, and its model, by the names that small forms call them."""
    if not said:
        return {}
    told = json.loads(said["make run"].splitlines()[-1])
    return {"{run}": told["run_id"], "{model}": told["metrics"]["train_model"]["model_version"]}


def test_every_command_is_known() -> None:
    assert [command for command in COMMANDS if command not in (*SMALL_FORMS, *WORD_FOR_WORD, *EXCEPTED)] == []
    assert [command for command in (*SMALL_FORMS, *WORD_FOR_WORD, *EXCEPTED) if command not in COMMANDS] == []


@pytest.mark.slow
def test_the_commands_run_and_bring_what_the_readme_says(copy: Checkout, warm_jvm: dict[str, str]) -> None:
    said: dict[str, str] = {}
    for block in BLOCKS:
        if block.file:
            (copy.root / block.file).write_text(block.text)
        elif block.language == "python":
            of_shop = block.text.replace("warehouse/complete_journey", SHOP_TABLES)
            (copy.root / "block.py").write_text(of_shop.replace('Profiles("complete_journey")', OPENED_SHOP))
            said[block.text] = copy.run(".venv/bin/python block.py")
        elif block.language == "bash":
            for command in block.text.splitlines():
                if command not in EXCEPTED:
                    small = SMALL_FORMS.get(command, command)
                    jvm = {} if WITH_A_JVM_OF_ITS_OWN.search(command) else warm_jvm
                    known = {"{port}": str(copy.port), "{user}": copy.user(), **first_of(said)}
                    small = reduce(lambda text, name: text.replace(name, known[name]), known, small)
                    said[command] = copy.run(small, **jvm)

    first = said["make run"]
    assert json.loads(first.splitlines()[-1])["exit_code"] == 0
    assert f"demo_shop: {SHOP_TABLES}" in first.replace(f"{copy.root}/", "")
    on_cluster = said["make run MASTER=spark://127.0.0.1:7077"]
    assert "2 ranks" in on_cluster  # on executors: the driver starts none where a master is named
    assert json.loads(on_cluster.splitlines()[-1])["tables"]["gold.user_profiles"]["rows"] > 100
    assert "unknown_action" in next(output for text, output in said.items() if "quarantine/events" in text)
    assert copy.table("my_shop/quarantine/events").to_pyarrow_table().num_rows == 0
    assert copy.table("my_shop/silver/events").to_pyarrow_table().num_rows == 8
    profiles = copy.table("my_shop/gold/user_profiles").to_pyarrow_table()
    assert profiles.num_rows == 3
    assert profiles["purchase_probability"].null_count == 3
    names = next(output for command, output in said.items() if "make pseudonym" in command).split()
    assert sorted(names) == sorted(profiles["user_id"].to_pylist())
    catalogue = copy.root / "report" / Path(SHOP_TABLES).name / "catalogue.md"
    assert "weekend_purchases_90d" in catalogue.read_text()
    audited = json.loads((copy.root / "report" / Path(SHOP_TABLES).name / "feature_audit.json").read_text())
    assert any(drift["later"].startswith("scored as of") for drift in audited["drifts"])
    scales = json.loads((copy.root / "report" / Path(SHOP_TABLES).name / "scaling.json").read_text())
    assert [(scale["ranks"], len(scale["shares"])) for scale in scales] == [(1, 1), (2, 2)]
    assert all(scale["examples_per_second"] > 0 for scale in scales)
    assert all(sum(shares.values()) == pytest.approx(1) for scale in scales for shares in scale["shares"])
    page = copy.root / "pages" / Path(SHOP_TABLES).name / "index.html"
    assert page.read_text().count("data-user=") == 12

"""Shell scripts and make targets: they parse, they map variables to flags, and the small cluster is real."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]
SCRIPTS = [*sorted(CHECKOUT.glob("jobs/*/*.sh")), CHECKOUT / ".ci" / "run"]

JOB = """
import sys
from pathlib import Path
import polars as pl
import pyarrow as pa
import userprofile
from userprofile.spark.columnar import USER, moving
from userprofile.spark.session import build_session

spark = build_session(application="trivial", master=sys.argv[1], driver_memory="512m", shuffle_partitions=2,
                      settings={"spark.executor.memory": "512m",
                                "spark.executor.extraJavaOptions": "-XX:TieredStopAtLevel=1"}, verbose=False)
events = pl.DataFrame({"user_id": [f"{number % 7:032x}" for number in range(100)]})
schema = pa.schema([("user_id", pa.string()), ("len", pa.int64())])
users = moving(spark, [[("no file", 0, 100)]], lambda groups: events, by=USER, places=4)
counted = users.made_of_whole(lambda frame: frame.group_by("user_id").len(), schema=schema)
rows = counted.collect()
print(*set(spark.sparkContext.parallelize([0], 1).map(lambda _: userprofile.__file__).collect()))
print("users", len(rows), "events", sum(row["len"] for row in rows), "from", Path(userprofile.__file__).parents[1])
spark.stop()
"""


def ran(*command: str, cwd: Path = CHECKOUT, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, check=False, timeout=600
    )


def made(*words: str, **environment: str) -> str:
    """What make would run, installing left out."""
    return ran("make", "-n", "-o", ".venv/.installed", "-o", "install", *words, **environment).stdout.strip()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_shell_syntax(script: Path) -> None:
    assert ran("bash", "-n", str(script)).stderr == ""
    assert os.access(script, os.X_OK)


def test_make_alone_lists_every_target() -> None:
    said = ran("make").stdout
    listed = {line.split()[0] for line in said.splitlines() if line.startswith("  ") and line.split()}
    phony = next(line for line in (CHECKOUT / "Makefile").read_text().splitlines() if line.startswith(".PHONY"))
    assert {name for name in phony.split()[1:] if not name.startswith("$")} <= listed
    assert "SOURCE" in said


def test_make_maps_variables_to_flags_once_for_all_jobs() -> None:
    said = made(
        "infer_profiles",
        "SOURCE=demo_shop",
        "AS_OF=2024-05-01",
        "USERS=9",
        "SET=a.b=1 c=2",
        "INPUT=x.csv y.csv",
        "VERBOSE=1",
    )
    assert said.endswith(
        "jobs/infer_profiles.py --source 'demo_shop' --input 'x.csv' --input 'y.csv' --as-of '2024-05-01' --users '9' "
        "--set 'a.b=1' --set 'c=2' --verbose"
    )


def test_a_leaderboard_names_its_own_log_unless_another_is_given() -> None:
    assert made("leaderboard", "DATA=taobao") == ".venv/bin/python jobs/leaderboard.py --data 'taobao'"
    said = made("leaderboard", "PROTOCOL=temporal", "SOURCE=my_shop.yaml")
    assert said == ".venv/bin/python jobs/leaderboard.py --source 'my_shop.yaml' --data 'temporal'"


def test_make_takes_no_user_from_the_environment() -> None:
    assert made("run", USER="root") == ".venv/bin/python jobs/run.py --source 'complete_journey'"
    assert made("run", "VERBOSE=0", "FORCE=").endswith("--source 'complete_journey'")


def test_submit_and_cluster_say_how_they_are_used() -> None:
    for script in ("submit.sh", "cluster.sh"):
        wrong = ran("bash", str(CHECKOUT / "jobs" / "launchers" / script), "no_such_thing")
        assert wrong.returncode == 2
        assert "usage:" in wrong.stderr
    assert "doctor" in ran("bash", str(CHECKOUT / "jobs" / "launchers" / "submit.sh")).stderr


def test_a_port_that_is_taken_is_named_and_nothing_starts(copy: Path) -> None:
    script = str(copy / "jobs" / "launchers" / "cluster.sh")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        up = ran("bash", script, "up", CLUSTER_PORT=port)
    assert up.returncode == 4
    assert f"something else listens on port {port}; fix: CLUSTER_PORT=<another>" in up.stderr
    assert not (copy / "build").exists()


@pytest.fixture
def no_compiler(tmp_path: Path) -> str:
    """A PATH on which nothing can be built."""
    for tool in ("bash", "sed", "cat", "dirname"):
        (tmp_path / tool).symlink_to(shutil.which(tool) or tool)
    return str(tmp_path)


def test_horovod_is_built_once_and_without_a_compiler_the_fix_is_said(no_compiler: str, tmp_path: Path) -> None:
    python = CHECKOUT / ".venv" / "bin" / "python"
    if not python.exists():
        pytest.skip("needs the installed environment: make install")
    command = ("bash", str(CHECKOUT / "jobs" / "setup" / "horovod_wheel.sh"), str(python))
    elsewhere = ran(*command, PATH=no_compiler, USERPROFILE_CACHE=str(tmp_path / "cache"))
    assert elsewhere.returncode == 4
    assert "g++ is missing" in elsewhere.stderr
    assert "fix: apt-get install g++" in elsewhere.stderr
    kept = ran(*command, PATH=no_compiler)
    if kept.returncode == 4:
        pytest.skip("the wheel of this install is not in the cache any more: rm .venv/.installed && make install")
    assert Path(kept.stdout.strip()).is_file()


@pytest.mark.slow
def test_a_job_on_the_cluster_by_submit_and_by_python(
    cluster: str, copy: Path, tmp_path: Path, few_rows_environment: dict[str, str]
) -> None:
    (copy / "jobs" / "trivial.py").write_text(JOB)
    short_lived = few_rows_environment["SPARK_SUBMIT_OPTS"]
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    submit = str(copy / "jobs" / "launchers" / "submit.sh")
    submitted = ran("bash", submit, "trivial", "ignored", cwd=elsewhere, MASTER=cluster, SPARK_SUBMIT_OPTS=short_lived)
    assert submitted.returncode == 0, submitted.stderr
    assert "users 7 events 100 from " in submitted.stdout
    assert ".zip" in submitted.stdout  # the driver itself runs what was shipped
    python = str(copy / ".venv" / "bin" / "python")
    plain = ran(
        python,
        str(copy / "jobs" / "trivial.py"),
        cluster,
        cwd=elsewhere,
        PYTHONPATH=str(copy / "lib"),
        SPARK_SUBMIT_OPTS=short_lived,
    )
    assert plain.returncode == 0, plain.stderr
    executors, said = plain.stdout.splitlines()
    assert ".zip" in executors
    assert said.startswith("users 7 events 100")
    assert plain.stderr == ""


@pytest.mark.slow
def test_submit_passes_arguments_and_exit_codes_on(copy: Path, tmp_path: Path) -> None:
    (copy / "jobs" / "ending.py").write_text("import sys\nprint(sys.argv[1:])\nsys.exit(int(sys.argv[1]))\n")
    ended = ran("bash", str(copy / "jobs" / "launchers" / "submit.sh"), "ending", "3", "two words", cwd=tmp_path)
    assert ended.returncode == 3, ended.stderr
    assert "['3', 'two words']" in ended.stdout

"""The whole path on a real standalone cluster: a master, two workers, ranks on their executors."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SHOP = ["--source", "demo_shop", "--users", "200", "--days", "120", "--seed", "5"]
SMALL = ["train_model.epochs=1", "train_model.batch_rows=64", "build_training_set.as_of_dates=3"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def cluster(checkout: Path, python_environment: dict[str, str]) -> Iterator[dict[str, str]]:
    """The environment in which MASTER names a running cluster."""
    port = free_port()
    environment = {**python_environment, "CLUSTER_PORT": str(port), "MASTER": f"spark://127.0.0.1:{port}"}
    script = ["bash", str(checkout / "jobs" / "launchers" / "cluster.sh")]
    subprocess.run([*script, "up"], env=environment, check=True, timeout=180)
    yield environment
    subprocess.run([*script, "down"], env=environment, check=True, timeout=60)


def settings(folder: Path) -> list[str]:
    folders = [f"{part}={folder / part}" for part in ("warehouse", "models", "report", "build", "pseudonym_key")]
    return ["--set", *folders, *SMALL]


def run_job(command: list[str], environment: dict[str, str]) -> dict:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=540)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1]) | {"printed": done.stdout}


def test_the_whole_path_runs_on_a_cluster(cluster, checkout, tmp_path):
    command = [
        sys.executable,
        str(checkout / "jobs" / "run.py"),
        *SHOP,
        "--master",
        cluster["MASTER"],
        *settings(tmp_path),
    ]
    result = run_job(command, cluster)
    assert result["tables"]["gold.user_profiles"]["rows"] > 150
    assert "2 ranks" in result["printed"]  # both on executors: the driver starts none when a master is named
    profiles = result["tables"]["gold.user_profiles"]["rows"]

    # The same job by spark-submit finds everything done: same code, same tables.
    submit = ["bash", str(checkout / "jobs" / "launchers" / "submit.sh"), "infer_profiles", *SHOP, *settings(tmp_path)]
    again = run_job(submit, cluster)
    assert again["tables"]["gold.user_profiles"]["rows"] == profiles

"""Two real jobs on one date of one warehouse: one does it, the other ends with code 5, and is done when begun again."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from deltalake import DeltaTable

from userprofile.pipelines.build_features import build_features


def is_held(lock: Path, process: int) -> bool:
    """Whether the lock of a warehouse's jobs names this process."""
    return lock.exists() and f'"process": {process}' in lock.read_text()


@pytest.mark.slow
def test_of_two_jobs_on_one_date_one_ends_with_code_5(job, refined, tmp_path, checkout, few_rows_environment):
    settings = [f"{part}={tmp_path / part}" for part in ("warehouse", "models", "report", "build")]
    settings += [f"pseudonym_key={tmp_path / 'secrets' / 'pseudonym.key'}", "spark.shuffle_partitions=2"]
    arguments = ["--source", refined, "--as-of", "2024-01-20"]
    command = [sys.executable, str(checkout / "jobs/build_features.py"), *arguments, "--set", *settings]
    command.append("spark.driver_memory=600m")
    lock = tmp_path / "warehouse/my_shop/.job.lock"
    with subprocess.Popen(command, cwd=checkout, env=few_rows_environment, stdout=subprocess.DEVNULL) as first:
        latest = time.monotonic() + 180
        while not is_held(lock, first.pid):
            assert first.poll() is None, "it ended before it began"
            assert time.monotonic() < latest
            time.sleep(0.005)
        second = job("build_features", build_features, *arguments)
        assert first.wait(timeout=180) == 0
    assert second.code == 5, second.errors
    assert "another job is writing to" in second.errors
    assert "fix: try again when it has ended" in second.errors
    assert job("build_features", build_features, *arguments).code == 0
    features = DeltaTable(str(tmp_path / "warehouse/my_shop/gold/user_features"))
    rows = features.to_pyarrow_table(columns=["user_id", "as_of_date"]).to_pylist()
    assert len(rows) == len({tuple(row.values()) for row in rows}) == 2

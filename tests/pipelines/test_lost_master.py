"""A cluster whose master is killed under a job: the job ends as if it were there; the next one says what to do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest
from deltalake import DeltaTable


@pytest.mark.slow
def test_a_lost_master_ends_no_job_and_the_next_one_names_it(cluster, copy, mapping, good, log, tmp_path, checkout):
    settings = [f"{part}={tmp_path / part}" for part in ("warehouse", "models", "report", "build", "pseudonym_key")]
    settings += ["spark.driver_memory=600m", 'spark.settings={"spark.executor.memory":"512m"}']
    command = [sys.executable, str(checkout / "jobs/ingest_events.py"), "--source", mapping, "--input", log(good)]
    command += ["--master", cluster, "--set", *settings]
    ran = {"cwd": checkout, "env": {**os.environ, "PYTHONPATH": str(checkout / "lib")}, "text": True}
    with subprocess.Popen(command, stdout=subprocess.PIPE, **ran) as job:
        assert job.stdout
        begun = next(line for line in job.stdout if "ingest_events ..." in line)
        assert begun
        (pid,) = copy.glob("build/cluster-*/master.pid")
        os.kill(int(pid.read_text()), signal.SIGKILL)
        last = job.stdout.read().splitlines()[-1]
    assert json.loads(last)["exit_code"] == job.returncode == 0
    assert DeltaTable(str(tmp_path / "warehouse/my_shop/bronze/events")).count() == 3
    ended = subprocess.run(command, capture_output=True, **ran)
    assert ended.returncode == 4
    assert f"no Spark master answers at {cluster}" in ended.stderr
    assert "fix: make cluster-up" in ended.stderr

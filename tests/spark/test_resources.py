"""Cores for ranks, on a real, small cluster one of whose workers is killed, and comes back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

# Says how each demand ended, and waits for a line before the next one.
DRIVER = """
import sys
from datetime import timedelta
from userprofile.errors import UserprofileError
from userprofile.spark.resources import require_slots
from userprofile.spark.session import build_session

spark = build_session(application="slots", master=sys.argv[1], driver_memory="512m", shuffle_partitions=2,
                      settings={"spark.executor.memory": "512m"}, verbose=False)
for line in sys.stdin:
    wanted, seconds = map(int, line.split())
    try:
        require_slots(spark.sparkContext, wanted, within=timedelta(seconds=seconds))
        print("there", flush=True)
    except UserprofileError as error:
        print(int(error.exit_code), error.what, flush=True)
spark.stop()
"""


@pytest.mark.slow
def test_cores_that_a_cluster_lost_are_waited_for_and_those_it_never_had_are_refused(
    cluster: str, copy: Path, few_rows_environment: dict[str, str]
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", DRIVER, cluster],
        env=few_rows_environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as driver:
        assert driver.stdin
        assert driver.stdout

        def asked(slots: int, *, seconds: int) -> str:
            print(slots, seconds, file=driver.stdin, flush=True)
            return driver.stdout.readline().strip()

        assert asked(2, seconds=120) == "there"
        assert asked(3, seconds=1).startswith("4 the cluster has too few slots")
        (file,) = copy.glob("build/cluster-*/worker-2.pid")
        worker = psutil.Process(int(file.read_text()))
        command, environment = worker.cmdline(), worker.environ()
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait(timeout=30)
        lost = asked(2, seconds=1)
        while lost == "there":  # until the driver knows
            lost = asked(2, seconds=1)
        assert lost.startswith(f"6 the cluster {cluster} lost executors that did not come back within 0:00:01")
        with open(file.with_suffix(".log"), "a") as log:
            again = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        file.write_text(str(again.pid))
        assert asked(2, seconds=120) == "there"
        driver.stdin.close()

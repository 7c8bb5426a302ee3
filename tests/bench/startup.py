"""make bench-startup: seconds from a job's start to its first Spark task, and of a whole path with nothing to do."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from job_runs import ran
from measure import CHECKOUT, Measure, publish

SOURCE = ["demo_shop", "--users", "300", "--days", "150"]
COMMAND = "make bench-startup"
ROUNDS = 5
# What every job does before its own work, and a task, which says when it began.
FIRST_TASK = f"""
import os, sys, time
from pathlib import Path
from userprofile.doctor import exit_on_mismatch
exit_on_mismatch("startup")
from userprofile.pipelines.job import run_job
def first_task(run):
    (began,) = run.spark.sparkContext.parallelize([0], 1).map(lambda _: time.time()).collect()
    Path(sys.argv[2]).write_text(str(began))
run_job("startup", first_task, conf_folder=Path({str(CHECKOUT / "conf")!r}), arguments=["--warehouse", sys.argv[1]])
"""


def main() -> int:
    """Exit code 1 where a must is missed, the job's where one fails."""
    with tempfile.TemporaryDirectory(prefix="bench-startup-") as name:
        folder = Path(name)
        try:
            for _ in range(2):  # the second time the page shows what the first left
                ran(folder, "run", source=SOURCE)
            return publish("startup", list(measures_of(folder)))
        except subprocess.CalledProcessError as error:
            print(error.stdout, error.stderr, sep="\n", file=sys.stderr)
            return error.returncode


def measures_of(folder: Path) -> Iterator[Measure]:
    """Medians; each process is a new one."""
    starts = [_seconds_to_first_task(folder) for _ in range(ROUNDS)]
    yield Measure("from a job's start to its first Spark task", median(starts), "s", "<= 12", "", COMMAND)
    nothing = []
    for _ in range(ROUNDS):
        began = time.monotonic()
        ended = ran(folder, "run", source=SOURCE)
        nothing.append(time.monotonic() - began)
        assert set(ended["steps"].values()) == {0.0}, ended["steps"]
    yield Measure("the whole path again with nothing to do", median(nothing), "s", "<= 30", "", COMMAND)


def _seconds_to_first_task(folder: Path) -> float:
    told, began = folder / "first_task", time.time()
    command = [sys.executable, "-c", FIRST_TASK, str(folder / "startup"), str(told)]
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT / "lib")}
    subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return float(told.read_text()) - began


if __name__ == "__main__":
    sys.exit(main())

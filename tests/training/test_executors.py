"""Ranks on the executors of a real, small cluster: the weights of ranks on one machine, and an orderly stop."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from userprofile.errors import EnvironmentMismatchError, ExitCode
from userprofile.training.executors import train_on_executors
from userprofile.training.launch import launch
from userprofile.training.request import TrainingRequest
from userprofile.training.trained import HISTORY, Trained

# Stops itself after an epoch, if one is named.
DRIVER = """
import os, signal, sys
from datetime import timedelta
from pathlib import Path
from userprofile.errors import UserprofileError
from userprofile.spark.session import build_session
from userprofile.training.launch import launch
from userprofile.training.request import TrainingRequest

master, order, results, last, sent = sys.argv[1:]
spark = build_session(application="training", master=master, driver_memory="512m", shuffle_partitions=2,
                      settings={"spark.executor.memory": "512m",
                                "spark.executor.extraJavaOptions": "-XX:TieredStopAtLevel=1"}, verbose=False)

def report(line):
    print(line, flush=True)
    if line.startswith(f"epoch {last}/"):
        os.kill(os.getpid(), signal.Signals[sent])

request = TrainingRequest.from_json(Path(order).read_text())
try:
    trained = launch(request, processes=2, spark=spark, workplace=Path(results), report=report,
                     slots_within=timedelta(minutes=2))
except UserprofileError as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit_code)
for name, content in trained.files.items():
    Path(results, name).write_bytes(content)
"""

Driven = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def driven(cluster: str, workplace: Path, tmp_path: Path, few_rows_environment: dict[str, str]) -> Driven:
    """A training by a driver of its own, which sends itself a signal after an epoch."""

    def drive(request: TrainingRequest, *, last: int = 0, sent: str = "SIGINT") -> subprocess.CompletedProcess[str]:
        order = tmp_path / "order.json"
        order.write_text(request.to_json())
        command = [sys.executable, "-c", DRIVER, cluster, str(order), str(workplace), str(last), sent]
        return subprocess.run(command, env=few_rows_environment, capture_output=True, text=True, timeout=400)

    return drive


@pytest.mark.slow
def test_who_is_stopped_on_executors_goes_on_from_the_very_step(
    request_for, driven, workplace, tmp_path, weights_of, dropping
):
    checkpoints = tmp_path / "checkpoints"
    checkpoints.mkdir()
    request = request_for(
        epochs=60, patience=60, checkpoints=str(checkpoints), checkpoint_steps=10_000, settings=dropping
    )
    by_keyboard, by_scheduler = driven(request, last=2), driven(request, last=12, sent="SIGTERM")
    for stopped in (by_keyboard, by_scheduler):
        assert stopped.returncode == ExitCode.INTERRUPTED, stopped.stdout + stopped.stderr
        assert "was stopped after step" in stopped.stderr
        assert "epoch 60/60" not in stopped.stdout
    resumed = driven(request)
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    for before, after in ((by_keyboard, by_scheduler), (by_scheduler, resumed)):
        assert place_told(before.stderr, "was stopped after step") == place_told(after.stdout, "going on after step")
    files = {file.name: file.read_bytes() for file in workplace.iterdir()}
    calm = launch(replace(request, checkpoints=""), processes=2, spark=None, workplace=workplace, report=print)
    found = Trained(files, json.loads(files[HISTORY]))
    for left, right in zip(weights_of(found), weights_of(calm), strict=True):
        np.testing.assert_array_equal(left, right)


def place_told(said: str, after: str) -> str:
    """As "16 of epoch 5"."""
    return said.split(f"{after} ", 1)[1].splitlines()[0].partition(",")[0]


def test_more_ranks_than_slots_are_refused_before_anything_starts(request_for, spark):
    with pytest.raises(EnvironmentMismatchError, match="too few slots") as raised:
        train_on_executors(request_for(shards=6), 3, spark, print, slots_within=timedelta(minutes=9))
    assert raised.value.expected == "3 cores on executors"
    assert "train_model.processes=2" in raised.value.fix

"""Starts the ranks of a training wherever they run, again where one is lost, and brings back what they leave.

TensorFlow never loads into the process that calls `launch`, which may be a Spark driver.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from userprofile.errors import RankLostError
from userprofile.feed.plan import shards_of_rank
from userprofile.training.executors import train_on_executors
from userprofile.training.here import train_here
from userprofile.training.request import TrainingRequest
from userprofile.training.trained import HISTORY, Trained


def launch(
    request: TrainingRequest,
    *,
    processes: int,
    spark: Any | None,
    workplace: Path,
    report: Callable[[str], None],
    restarts: int = 0,
    launcher: Sequence[str] = (),
    slots_within: timedelta = timedelta(),
) -> Trained:
    """Train on `processes` ranks: executors of `spark` where given, else processes of this machine.

    Or wherever `launcher` starts them: a command that this one puts the command of a rank behind, as docs/launchers.md
    describes.

    On executors `spark` must be the active session, this the main thread, and request.table an absolute path or URI
    that is readable there; as many cores have to be there within `slots_within`, also those that a cluster lost.
    `workplace` is an existing folder for what passes between processes of this machine.
    Ranks of which one died or hung are ended and started again, `restarts` times at most, and go on from the last
    checkpoint of request.checkpoints. Raises what a rank raised, RankLostError with the end of its log, and
    InterruptedRunError after Ctrl-C; no process of this machine is left behind.
    """
    shards_of_rank(request.shards, rank=0, size=processes)
    deadline = time.monotonic() + request.timeout_seconds
    for left in reversed(range(restarts + 1)):
        try:
            attempt = replace(request, ranks=processes, timeout_seconds=deadline - time.monotonic())
            if spark and not launcher:
                files = train_on_executors(attempt, processes, spark, report, slots_within=slots_within)
            else:
                files = train_here(attempt, processes, workplace, report, launcher)
            return Trained(files, json.loads(files.get(HISTORY, "[]")))
        except RankLostError as lost:
            if not left or time.monotonic() > deadline:
                raise
            report(f"{lost.what}; all ranks start again ({left} {'time' if left == 1 else 'times'} left)")
    raise AssertionError("not reached")

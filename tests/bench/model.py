"""make bench-model: sequences per second of training next items, ours beside two peers' networks in PyTorch.

All read the same histories, as long as those of Amazon Beauty (or those of INPUT, a CSV with user_id, item_id and
timestamp): 256 users a step, their last 51 events, states of 64 numbers, 2 layers, 2 heads, dropout 0.5, float32, 2
threads. A sequence is one user's history, learnt when each of its events but the first has been a target once; so
sequences per second are users over the seconds of an epoch, whatever a peer calls a batch. What a side does with it:

- ours, as conf/base.yaml: a softmax over all 12,101 items for each event of a history; and over 1,024 sampled ones.
- pmixer's SASRec as it is: each event against one negative, two scores instead of 12,101.
- RecBole's SASRec as it is: a softmax over all items too, but each event is an example of its own with all before it.
- both networks with our loss: like compared with like.

Each side is a process of its own, with its batches in memory before the clock starts. Sides take turns, and figures are
medians over rounds, ratios within a round. SMALL=1: one round of few steps.

Then the ways of computing a step that were tried: what was faster and gave the same numbers is how the library does it.
Two operations at a time are more threads than the others have. XLA compiles no whole step: how many events a batch has
follows from its data. Of the softmax alone, at a fixed number of events, slices that XLA compiled were as fast as those
that it did not: 1.28 and 1.25 times the speed of one table, measured apart.

To be run on an idle machine: where others compute too, PyTorch's threads wait for each other and lose far more than
TensorFlow's, so ratios would flatter ours.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from math import log
from pathlib import Path
from statistics import median
from typing import Any

import model_log
from measure import CHECKOUT, Measure, is_small, publish

ROUNDS = 1 if is_small() else 9
COMMAND = "make bench-model SMALL=1" if is_small() else "make bench-model"
TORCH = CHECKOUT / "build" / "bench-venv" / "bin" / "python"
OURS, SAMPLED = "ours", "sampled"
# Each with the steps of a round, so that all have seconds of about the same length.
PEERS = {"pmixer": 8, "recbole": 2, "pmixer, softmax": 4, "recbole, softmax": 4}
NAMES = {
    SAMPLED: "ours on 1,024 sampled items",
    "pmixer": "pmixer's SASRec as it is",
    "recbole": "RecBole's SASRec as it is",
    "pmixer, softmax": "pmixer's network, our loss",
    "recbole, softmax": "RecBole's network, our loss",
}
AS_THEY_ARE = ("pmixer", "recbole")
WAYS = {
    "padding": "padding computed like events",
    "embedded events": "padding left out before the embeddings",
    "whole scores": "scores of all events in one table",
    "bfloat16": "matrix products in bfloat16",
    "two operations": "two operations at a time",
}
OUR_STEPS = 8


# The most that a first loss may differ from what chance loses: else a side does not train what it says.
SURPRISE = 0.1

Figures = dict[str, list[float]]  # of each side, a round after the other


def main() -> int:
    """Exit code 1 where a must is missed."""
    histories = model_log.read(Path(os.environ["INPUT"])) if os.environ.get("INPUT") else model_log.drawn()
    with tempfile.TemporaryDirectory(prefix="bench-model-") as name:
        file = Path(name) / "log.npz"
        histories.save(file)
        measures = [*beside_peers(file, histories.items), *beside_ways(file)]
    return publish("model", measures)


def beside_peers(file: Path, items: int) -> Iterator[Measure]:
    with ExitStack() as stack:
        sides = {name: stack.enter_context(Running(name, file)) for name in (OURS, SAMPLED, *PEERS)}
        for name, side in sides.items():
            require_chance(name, side.first_loss, items)
        figures = in_turns(list(sides.values()))
        faster = max(AS_THEY_ARE, key=lambda peer: median(figures[peer]))
        name = f"sequences per second: ours / the faster peer, {NAMES[faster]}"
        yield Measure(name, ratio_of(figures, OURS, faster), "times", ">= 1.3", ">= 3", COMMAND)
        name = f"sequences per second: {NAMES[SAMPLED]} / the faster peer"
        yield Measure(name, ratio_of(figures, SAMPLED, faster), "times", command=COMMAND)
        for peer in PEERS:
            yield Measure(
                f"sequences per second: ours / {NAMES[peer]}", ratio_of(figures, OURS, peer), "times", command=COMMAND
            )
        for name, side in sides.items():
            shown = NAMES.get(name, name)
            yield Measure(f"sequences per second, {shown}", median(figures[name]), "1/s", command=COMMAND)
            yield Measure(f"peak memory, {shown}", side.mebibytes, "MiB", command=COMMAND)
            yield Measure(
                f"peak memory beyond that of its libraries, {shown}", side.mebibytes_of_training, "MiB", command=COMMAND
            )


def beside_ways(file: Path) -> Iterator[Measure]:
    """Each has the numbers of the library's way, but for bfloat16."""
    with ExitStack() as stack:
        figures = in_turns([stack.enter_context(Running(name, file)) for name in (OURS, *WAYS)])
    for way, shown in WAYS.items():
        yield Measure(f"sequences per second: {shown} / ours", ratio_of(figures, way, OURS), "times", command=COMMAND)


def require_chance(name: str, loss: float, items: int) -> None:
    """An untrained softmax over K items loses ln K, a binary choice of two ln 2 twice."""
    if name == SAMPLED:  # an estimate
        return
    expected = 2 * log(2) if name == "pmixer" else log(items)
    assert abs(loss - expected) < SURPRISE, f"{name}: the first loss is {loss:.3f}, of chance {expected:.3f}"


def ratio_of(figures: Figures, one: str, other: str) -> float:
    """The median over rounds."""
    return median(mine / its for mine, its in zip(figures[one], figures[other], strict=True))


class Running:
    """A side's process, which trains only while it is asked to."""

    def __init__(self, name: str, log_file: Path) -> None:
        python, program = (str(TORCH), "model_peers.py") if name in PEERS else (sys.executable, "model_ours.py")
        self.name, self.steps = name, 1 if is_small() else PEERS.get(name, OUR_STEPS)
        say(f"{name} ...")
        self._process = subprocess.Popen(
            [python, str(CHECKOUT / "tests" / "bench" / program), name, str(log_file)],
            env={**os.environ, "PYTHONPATH": str(CHECKOUT / "lib")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        found = self._answer()
        self.first_loss: float = found["first_loss"]
        self._sequences_a_step: float = found["sequences_a_step"]
        self._mebibytes_of_libraries: float = found["mebibytes_before"]
        self.mebibytes = 0.0  # at most so far

    def __enter__(self) -> Running:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.wait()

    @property
    def mebibytes_of_training(self) -> float:
        return self.mebibytes - self._mebibytes_of_libraries

    def sequences_per_second(self) -> float:
        """Of one round."""
        assert self._process.stdin
        self._process.stdin.write(f"{self.steps}\n")
        self._process.stdin.flush()
        found = self._answer()
        self.mebibytes = found["mebibytes"]
        return float(self._sequences_a_step / found["seconds_a_step"])

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name}: the process ended with {self._process.wait()}")
        return dict(json.loads(line))


def in_turns(sides: Sequence[Running]) -> Figures:
    """Sequences per second, round after round."""
    figures: Figures = {side.name: [] for side in sides}
    for number in range(ROUNDS):
        say(f"round {number + 1} of {ROUNDS}")
        for side in sides:
            figures[side.name].append(side.sequences_per_second())
    return figures


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

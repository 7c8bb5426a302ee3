"""What each side of bench-model does in a process of its own: make ready, and train so many steps whenever asked.

Standard input holds a number of steps a line; a line of JSON answers each: the seconds of a step, and the most memory
that the process has had so far. The first answer, unasked, says that all is ready.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

THREADS = 2
WARM_STEPS = 3
# Batches made before the clock starts: no side's reading of data is measured.
POOL = 24


@dataclass(frozen=True)
class Side:
    """`step` trains on the batch of that number, in [0, POOL), and gives the mean loss before.

    `sequences` are the users' histories that all batches of the pool are worth: one is learnt when each of its events
    but the first has been a target once.
    """

    step: Callable[[int], float]
    sequences: float


def serve(ready: Callable[[], Side]) -> None:
    """Until standard input ends."""
    before = mebibytes()
    side = ready()
    losses = [side.step(number) for number in range(WARM_STEPS)]
    answer({"first_loss": losses[0], "sequences_a_step": side.sequences / POOL, "mebibytes_before": before})
    done = WARM_STEPS
    for line in sys.stdin:
        steps = int(line)
        started = perf_counter()
        for number in range(done, done + steps):
            side.step(number % POOL)
        answer({"seconds_a_step": (perf_counter() - started) / steps, "mebibytes": mebibytes()})
        done += steps


def mebibytes() -> float:
    """The most that this process has had in memory so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def answer(found: dict[str, Any]) -> None:
    print(json.dumps(found), flush=True)

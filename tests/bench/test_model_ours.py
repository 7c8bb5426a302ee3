"""Our side of bench-model reads the events that the peers read; every way but one has the numbers of the library's."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent
PROGRAM = """
import sys
sys.path.insert(0, {here!r})
import json, model_child, model_log, model_ours
from userprofile.feed.read import batch_of
model_child.POOL = model_ours.POOL = 1
log = model_log.drawn(users=300, items=40)
"""


def in_a_process(code: str) -> object:
    """What the code prints as JSON; each way changes its process."""
    program = PROGRAM.format(here=str(HERE)) + code
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def test_it_reads_what_the_peers_read() -> None:
    ours, peers = in_a_process(
        "users = next(model_log.batches_of_users(log))\n"
        "batch = batch_of(model_ours.task_of(log).form(), model_ours.table(log, users))\n"
        "peers = model_log.padded(log, users, at_end=True)\n"
        "ours = [batch[name].tolist() for name in ('item', 'target')]\n"
        "print(json.dumps([ours, [one.tolist() for one in peers]]))"
    )
    for one, other in zip(ours, peers, strict=True):  # indices of items begin at 2, of unknown ones at 1
        np.testing.assert_array_equal(np.maximum(np.array(one) - 1, 0), other)


@pytest.mark.slow
def test_every_way_has_the_losses_of_the_library() -> None:
    losses = {
        way: in_a_process(
            "from userprofile.training.tasks import NextItem\n"
            "task_of = model_ours.task_of\n"
            "model_ours.task_of = lambda log: NextItem(task_of(log).spec, task_of(log).settings | {'dropout': 0.0})\n"
            f"side = model_ours.SIDES[{way!r}](log)\n"
            "print(json.dumps([side.step(0) for _ in range(3)]))"
        )
        for way in ("ours", "embedded events", "whole scores", "two operations", "bfloat16")
    }
    exact = losses.pop("ours")
    np.testing.assert_allclose(losses.pop("bfloat16"), exact, rtol=1e-2)
    for way, found in losses.items():
        np.testing.assert_allclose(found, exact, rtol=1e-5, err_msg=way)

"""Ranks are lost at random, again and again, and training ends in the weights of one that nobody disturbed.

`make chaos-training RUNS=30` loses thirty; each is followed by a start from the last checkpoint. The same weights to
the last bit mean that each row was seen as often as planned, and in the same order.
"""

from __future__ import annotations

import os
import random
import re
import signal
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from userprofile.training import beats
from userprofile.training.launch import launch
from userprofile.training.ranks import START_SECONDS

KILLS = int(os.environ.get("RUNS") or 5)
SEED = int(os.environ.get("SEED") or 11)
STEPS_AN_EPOCH = 4
LOST = re.compile(r"rank (\d+) of the training .*; all ranks start again", re.DOTALL)
RANKS = 2


@dataclass
class Chaos:
    """Signals a random rank when it is heard of a step that no attempt has come to before."""

    chance: random.Random = field(default_factory=lambda: random.Random(SEED))
    told: list[str] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)  # ranks, as the launcher names them
    next_step: int = 0

    def __post_init__(self) -> None:
        self.plan()

    def plan(self) -> None:
        """The next rank, signal and step; now and then at once, while ranks still start."""
        self.rank = self.chance.randrange(RANKS)
        self.signal = self.chance.choice([signal.SIGKILL, signal.SIGSTOP])
        self.next_step += self.chance.choice([0, *(self.chance.randint(1, 60) for _ in range(3))])

    def heard(self, beat: beats.Beat) -> None:
        if len(self.told) == len(self.lost) < KILLS and beat.rank == self.rank and beat.steps >= self.next_step:
            psutil.Process(beat.process).send_signal(self.signal)
            self.told.append(f"rank {beat.rank}: {self.signal.name} after step {beat.steps}, {beat.phase}")
            print(self.told[-1])
            self.plan()

    def reported(self, line: str) -> None:
        """Ranks that start again may be disturbed again."""
        print(line)
        if named := LOST.match(line):
            self.lost.append(int(named[1]))


@pytest.mark.slow
def test_ranks_lost_at_random_change_nothing(request_for, workplace, tmp_path, monkeypatch, weights_of, dropping):
    chaos, real = Chaos(), beats.Beats.hear

    def hear(self: beats.Beats, beat: beats.Beat) -> None:
        real(self, beat)
        chaos.heard(beat)

    monkeypatch.setattr(beats.Beats, "hear", hear)
    epochs = KILLS * 60 // STEPS_AN_EPOCH + 10
    folder = Path(tmp_path, "checkpoints")
    folder.mkdir()
    request = request_for(
        epochs=epochs,
        patience=epochs,
        checkpoints=str(folder),
        checkpoint_steps=3,
        silent_seconds=2,
        timeout_seconds=(1 + KILLS) * START_SECONDS,
        settings=dropping,
    )
    disturbed = launch(request, processes=RANKS, spark=None, workplace=workplace, report=chaos.reported, restarts=KILLS)
    assert len(chaos.told) == KILLS, "training ended before all were lost"
    assert [f"rank {rank}" for rank in chaos.lost] == [told.partition(":")[0] for told in chaos.told], chaos.told
    monkeypatch.setattr(beats.Beats, "hear", real)
    calm = launch(replace(request, checkpoints=""), processes=RANKS, spark=None, workplace=workplace, report=print)
    for left, right in zip(weights_of(disturbed), weights_of(calm), strict=True):
        np.testing.assert_array_equal(left, right)
    assert [entry["epoch"] for entry in disturbed.history] == list(range(1, epochs + 1))

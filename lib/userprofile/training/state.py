"""All that a training has learnt so far, and where it stands: what a checkpoint holds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import keras
import numpy as np

from userprofile.training.checkpoint import Checkpoint
from userprofile.training.sharding import Sharding
from userprofile.training.step import Sums

Losses = dict[str, float]  # means per head


class TrainingState:
    """Begins at the first step of the first epoch."""

    def __init__(self, model: keras.Model, optimiser: keras.optimizers.Optimizer, sharding: Sharding) -> None:
        self.model, self.optimiser, self.sharding = model, optimiser, sharding
        self.epoch, self.step = 1, 0  # the epoch under way, and how many of its steps are done
        self.steps = 0  # done over all epochs
        self.sums = Sums()  # over the steps of the epoch
        self.history: list[dict[str, Any]] = []
        self.best = Best(model)
        self.ended = False

    def stepped(self, sums: Mapping[str, Any]) -> None:
        """One more step is done."""
        self.sums.add(sums)
        self.step, self.steps = self.step + 1, self.steps + 1

    def closed(self, entry: dict[str, Any], *, ended: bool) -> None:
        """The epoch is done, and told of by its entry of the history."""
        self.history.append(entry)
        self.epoch, self.step, self.sums, self.ended = self.epoch + 1, 0, Sums(), ended

    def checkpoint(self, identity: str) -> Checkpoint:
        """A copy, which further steps do not change; of a sharded network all ranks must ask for it."""
        weights, of_optimiser = self.model.weights, self.optimiser.variables
        whole = self.sharding.whole
        arrays = {
            **_named("weight", whole(weights, [np.array(one) for one in weights])),
            **_named("optimiser", whole(of_optimiser, [np.array(one) for one in of_optimiser])),
            **_named("best", whole(weights, self.best.weights) if self.best.weights else ()),
        }
        notes = {
            "epoch": self.epoch,
            "step": self.step,
            "sums": self.sums.read(),
            "history": list(self.history),
            "best": [self.best.epoch, self.best.unfit],
            "ended": self.ended,
        }
        return Checkpoint(identity, self.steps, arrays, notes)

    def resume(self, checkpoint: Checkpoint) -> None:
        """Go to where it was taken. The optimiser must be built."""
        notes, mine = checkpoint.notes, self.sharding.mine
        self.model.set_weights(mine(self.model.weights, _of("weight", checkpoint)))
        of_optimiser = self.optimiser.variables
        for variable, value in zip(of_optimiser, mine(of_optimiser, _of("optimiser", checkpoint)), strict=True):
            variable.assign(value)
        self.epoch, self.step, self.steps = notes["epoch"], notes["step"], checkpoint.steps
        self.sums, self.history, self.ended = Sums(notes["sums"]), list(notes["history"]), notes["ended"]
        self.best.epoch, self.best.unfit = notes["best"]
        best = _of("best", checkpoint)
        self.best.weights = mine(self.model.weights, best) if best else None


class Best:
    """The weights of the epoch that is best on validation."""

    def __init__(self, model: keras.Model) -> None:
        self.model = model
        self.epoch, self.unfit = 0, math.inf
        self.weights: list[np.ndarray] | None = None

    def see(self, epoch: int, unfit: float | None) -> None:
        """Keep the present weights if they are better than any before."""
        if unfit is not None and unfit < self.unfit:
            self.epoch, self.unfit, self.weights = epoch, unfit, self.model.get_weights()

    def restore(self) -> None:
        """Put them into the model, where any were seen."""
        if self.weights is not None:
            self.model.set_weights(self.weights)


def _named(kind: str, arrays: Iterable[np.ndarray]) -> dict[str, np.ndarray]:
    return {f"{kind}_{place:06d}": array for place, array in enumerate(arrays)}


def _of(kind: str, checkpoint: Checkpoint) -> list[np.ndarray]:
    return [checkpoint.arrays[name] for name in sorted(checkpoint.arrays) if name.startswith(f"{kind}_")]

"""The item table of the profile model dealt to ranks for a training, and put together again for all that is kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import keras
import numpy as np

from userprofile.model.sharded_embedding import ShardedEmbedding
from userprofile.training.collective import Collective
from userprofile.training.tasks import Profile, Task

# In the paths of the variables that ranks hold parts of: the table's, and the optimiser's of it.
SHARD = "item_shard"


def is_shard(variable: keras.Variable) -> bool:
    """Whether each rank holds another part of it."""
    return SHARD in variable.path


def sharded(task: Profile, model: keras.Model, collective: Collective) -> keras.Model:
    """The same network, with this rank's part of the item table of `model`."""
    table = model.get_layer("event").tables[0]
    part = ShardedEmbedding(
        table.input_dim,
        table.output_dim,
        size=collective.size,
        exchange=collective.exchange,
        name=SHARD,
    )
    found = task.model(item_table=part)
    for layer in model.layers:
        found.get_layer(layer.name).trainable = layer.trainable
    found.set_weights(Sharding(found, collective).mine(found.weights, model.get_weights()))
    return found


def whole_network(task: Task, model: keras.Model, collective: Collective) -> keras.Model:
    """With all of its item table, to be saved; all ranks must call it."""
    sharding = Sharding(model, collective)
    if not sharding.rows:
        return model
    found = task.model()
    found.set_weights(sharding.whole(model.weights, model.get_weights()))
    return found


class Sharding:
    """Of a network in training; it changes nothing where every rank holds all of it."""

    def __init__(self, model: keras.Model, collective: Collective) -> None:
        tables = [table for layer in model.layers for table in getattr(layer, "tables", ())]
        # Of the whole table; 0 where none is sharded.
        self.rows = next((table.rows for table in tables if isinstance(table, ShardedEmbedding)), 0)
        self._collective = collective

    def whole(self, variables: Iterable[keras.Variable], arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The arrays, which are values of the variables, with parts put together; all ranks must call it."""
        return [
            self._together(array) if is_shard(variable) else array
            for variable, array in zip(variables, arrays, strict=True)
        ]

    def mine(self, variables: Iterable[keras.Variable], arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """What `whole` gave, as this rank holds it."""
        return [
            self._part(array) if is_shard(variable) else array
            for variable, array in zip(variables, arrays, strict=True)
        ]

    def _together(self, part: np.ndarray) -> np.ndarray:
        of_ranks = self._collective.gather(part)  # [size, R, W]
        return np.swapaxes(of_ranks, 0, 1).reshape(-1, *part.shape[1:])[: self.rows]

    def _part(self, whole: np.ndarray) -> np.ndarray:
        part = whole[self._collective.rank :: self._collective.size]
        missing = -(-self.rows // self._collective.size) - len(part)
        return np.pad(part, [(0, missing), *[(0, 0)] * (whole.ndim - 1)])

"""The item table in parts gives the numbers of a whole one; on real ranks test_launch.py looks at it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from userprofile.model.sharded_embedding import ShardedEmbedding
from userprofile.training.collective import alone
from userprofile.training.loop import train
from userprofile.training.sharding import SHARD, Sharding

ROWS, WIDTH = 11, 3
WHOLE = np.random.default_rng(5).normal(size=(ROWS, WIDTH)).astype(np.float32)


class Ranks:
    """All ranks of a table, of which the first looks up: the others' answers come from their own rows."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.tables = [ShardedEmbedding(ROWS, WIDTH, size=size, exchange=self.exchange) for _ in range(size)]
        for rank, table in enumerate(self.tables):
            table.build()
            part = WHOLE[rank::size]
            table.embeddings.assign(np.pad(part, [(0, table.embeddings.shape[0] - len(part)), (0, 0)]))

    def exchange(self, rows: tf.Tensor, counts: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        if rows.dtype == tf.int32:
            self.asked, self.holder = rows, tf.repeat(tf.range(self.size), counts)
            return rows, counts
        parts = tf.stack([tf.convert_to_tensor(table.embeddings) for table in self.tables])
        return tf.gather_nd(parts, tf.stack([self.holder, self.asked // self.size], axis=1)), counts


@pytest.mark.parametrize("size", [1, 2, 3, 16])
def test_an_index_finds_its_row_and_its_gradient_the_holder_of_it(size):
    ranks, index = Ranks(size), np.random.default_rng(size).integers(0, ROWS, (4, 5)).astype(np.int32)
    variables = [table.embeddings.value for table in ranks.tables]
    with tf.GradientTape() as tape:
        vectors = ranks.tables[0](tf.constant(index))
        objective = tf.reduce_sum(vectors**2)
    np.testing.assert_array_equal(vectors, WHOLE[index])
    expected = np.zeros_like(WHOLE)
    np.add.at(expected, index.ravel(), 2 * WHOLE[index.ravel()])
    for rank, found in enumerate(tape.gradient(objective, variables)):
        of_rank = expected[rank::size]
        np.testing.assert_allclose(np.asarray(tf.convert_to_tensor(found))[: len(of_rank)], of_rank, rtol=1e-5)


@pytest.mark.parametrize("size", [1, 2, 3, 16])
def test_parts_put_together_are_what_was_dealt(size):
    table, other = SimpleNamespace(path=f"event/{SHARD}/embeddings"), SimpleNamespace(path="event/action")
    model = SimpleNamespace(layers=[SimpleNamespace(tables=Ranks(size).tables[:1]), SimpleNamespace()])
    ranks = [Sharding(model, SimpleNamespace(rank=rank, size=size)) for rank in range(size)]
    dealt = [rank.mine([other, table], [WHOLE, WHOLE]) for rank in ranks]
    assert {part.shape for _, part in dealt} == {(-(-ROWS // size), WIDTH)}
    ranks[0]._collective.gather = lambda part: np.stack([part for _, part in dealt])
    for found in ranks[0].whole([other, table], dealt[0]):
        np.testing.assert_array_equal(found, WHOLE)


def test_a_world_of_one_learns_the_same_from_a_part(request_for, weights_of):
    whole, parts = (train(request_for(shard_item_table=is_part), alone(), report=print) for is_part in (False, True))
    for left, right in zip(weights_of(whole), weights_of(parts), strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-6)

"""The softmax over an event's item and sampled others, for catalogues of which nobody computes all scores.

Items are numbered from the most frequent one, so drawing them by Zipf's law is drawing them by popularity. A sampled
item stands for others that were not drawn: its score is corrected by how often it is (Bengio & Senecal 2008).
"""

from __future__ import annotations

import keras
from keras import KerasTensor, ops

# Of the score of an item that must not count.
EXCLUDED = -1e9


def drawn_items(count: int, *, items: int, seed: keras.random.SeedGenerator) -> KerasTensor:
    """int32 [count] in [0, items), item i with share_drawn(i), with replacement."""
    place = ops.exp(keras.random.uniform((count,), seed=seed) * ops.log(items + 1.0))  # in [1, items + 1)
    return ops.clip(ops.cast(place, "int32") - 1, 0, items - 1)


def share_drawn(item: KerasTensor, *, items: int) -> KerasTensor:
    """ln(1 + 1 / (i + 1)) / ln(K + 1): about 1 / (i + 1), and 1 added up over K items."""
    return ops.log1p(1.0 / (ops.cast(item, "float32") + 1.0)) / ops.log(items + 1.0)


def sampled_softmax_loss(
    states: KerasTensor, vectors: KerasTensor, bias: KerasTensor, target: KerasTensor, drawn: KerasTensor
) -> KerasTensor:
    """The sum over N events of ln(e^t + mean of e^s / share_drawn) - t; about N ln K for equal scores.

    t is the score of the event's item, s of one of the S drawn items over which the mean is; where that is the event's
    own, it counts 0. So the mean estimates the sum over all other items without bias. Arguments are those of
    softmax_loss, and `drawn` int32 [S].
    """
    items = ops.shape(vectors)[0]
    of_target = ops.sum(states * ops.take(vectors, target, axis=0), axis=1) + ops.take(bias, target)  # [N]
    of_drawn = ops.matmul(states, ops.transpose(ops.take(vectors, drawn, axis=0))) + ops.take(bias, drawn)  # [N, S]
    drawn_often = ops.log(share_drawn(drawn, items=items) * ops.cast(ops.shape(drawn)[0], "float32"))
    others = ops.where(drawn[None] == target[:, None], EXCLUDED, of_drawn - drawn_often)
    return ops.sum(ops.logaddexp(of_target, ops.logsumexp(others, axis=1)) - of_target)

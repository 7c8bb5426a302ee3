"""Generalised binary cross-entropy over an event's item and sampled others: gSASRec, Petrov & Macdonald 2023.

"gSASRec: Reducing Overconfidence in Sequential Recommendation Trained with Negative Sampling", arXiv:2308.07192. The
fewer items an event is told from, the more a plain binary loss overrates its own; an exponent on its probability
undoes that. The paper draws others for each event; here all events of a batch share them.
"""

from __future__ import annotations

import keras
from keras import KerasTensor, ops


def evenly_drawn_items(count: int, *, items: int, seed: keras.random.SeedGenerator) -> KerasTensor:
    """int32 [count] in [0, items), each as likely, with replacement."""
    return keras.random.randint((count,), 0, items, dtype="int32", seed=seed)


def beta_of(t: float, *, drawn: int, items: int) -> float:
    """The paper's share * (t * (1 - 1 / share) + 1 / share), of the share of other items that are drawn.

    `t` is 0 for plain binary cross-entropy, 1 for scores that are as sure as they should be.

    >>> beta_of(0.0, drawn=256, items=1025), beta_of(1.0, drawn=256, items=1025), beta_of(0.75, drawn=1024, items=1025)
    (1.0, 0.25, 1.0)
    """
    share = min(drawn / max(items - 1, 1), 1.0)
    return share * (t * (1 - 1 / share) + 1 / share)


def gbce_loss(
    states: KerasTensor,
    vectors: KerasTensor,
    bias: KerasTensor,
    target: KerasTensor,
    drawn: KerasTensor,
    *,
    beta: float,
) -> KerasTensor:
    """The sum over N events of -(beta * ln sigmoid(t) + sum of ln(1 - sigmoid(s))) / (S + 1).

    t is the score of the event's item, s of one of the S drawn items; one that is the event's own counts 0. For scores
    of 0 about N ln 2 * (beta + S) / (S + 1). Arguments are those of softmax_loss, and `drawn` int32 [S].
    """
    of_target = ops.sum(states * ops.take(vectors, target, axis=0), axis=1) + ops.take(bias, target)  # [N]
    of_drawn = ops.matmul(states, ops.transpose(ops.take(vectors, drawn, axis=0))) + ops.take(bias, drawn)  # [N, S]
    others = ops.where(drawn[None] == target[:, None], 0.0, ops.softplus(of_drawn))
    losses = beta * ops.softplus(-of_target) + ops.sum(others, axis=1)
    return ops.sum(losses) / (ops.cast(ops.shape(drawn)[0], "float32") + 1.0)

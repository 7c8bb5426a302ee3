"""One number a user, of a network's outputs, for attributions to be parts of."""

from __future__ import annotations

from keras import KerasTensor, ops


def of_class(logits: KerasTensor, place: KerasTensor) -> KerasTensor:
    """[B] of [B, C] the logit at each row's place."""
    return ops.take_along_axis(logits, place[:, None], axis=1)[:, 0]


def likeliest(logits: KerasTensor) -> KerasTensor:
    """[B] the place of the greatest logit of each row of [B, C]."""
    return ops.argmax(logits, axis=1)


def log_of_amount(chance_logit: KerasTensor, mean: KerasTensor, deviation: KerasTensor) -> KerasTensor:
    """[B] logarithm of the expected zero-inflated log-normal amount; mean - ln 2 + 1/2 for a logit 0, deviation 1."""
    return ops.log_sigmoid(chance_logit) + mean + deviation**2 / 2


def intervals_waited(hazard_logits: KerasTensor) -> KerasTensor:
    """[B] expected whole intervals, of K, without the event; 1 - 2**-K for hazards of one half."""
    return ops.sum(ops.exp(-ops.cumsum(ops.softplus(hazard_logits), axis=-1)), axis=-1)

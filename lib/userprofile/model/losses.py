"""Losses, one number a row; sums over rows, so that parts of a batch add up to the batch. No label, no loss."""

from __future__ import annotations

import math

from keras import KerasTensor, ops


def binary_loss(logit: KerasTensor, label: KerasTensor) -> KerasTensor:
    """[B] binary cross-entropy from logits; ln 2 = 0.6931 where the logit is 0, and 0 where the label is NaN."""
    known = ops.logical_not(ops.isnan(label))
    return ops.where(known, ops.softplus(logit) - ops.where(known, label, 0.0) * logit, 0.0)


def amount_loss(
    chance_logit: KerasTensor, mean: KerasTensor, deviation: KerasTensor, amount: KerasTensor
) -> KerasTensor:
    """[B] negative log-likelihood of a zero-inflated log-normal amount, less the ln(amount) that no weight changes.

    ln 2 where the logit is 0 and the amount too; ln 2 + 0.5 ln(2 pi) = 1.6121 where it is e**mean and deviation is 1.
    Wang, Liu & Miao 2019, "A Deep Probabilistic Model for Customer Lifetime Value Prediction", arXiv:1912.07753.
    """
    bought = amount > 0
    error = (ops.log(ops.where(bought, amount, 1.0)) - mean) / deviation
    of_amount = 0.5 * error**2 + ops.log(deviation) + 0.5 * math.log(2 * math.pi)
    return binary_loss(chance_logit, ops.cast(bought, amount.dtype)) + ops.where(bought, of_amount, 0.0)


def class_loss(logits: KerasTensor, place: KerasTensor) -> KerasTensor:
    """[B] cross-entropy of a softmax over [B, C] against the place of the class that came, 0 where that is -1.

    ln C for uniform logits.
    """
    likelihood = ops.take_along_axis(ops.log_softmax(logits, axis=-1), ops.maximum(place, 0)[:, None], axis=-1)
    return ops.where(place >= 0, -likelihood[:, 0], 0.0)


def shares_loss(logits: KerasTensor, multi_hot: KerasTensor) -> KerasTensor:
    """[B] cross-entropy of the softmax against the row's classes [B, C] at equal shares; 0 on a row that has none.

    ln C for uniform logits. The multinomial likelihood makes classes compete for the top places, and ranks better
    than C independent logistic losses (Liang et al. 2018, arXiv:1802.05814).
    """
    count = ops.sum(multi_hot, axis=-1)  # [B]
    shares = multi_hot / ops.maximum(count, 1.0)[:, None]  # [B, C]
    return -ops.sum(shares * ops.log_softmax(logits, axis=-1), axis=-1)


def any_of_shares_loss(chance_logit: KerasTensor, logits: KerasTensor, multi_hot: KerasTensor) -> KerasTensor:
    """[B] whether there is a class at all, and which: binary_loss plus shares_loss; ln 2 + ln C where all are 0."""
    some = ops.cast(ops.sum(multi_hot, axis=-1) > 0, logits.dtype)
    return binary_loss(chance_logit, some) + shares_loss(logits, multi_hot)


def listed_loss(logits: KerasTensor, listed: KerasTensor) -> KerasTensor:
    """shares_loss for many classes: of a row that lists them, int [B, M], class c as c + 1 and 0 for none."""
    there = ops.cast(listed > 0, logits.dtype)  # [B, M]
    likelihood = ops.take_along_axis(ops.log_softmax(logits, axis=-1), ops.maximum(listed - 1, 0), axis=-1)
    return -ops.sum(there * likelihood, axis=-1) / ops.maximum(ops.sum(there, axis=-1), 1.0)


def many_binary_loss(logits: KerasTensor, multi_hot: KerasTensor) -> KerasTensor:
    """[B] mean over [B, A] of binary cross-entropies; ln 2 where all logits are 0."""
    return ops.mean(ops.softplus(logits) - multi_hot * logits, axis=-1)


def contrastive_loss(
    first: KerasTensor, second: KerasTensor, weight: KerasTensor, together: int, temperature: float = 0.2
) -> KerasTensor:
    """[B] cross-entropy of telling which second view [B, E] is of the same user as a first one, among `together` rows.

    B is a multiple of these; rows of weight 0 are not among them. ln of those that are, where all views are alike. By
    the cosine of views over a temperature: NT-Xent (Chen et al. 2020, arXiv:2002.05709), on histories with masked items
    as CL4SRec (Xie et al. 2022, arXiv:2010.14395). Rows are told apart within their group alone, so that the loss does
    not depend on how many groups a rank has.
    """
    shape = (-1, together, first.shape[-1])
    one, other = (ops.reshape(ops.normalize(view, axis=-1), shape) for view in (first, second))  # [G, R, E]
    counts = ops.reshape(weight, (-1, together)) > 0  # [G, R]
    alike = ops.where(counts[:, None, :], ops.einsum("gre,gse->grs", one, other) / temperature, -1e9)
    own = ops.diagonal(ops.log_softmax(alike, axis=-1), axis1=1, axis2=2)  # [G, R]
    return ops.reshape(ops.where(counts, -own, 0.0), (-1,))


def hazard_loss(logits: KerasTensor, interval: KerasTensor) -> KerasTensor:
    """[B] negative log-likelihood of when it came, from logits [B, K] of the hazard in each of K intervals.

    `interval` is int [B], K where it did not come in any. ln 2 where all logits are 0 and it came in the first,
    K ln 2 where it did not come. Gensheimer & Narasimhan 2019, "A scalable discrete-time survival model for neural
    networks", PeerJ 7.
    """
    places = ops.arange(logits.shape[-1], dtype="int32")
    came = ops.cast(places == interval[:, None], logits.dtype)  # [B, K]
    at_risk = ops.cast(places <= interval[:, None], logits.dtype)
    return ops.sum(at_risk * (ops.softplus(logits) - came * logits), axis=-1)

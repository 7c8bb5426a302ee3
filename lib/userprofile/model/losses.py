"""One loss a head, one number a row; sums over rows, so that parts of a batch add up to the batch."""

from __future__ import annotations

from collections.abc import Mapping

from keras import KerasTensor, ops

# In ln(1 + spend): up to about a factor of e the error is squared, beyond it is linear.
HUBER_DELTA = 1.0


def purchase_loss(logit: KerasTensor, label: KerasTensor) -> KerasTensor:
    """[B] binary cross-entropy from logits; ln 2 = 0.6931 where the logit is 0."""
    return ops.softplus(logit) - label * logit


def spend_loss(predicted_log1p: KerasTensor, spend: KerasTensor) -> KerasTensor:
    """[B] Huber loss on ln(1 + spend) of rows that spend, 0 on rows that do not; 0.5 where it is off by 1.

    The amount is learnt from buyers alone, and whether there is one by the purchase head: the two-part model of
    Duan, Manning, Morris & Newhouse 1983 (J. Business & Economic Statistics 1(2)). One regression over both would put
    a user who buys every other time at the geometric middle between nothing and a basket.
    """
    error = ops.abs(predicted_log1p - ops.log1p(spend))
    small = ops.minimum(error, HUBER_DELTA)
    huber = 0.5 * small**2 + HUBER_DELTA * (error - small)
    return ops.where(spend > 0, huber, 0.0)


def next_categories_loss(logits: KerasTensor, multi_hot: KerasTensor) -> KerasTensor:
    """[B] cross-entropy of the softmax against the row's categories at equal shares; 0 on a row that has none.

    ln C for uniform logits. The multinomial likelihood makes categories compete for the top places, and ranks better
    than C independent logistic losses (Liang et al. 2018, arXiv:1802.05814).
    """
    count = ops.sum(multi_hot, axis=-1)  # [B]
    shares = multi_hot / ops.maximum(count, 1.0)[:, None]  # [B, C]
    return -ops.sum(shares * ops.log_softmax(logits, axis=-1), axis=-1)


def weighted_losses(outputs: Mapping[str, KerasTensor], batch: Mapping[str, KerasTensor]) -> dict[str, KerasTensor]:
    """Per head the sum over rows of weight x loss, a scalar; a row of weight 0 adds nothing.

    Keys: purchase, spend, and next_categories where the model has that head.
    """
    rows = {
        "purchase": purchase_loss(outputs["purchase_logit"], batch["label_purchase"]),
        "spend": spend_loss(outputs["spend_log1p"], batch["label_spend"]),
    }
    if "category_logits" in outputs:
        rows["next_categories"] = next_categories_loss(outputs["category_logits"], batch["label_next_categories"])
    return {head: ops.sum(batch["weight"] * row_losses) for head, row_losses in rows.items()}

"""Events and numbers as vectors: B users, T events, D dense features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import KerasTensor, ops

# Half-lives of the decays a user's events are seen through: a week, a month, a season.
HALF_LIVES_DAYS = (7.0, 30.0, 90.0)

# A standardised value beyond this comes from a unit mix-up or a lone outlier; it must not rule the user's embedding.
LARGEST_STANDARDISED = 8.0


@keras.saving.register_keras_serializable(package="userprofile")
class AgeEncoding(keras.layers.Layer):
    """Days since an event as four numbers: ln(1 + age) / ln(1 + 365), and 2 ** (-age / h) for each half-life h.

    An event of this moment is (0, 1, 1, 1); one of a year ago has first number 1.
    """

    width = 1 + len(HALF_LIVES_DAYS)

    def call(self, age_days: KerasTensor) -> KerasTensor:  # [B, T]
        decays = [2.0 ** (-age_days / half_life) for half_life in HALF_LIVES_DAYS]
        return ops.stack([ops.log1p(age_days) / ops.log1p(365.0), *decays], axis=-1)  # [B, T, 4]


@keras.saving.register_keras_serializable(package="userprofile")
class EventEmbedding(keras.layers.Layer):
    """One vector an event: item, category and action embeddings beside its age; all zero where padded.

    `rows` and `widths` are the (item, category, action) numbers of indices and of numbers per embedding.
    """

    def __init__(self, rows: Sequence[int], widths: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rows, self.widths = list(rows), list(widths)
        self.tables = [keras.layers.Embedding(count, width) for count, width in zip(rows, widths, strict=True)]
        self.age = AgeEncoding()

    def build(self, *shapes: Any, **named_shapes: Any) -> None:
        for table in self.tables:
            table.build()

    def call(
        self,
        item: KerasTensor,  # [B, T]
        category: KerasTensor,  # [B, T]
        action: KerasTensor,  # [B, T]
        age_days: KerasTensor,  # [B, T]
        present: KerasTensor,  # [B, T] bool
    ) -> KerasTensor:
        indices = (item, category, action)
        vectors = [table(index) for table, index in zip(self.tables, indices, strict=True)]  # each [B, T, width]
        event = ops.concatenate([*vectors, self.age(age_days)], axis=-1)  # [B, T, F]
        return ops.where(present[..., None], event, 0.0)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rows": self.rows, "widths": self.widths}


@keras.saving.register_keras_serializable(package="userprofile")
class DenseNormalisation(keras.layers.Layer):
    """Raw dense values to standardised ones with their mask beside them; whatever is not finite becomes 0, mask 0.

    (signed_log(x) where `logarithms`, else x) - mean, divided by scale, cut to +-8. The mean itself becomes (0, 1).
    """

    def __init__(self, means: Sequence[float], scales: Sequence[float], logarithms: Sequence[bool], **kw: Any) -> None:
        super().__init__(**kw)
        self.means, self.scales, self.logarithms = list(means), list(scales), list(logarithms)

    def call(self, dense: KerasTensor) -> KerasTensor:  # [B, D], NaN is null
        present = ops.isfinite(dense)
        known = ops.where(present, dense, 0.0)
        logged = ops.sign(known) * ops.log1p(ops.abs(known))
        scaled = ops.where(ops.array(self.logarithms, "bool"), logged, known)
        scaled = (scaled - ops.array(self.means, "float32")) / ops.array(self.scales, "float32")
        scaled = ops.clip(scaled, -LARGEST_STANDARDISED, LARGEST_STANDARDISED)
        return ops.concatenate([ops.where(present, scaled, 0.0), ops.cast(present, "float32")], axis=-1)  # [B, 2 D]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "means": self.means,
            "scales": self.scales,
            "logarithms": self.logarithms,
        }

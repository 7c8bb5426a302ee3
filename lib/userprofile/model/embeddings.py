"""Events and numbers as vectors: B users, T events, D dense features, K knots."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import KerasTensor, ops

# Half-lives of the decays a user's events are seen through: a week, a month, a season.
HALF_LIVES_DAYS = (7.0, 30.0, 90.0)

# A standardised value beyond this comes from a unit mix-up or a lone outlier; it must not rule the user's embedding.
LARGEST_STANDARDISED = 8.0

# The share of a normal distribution within them.
_THREE_DEVIATIONS = math.erf(3 / math.sqrt(2))


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
    """One vector an event: embeddings of its item, category, action and channels beside its age; zero where padded.

    `rows` and `widths` are, in the order in which they are given, the numbers of indices and of numbers per embedding.
    An `item_table` takes the place of the first while it is trained.
    """

    def __init__(
        self,
        rows: Sequence[int],
        widths: Sequence[int],
        item_table: keras.layers.Layer | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.rows, self.widths = list(rows), list(widths)
        tables = [keras.layers.Embedding(count, width) for count, width in zip(rows, widths, strict=True)]
        self.tables = tables if item_table is None else [item_table, *tables[1:]]
        self.age = AgeEncoding()

    def build(self, *shapes: Any, **named_shapes: Any) -> None:
        for table in self.tables:
            table.build()

    def call(
        self,
        indices: Sequence[KerasTensor],  # [B, T] each
        age_days: KerasTensor,  # [B, T]
        present: KerasTensor,  # [B, T] bool
    ) -> KerasTensor:
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


@keras.saving.register_keras_serializable(package="userprofile")
class QuantileNormalisation(keras.layers.Layer):
    """Raw dense values to those of a normal distribution at the same place in theirs, with their mask beside them.

    A value's place is found between its feature's knots, and cut to those of +-3. Whatever is not finite becomes 0,
    mask 0; the median becomes (0, 1).
    """

    def __init__(self, knots: Sequence[Sequence[float]], levels: Sequence[Sequence[float]], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.knots, self.levels = [list(of_feature) for of_feature in knots], [list(one) for one in levels]

    def call(self, dense: KerasTensor) -> KerasTensor:  # [B, D], NaN is null
        longest = max(map(len, self.knots), default=2)
        # Steps that make all features' as many add nothing.
        knots, levels = (
            np.array([one + [one[-1]] * (longest - len(one)) for one in table], np.float32).reshape(-1, longest)
            for table in (self.knots, self.levels)
        )
        widths = np.diff(knots)
        widths[widths == 0] = 1
        present = ops.isfinite(dense)
        known = ops.where(present, dense, 0.0)[..., None]  # [B, D, 1]
        passed = ops.clip((known - knots[:, :-1]) / widths, 0.0, 1.0)  # [B, D, K - 1]
        level = levels[:, 0] + ops.sum(passed * np.diff(levels), axis=-1)
        scaled = ops.erfinv(ops.clip(2 * level - 1, -_THREE_DEVIATIONS, _THREE_DEVIATIONS)) * math.sqrt(2)
        return ops.concatenate([ops.where(present, scaled, 0.0), ops.cast(present, "float32")], axis=-1)  # [B, 2 D]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "knots": self.knots, "levels": self.levels}

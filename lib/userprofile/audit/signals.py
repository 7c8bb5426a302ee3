"""What each feature tells of the label by itself: a feature that tells nearly all has probably seen it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from userprofile.selection.bins import matrix
from userprofile.selection.information import information_of_noise, mutual_information, separation


@dataclass(frozen=True)
class Signal:
    """One feature against the label."""

    feature: str
    auc: float | None  # 0.5 to 1; null where the label has one class only
    information: float  # nats
    information_of_noise: float  # nats, of a shuffled label
    too_good: bool


def signals(
    examples: pl.DataFrame, *, names: Sequence[str], label: str, too_good_auc: float, seed: int
) -> list[Signal]:
    """One entry per name, a numeric column of `examples`; `label` holds 0 and 1."""
    values, truth = matrix(examples, names), examples[label].to_numpy()
    if not values.size:
        return []
    auc = separation(values, truth)
    told, noise = mutual_information(values, truth), information_of_noise(values, truth, seed=seed)
    return [
        Signal(name, None if np.isnan(area) else float(area), float(nats), float(chance), bool(area > too_good_auc))
        for name, area, nats, chance in zip(names, auc, told, noise, strict=True)
    ]

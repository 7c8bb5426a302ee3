"""The same segment keeps its number from one segmentation to the next, and how much of it stayed is told."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.special import comb


@dataclass(frozen=True)
class Continuity:
    """`numbers` [K] are those of new clusters, from 1. Of users of both segmentations, `kept` share has the number it
    had, and `adjusted_rand` is 1 where both are one partition and about 0 by chance; null without such users.
    """

    numbers: np.ndarray
    kept: float | None = None
    adjusted_rand: float | None = None


def first(sizes: np.ndarray) -> Continuity:
    """Of no segmentation before: by size [K], the largest is 1."""
    numbers = np.empty(len(sizes), np.int64)
    numbers[np.argsort(-sizes, kind="stable")] = np.arange(1, len(sizes) + 1)
    return Continuity(numbers)


def continued(shared: np.ndarray, before: np.ndarray) -> Continuity:
    """Of users [K, K before] by their cluster now and before; `before` [K before] are the numbers of the latter.

    Clusters take the numbers of those before so that as many users as can be keep theirs; what is left over takes new
    ones, the larger first.
    """
    rows, columns = linear_sum_assignment(shared, maximize=True)
    numbers = np.zeros(len(shared), np.int64)
    numbers[rows] = before[columns]
    new = np.flatnonzero(numbers == 0)
    new = new[np.argsort(-shared[new].sum(axis=1), kind="stable")]
    numbers[new] = before.max() + 1 + np.arange(len(new))
    users = shared.sum()
    if not users:
        return Continuity(numbers)
    return Continuity(numbers, float(shared[rows, columns].sum() / users), adjusted_rand(shared))


def adjusted_rand(shared: np.ndarray) -> float:
    """Hubert & Arabie 1985, "Comparing Partitions" (doi:10.1007/BF01908075), of a table of both partitions."""
    both, now, before = (comb(counts, 2).sum() for counts in (shared, shared.sum(axis=1), shared.sum(axis=0)))
    pairs = comb(shared.sum(), 2)
    by_chance = now * before / pairs if pairs else 0.0
    most = (now + before) / 2
    return 1.0 if most == by_chance else float((both - by_chance) / (most - by_chance))

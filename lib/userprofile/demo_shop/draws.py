"""Weighted draws and running sums over groups, without a loop over the groups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Lottery:
    """Weighted draws from groups of tickets that lie one after the other."""

    edges: Floats  # of each ticket: its group's number + the share of the group up to and including the ticket
    first: Ints  # of each group: its first ticket; one more entry holds the number of tickets

    @classmethod
    def of(cls, weights: Floats, sizes: Ints) -> Lottery:
        """`weights` of all tickets, group after group, and how many tickets each group has (at least one)."""
        first = np.concatenate([[0], np.cumsum(sizes)])
        share = weights / np.repeat(np.add.reduceat(weights, first[:-1]), sizes)
        total = np.cumsum(share)
        before = np.concatenate([[0.0], total])[first[:-1]]
        group = np.arange(len(sizes))
        edges = np.minimum(total - np.repeat(before, sizes), 1) + np.repeat(group, sizes)
        edges[first[1:] - 1] = group + 1
        return cls(edges, first)

    def draw(self, group: Ints, uniform: Floats) -> Ints:
        """The ticket that `uniform` in [0, 1) falls on, one a group given."""
        found = np.searchsorted(self.edges, group + uniform, side="right")
        return np.minimum(found, self.first[group + 1] - 1)  # rounding may carry group + uniform past the last edge


def running_sum(values: Floats, group: Ints) -> Floats:
    """Sum of the values before this one inside its run of equal groups."""
    before = np.cumsum(values) - values
    return before - before[_run_start(group)]


def _run_start(group: Ints) -> Ints:
    begins = np.diff(group, prepend=group[:1] - 1) != 0
    return np.maximum.accumulate(np.where(begins, np.arange(len(group)), 0))


def chance(logit: Floats) -> Floats:
    """The probability of a logit."""
    return 1 / (1 + np.exp(-logit))

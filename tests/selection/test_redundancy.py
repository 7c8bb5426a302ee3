from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from userprofile.selection.redundancy import clusters, spearman

RNG = np.random.default_rng(7)


def test_rank_correlations_are_scipys_where_nothing_is_null():
    values = RNG.normal(size=(200, 4)) @ RNG.normal(size=(4, 4))
    assert spearman(values) == pytest.approx(spearmanr(values).statistic)


def test_null_counts_as_the_lowest():
    column = RNG.normal(size=200)
    column[:50] = np.nan
    low = np.where(np.isnan(column), -99.0, column)
    assert spearman(np.stack([column, low], axis=1)) == pytest.approx(np.ones((2, 2)))


def test_any_two_of_a_cluster_are_alike_and_opposites_too():
    base = RNG.normal(size=500)
    values = np.stack([base, np.exp(base), -base, RNG.normal(size=500)], axis=1)
    numbers = clusters(spearman(values), least=0.95)
    assert numbers[0] == numbers[1] == numbers[2] != numbers[3]


def test_a_chain_of_neighbours_is_not_one_cluster():
    """Each like the next, the first unlike the last."""
    correlations = np.array([[1.0, 0.96, 0.80], [0.96, 1.0, 0.96], [0.80, 0.96, 1.0]])
    assert len(set(clusters(correlations, least=0.95))) == 2


def test_one_feature_or_none():
    assert clusters(spearman(RNG.normal(size=(9, 1))), least=0.9).tolist() == [1]
    assert clusters(np.empty((0, 0)), least=0.9).tolist() == []

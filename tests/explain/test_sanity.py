"""Parts of what trained networks say: others have alike ones, random weights have not, and the greatest matter most."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
import pytest
from scipy.stats import spearmanr

from userprofile.explain.network import MANY, Attribution, NetworkAttribution

pytestmark = pytest.mark.slow


def attributed(network: keras.Model, taught: Any) -> Attribution:
    return NetworkAttribution(network, ["purchase"]).attributions(taught.batch, steps=MANY)["purchase"]


def alike(one: np.ndarray, other: np.ndarray) -> float:
    """Mean over users of the rank correlation of magnitudes, of what is in neither nothing."""
    found = []
    for here, there in zip(np.abs(one), np.abs(other), strict=True):
        some = (here > 0) | (there > 0)
        if some.sum() > 2:
            found.append(spearmanr(here[some], there[some]).statistic)
    return float(np.nanmean(found))


def of_numbers(found: Attribution) -> np.ndarray:
    return found.dense


def of_events(found: Attribution) -> np.ndarray:
    return found.events.reshape(len(found.events), -1)


@pytest.fixture(scope="module")
def attributions(taught: Any) -> tuple[Attribution, Attribution, list[Attribution]]:
    """Of both networks, and of some with random weights."""
    others = []
    for seed in range(20, 23):
        keras.utils.set_random_seed(seed)
        other = keras.models.clone_model(taught.networks[0])
        for weight in other.trainable_variables:
            weight.assign(weight + np.random.default_rng(seed).normal(0, 0.3, weight.shape))
        others.append(attributed(other, taught))
    one, another = (attributed(network, taught) for network in taught.networks)
    return one, another, others


@pytest.mark.parametrize(("parts", "again", "random"), [(of_numbers, 0.8, 0.5), (of_events, 0.5, 0.35)])
def test_random_weights_are_attributed_otherwise(
    attributions: tuple[Attribution, Attribution, list[Attribution]],
    parts: Callable[[Attribution], np.ndarray],
    again: float,
    random: float,
) -> None:
    """Adebayo et al. 2018, "Sanity Checks for Saliency Maps", arXiv:1810.03292: by the order of their magnitudes."""
    one, another, others = attributions
    assert alike(parts(one), parts(another)) > again
    for other in others:
        assert abs(alike(parts(one), parts(other))) < random


def test_what_has_the_greatest_parts_is_what_the_score_misses_most(taught: Any) -> None:
    """A deletion curve: numbers replaced by the average, the greatest parts first, against orders by chance."""
    attribution = NetworkAttribution(taught.networks[0], ["purchase"])
    parts = attribution.attributions(taught.batch, steps=MANY)["purchase"].dense
    greatest = moved(attribution, taught, np.argsort(-np.abs(parts), axis=1))
    orders = [np.argsort(np.random.default_rng(seed).random(parts.shape), axis=1) for seed in range(10)]
    by_chance = np.mean([moved(attribution, taught, order) for order in orders], axis=0)
    least = moved(attribution, taught, np.argsort(np.abs(parts), axis=1))
    assert greatest.mean() > 1.4 * by_chance.mean() > 1.4 * least.mean()
    assert np.mean(greatest > by_chance) > 0.8  # of users


def moved(attribution: NetworkAttribution, taught: Any, order: np.ndarray) -> np.ndarray:
    """[B] by how much the score changes, on average over the numbers of replaced numbers."""
    said = partial(_said, attribution)
    whole, typical = said(taught.batch), [feature.typical for feature in taught.spec.dense]
    changes = []
    for deleted in range(1, order.shape[1]):
        dense = taught.batch["dense"].copy()
        np.put_along_axis(dense, order[:, :deleted], np.take(typical, order[:, :deleted]), axis=1)
        changes.append(np.abs(said({**taught.batch, "dense": dense}) - whole))
    return np.mean(changes, axis=0)


def _said(attribution: NetworkAttribution, batch: Any) -> np.ndarray:
    return attribution.differences(batch)["purchase"]

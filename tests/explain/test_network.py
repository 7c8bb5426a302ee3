from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pyarrow as pa
import pytest

from userprofile.explain.network import FEW, MANY, NetworkAttribution
from userprofile.feed.examples import to_batch
from userprofile.feed.read import Batch
from userprofile.spec import FeatureSpec

SCORES = ("purchase", "spend", "days_to_purchase", "next_action", "next_categories", "next_item")


@pytest.fixture
def batch(users: pa.Table, spec: FeatureSpec) -> Batch:
    return to_batch(users, spec)


@pytest.fixture
def attribution(make_network: Callable[[int], keras.Model]) -> NetworkAttribution:
    return NetworkAttribution(make_network(14), SCORES)


def parts(found: Any) -> np.ndarray:
    return np.concatenate([found.dense, found.events.reshape(len(found.events), -1), found.habit[:, None]], axis=1)


def test_parts_along_the_path_add_up_to_what_the_score_differs_by(attribution, batch) -> None:
    differences = attribution.differences(batch)
    for score, found in attribution.attributions(batch, steps=MANY).items():
        assert np.ptp(differences[score]) > 0.1
        assert found.gap(differences[score]).max() <= 0.01, score


def test_the_difference_is_that_of_a_user_without_events_and_with_average_numbers(
    make_network, attribution, users, spec, batch
) -> None:
    """By the whole network, uncut; padding is what stays as it is, so this speaks of those without events."""
    without = [number for number, events in enumerate(users["sequence_action"].to_pylist()) if not events]
    assert without
    network, few = make_network(14), {name: values[without] for name, values in batch.items()}
    average = {**few, "dense": np.tile([feature.typical for feature in spec.dense], (len(without), 1))}
    here, there = (
        np.asarray(network({name: np.asarray(of[name]) for name in network.input})["purchase_logit"])
        for of in (few, average)
    )
    assert attribution.differences(batch)["purchase"][without] == pytest.approx(here - there, abs=1e-5)


def test_few_steps_order_parts_as_many_do(attribution, batch) -> None:
    few, many = (attribution.attributions(batch, steps=steps) for steps in (FEW, MANY))
    for score in SCORES:
        assert np.corrcoef(parts(few[score]).ravel(), parts(many[score]).ravel())[0, 1] > 0.9, score


def test_nothing_comes_of_padding_and_a_habit_is_the_users_own_events_in_the_class(
    attribution, batch, users, spec
) -> None:
    found = attribution.attributions(batch, steps=FEW)["next_item"]
    assert not found.events[batch["sequence_action"] == 0].any()
    events = users["sequence_item"].to_pylist()
    counts = np.array([[of_user.count(code) for code in spec.heads["next_item"]] for of_user in events])
    assert all(met in of_user for met, of_user in zip(found.met, counts, strict=True))
    assert found.met.any()
    assert np.array_equal(found.habit != 0, found.met > 0)


def test_a_number_that_the_network_does_not_read_has_no_part(make_network, batch, spec) -> None:
    network = make_network(3)
    kernel = network.get_layer("dense_tower").hidden.kernel
    unread, width = 3, len(spec.dense)
    kernel.assign(np.where(np.isin(np.arange(2 * width), [unread, unread + width])[:, None], 0.0, kernel))
    found = NetworkAttribution(network, SCORES).attributions(batch, steps=FEW)["purchase"]
    assert not found.dense[:, unread].any()
    assert found.dense[:, :unread].any(axis=0).all()

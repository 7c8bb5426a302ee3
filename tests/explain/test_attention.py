"""Of one user, the weights of all attentions that a model has; how they come about is tested beside the layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pyarrow as pa
import pytest

from userprofile.columns import ACTIONS
from userprofile.explain.attention import attentions
from userprofile.heads.every import heads_of
from userprofile.inference.score import Scorer
from userprofile.interest.choice import Interest
from userprofile.interest.weightings import ACTION_ROWS, AGE_BUCKETS, Attention, Rule
from userprofile.model.profile_model import build_model
from userprofile.spec import FeatureSpec

WEIGHTINGS = {
    "rule": Rule(30.0, dict.fromkeys(ACTIONS, 1.0)),
    "attention": Attention(np.arange(ACTION_ROWS).tolist(), [0.0] * AGE_BUCKETS, 0.5),
}


@pytest.fixture
def with_network(scorer: Scorer, spec: FeatureSpec, encoder: dict[str, Any]) -> Callable[..., Scorer]:
    """A scorer whose network has such settings, with random weights, and whose interest vector is weighed so."""

    def made(weighting: str, **settings: Any) -> Scorer:
        keras.utils.set_random_seed(5)
        network = build_model(spec, heads_of(spec), settings={**encoder, "layers": 2, "heads": 2, **settings})
        return replace(scorer, network=network, interest=Interest(WEIGHTINGS[weighting], ""))

    return made


@pytest.fixture
def row(users: pa.Table, spec: FeatureSpec) -> pa.Table:
    """Of a user with fewer events than the network reads."""
    lengths = [len(events) for events in users["sequence_action"].to_pylist()]
    return users.slice(next(place for place, length in enumerate(lengths) if 1 < length < spec.sequence_length), 1)


@pytest.mark.parametrize("kind", ["transformer", "bidirectional"])
def test_each_head_of_each_layer_and_of_the_summary_has_weights_that_add_up_to_1(with_network, row, kind) -> None:
    found = attentions(with_network("attention", encoder=kind, summary="attention"), row)
    heads = [f"layer {layer}, head {head}" for layer in (1, 2) for head in (1, 2)]
    assert list(found.paid) == [*heads, "summary, head 1", "summary, head 2", "interest vector"]
    assert (found.encoder, found.interest) == (kind, "attention")
    for name, paid in found.paid.items():
        assert len(paid) == len(row["sequence_action"][0])
        assert sum(paid) == pytest.approx(1, abs=1e-5), name


def test_pointwise_weights_are_what_they_are(with_network, row) -> None:
    found = attentions(with_network("rule", encoder="hstu"), row)
    assert (found.encoder, found.interest, len(found.paid)) == ("hstu", "rule", 4)
    assert all(abs(sum(paid) - 1) > 0.01 for paid in found.paid.values())


def test_those_are_the_weights_of_the_last_event(with_network, row) -> None:
    """A bias for what is as far off as the first event draws all of the last one's weight there, and no other's."""
    scorer = with_network("rule", encoder="transformer", layers=1, heads=1)
    bias = scorer.network.get_layer("history").bias
    far = len(row["sequence_action"][0]) - 1
    bias.by_distance.assign(30.0 * keras.ops.one_hot([far], bias.by_distance.shape[0])[0][:, None])
    (paid,) = attentions(scorer, row).paid.values()
    assert paid[0] == pytest.approx(1, abs=1e-6)


def test_a_recurrent_network_has_none_and_says_what_it_is(with_network, row) -> None:
    found = attentions(with_network("rule", encoder="gru"), row)
    assert (found.encoder, found.interest, found.paid) == ("gru", "rule", {})
    assert list(attentions(with_network("attention", encoder="lstm"), row).paid) == ["interest vector"]


def test_nobody_looks_at_nothing(with_network, users) -> None:
    without = users["sequence_action"].to_pylist().index([])
    scorer = with_network("attention", encoder="transformer", summary="attention")
    assert attentions(scorer, users.slice(without, 1)).paid == {}

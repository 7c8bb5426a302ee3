from __future__ import annotations

import random

import polars as pl
import pytest

from userprofile.audit.signals import signals


@pytest.fixture(scope="module")
def examples():
    rng = random.Random(5)
    rows = []
    for _ in range(600):
        label = int(rng.random() < 0.3)
        rows.append(
            {
                "label_purchase": label,
                "seen": label * 10.0 + rng.random(),
                "reversed": -label - rng.random() / 2,
                "known_only_to_buyers": 1.0 if label else None,
                "useful": label + rng.gauss(0, 1),
                "noise": rng.gauss(0, 1),
                "absent": None,
            }
        )
    return pl.DataFrame(rows, schema_overrides={"absent": pl.Float64})


NAMES = ["seen", "reversed", "known_only_to_buyers", "useful", "noise", "absent"]


def found(examples):
    judged = signals(examples, names=NAMES, label="label_purchase", too_good_auc=0.98, seed=1)
    return {signal.feature: signal for signal in judged}


def test_what_has_seen_the_label_is_too_good(examples):
    judged = found(examples)
    assert [name for name in NAMES if judged[name].too_good] == ["seen", "reversed", "known_only_to_buyers"]
    assert judged["seen"].auc == 1.0


def test_information_above_noise_tells_the_useful(examples):
    judged = found(examples)
    for name in ("seen", "reversed", "known_only_to_buyers", "useful"):
        assert judged[name].information > 2 * judged[name].information_of_noise
    assert judged["noise"].information < 2 * judged["noise"].information_of_noise
    assert (judged["absent"].auc, judged["absent"].information) == (0.5, 0.0)


def test_a_label_of_one_class_says_nothing(examples):
    judged = found(examples.filter(pl.col("label_purchase") == 1))
    assert {signal.auc for signal in judged.values()} == {None}
    assert not any(signal.too_good for signal in judged.values())


def test_no_examples_no_signals(examples):
    assert found(examples.clear()) == {}

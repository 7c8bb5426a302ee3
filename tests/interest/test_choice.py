"""The weighting that tells best what is bought next on validation serves, and is stored with its reason."""

from __future__ import annotations

import datetime

import numpy as np
import pyarrow as pa
import pytest

from userprofile.columns import ACTIONS
from userprofile.errors import UsageError
from userprofile.feed.examples import to_batch
from userprofile.interest import choice
from userprofile.interest.choice import POPULARITY, Interest, fit_interest
from userprofile.interest.vectors import EventVectors
from userprofile.interest.weightings import Rule, name_of
from userprofile.spec import FeatureSpec

CATEGORIES = tuple(range(1, 31))
SPEC = FeatureSpec(
    dense=(),
    sequence_length=8,
    category_level=1,
    item_vocabulary=(5, 6),
    category_vocabulary=CATEGORIES,
    window_days=(0.0, 10.0),
    churn_active_days=3,
)
CHANCE = np.random.default_rng(11)
VECTORS = EventVectors.of_tables(CHANCE.normal(size=(4, 3)), CHANCE.normal(size=(32, 12)))
LOOKS = Rule(30.0, {action: float(action == "view") for action in ACTIONS})  # the wrong one: carts decide


def examples(rows: int, seed: int) -> pa.Table:
    """Users who buy what is in the cart, and a third of them nothing."""
    chance = np.random.default_rng(seed)
    sizes = chance.integers(0, 9, rows)
    actions = [chance.choice([0, 0, 2], size) for size in sizes]
    categories = [chance.integers(1, 31, size) for size in sizes]
    bought = [
        sorted(set(one[of == 2].tolist())) if chance.random() < 0.7 else []
        for of, one in zip(actions, categories, strict=True)
    ]
    codes = pa.list_(pa.int32())
    return pa.table(
        {
            "user_id": [f"user {number}" for number in range(rows)],
            "as_of_date": [datetime.date(2026, 1, 1)] * rows,
            "sequence_action": pa.array(actions, pa.list_(pa.int8())),
            "sequence_item": pa.array([np.zeros_like(one) for one in categories], codes),
            "sequence_category_1": pa.array(categories, codes),
            "sequence_age_days": pa.array([chance.random(size) * 90 for size in sizes], pa.list_(pa.float32())),
            "label_next_categories": pa.array(bought, codes),
        }
    )


@pytest.fixture(scope="module")
def rows() -> dict[str, pa.Table]:
    return {split: examples(800, seed) for seed, split in enumerate(("train", "validation", "test"))}


@pytest.fixture(scope="module")
def found(rows):
    said: list[str] = []
    interest, measures = fit_interest(SPEC, VECTORS, rows, LOOKS, say=said.append)
    return interest, measures, said


def test_what_is_learnt_serves_where_the_rule_is_wrong(found) -> None:
    interest, measures, said = found
    told = measures["validation"]
    best = max(("rule", "least_squares", "attention"), key=lambda name: (told[name]["hr@10"], told[name]["ndcg@10"]))
    assert interest.name == best != "rule"
    assert said == [f"interest: {best} weighs events; {interest.because}"]
    for split in ("validation", "test"):
        assert set(measures[split]) == {POPULARITY, "rule", "least_squares", "attention"}
        assert measures[split][best]["hr@10"] > measures[split]["rule"]["hr@10"] + 0.1
        assert measures[split][best]["hr@10"] > measures[split][POPULARITY]["hr@10"] + 0.1


def test_a_hit_rate_is_that_of_each_user_by_itself(found, rows) -> None:
    """Of popularity, whose order is the same for all."""
    _, measures, _ = found
    bought = rows["train"]["label_next_categories"].to_pylist()
    histories = rows["train"]["sequence_category_1"].to_pylist()
    counted = [row for row, history in zip(bought, histories, strict=True) if history and row]
    counts = {category: sum(category in row for row in counted) for category in CATEGORIES}
    first = sorted(CATEGORIES, key=lambda category: -counts[category])[:10]
    asked = [row for row in rows["test"]["label_next_categories"].to_pylist() if row]
    hits = [any(category in first for category in row) for row in asked]
    assert measures["test"][POPULARITY]["hr@10"] == pytest.approx(np.mean(hits))


def test_parts_and_samples_do_not_show(found, rows, monkeypatch) -> None:
    monkeypatch.setattr(choice, "ROWS_AT_ONCE", 150)
    _, parts = fit_interest(SPEC, VECTORS, rows, LOOKS, say=lambda line: None)
    assert parts == found[1]
    monkeypatch.setattr(choice, "NUMBERS", 400 * 8 * 15)
    half, _ = fit_interest(SPEC, VECTORS, rows, LOOKS, say=lambda line: None)
    assert half.name != "rule"


def test_an_interest_survives_its_json(found, rows) -> None:
    interest, _, _ = found
    batch = to_batch(rows["test"], SPEC)
    back = Interest.from_json(interest.to_json())
    assert back == interest
    np.testing.assert_array_equal(back.of_batch(batch, VECTORS), interest.of_batch(batch, VECTORS))
    lengths = np.linalg.norm(interest.of_batch(batch, VECTORS), axis=1)
    assert ((lengths == 0) == (batch["sequence_action"] == 0).all(axis=1)).all()
    np.testing.assert_allclose(lengths[lengths > 0], 1, rtol=1e-5)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"weighting": "rule", "numbers": {}, "because": ""}'])
def test_what_is_no_interest_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"interest\.json"):
        Interest.from_json(text)


def test_the_rule_serves_where_nothing_tells_weightings_apart(rows) -> None:
    none = {**rows, "validation": rows["validation"].slice(0, 0)}
    interest, measures = fit_interest(SPEC, VECTORS, none, LOOKS, say=lambda line: None)
    assert (interest.weighting, interest.because) == (LOOKS, "no validation row tells weightings apart")
    assert measures["validation"] == {}
    nothing = rows["train"].filter(
        pa.compute.equal(pa.compute.list_value_length(rows["train"]["label_next_categories"]), 0)
    )
    interest, measures = fit_interest(SPEC, VECTORS, {**rows, "train": nothing}, LOOKS, say=lambda line: None)
    assert name_of(interest.weighting) == "rule"
    assert "bought in the training rows" in interest.because
    assert measures == {}

from __future__ import annotations

import datetime
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np
import pyarrow as pa
import pytest
from scipy.special import expit, log_softmax, softmax

from userprofile import columns
from userprofile.baselines.purchase import BaseRate
from userprofile.baselines.stored import fields_of
from userprofile.errors import DataGateError, UsageError
from userprofile.feed.examples import to_batch
from userprofile.heads.every import heads_of
from userprofile.heads.serving import HeadServing, Serving
from userprofile.inference import score
from userprofile.inference.score import Scorer, cached_scorer
from userprofile.inference.space import Alignment, Space
from userprofile.interest.choice import Interest
from userprofile.interest.weightings import Rule
from userprofile.model.profile_model import build_model
from userprofile.numbers import DenseFeature
from userprofile.schemas.scores import SCORES, VECTOR_COLUMNS, VECTORS
from userprofile.spec import FeatureSpec

CATEGORIES, ITEMS, ACTIONS = tuple(range(100, 112)), (5, 6), (0, 4)
SPEC = FeatureSpec(
    dense=(DenseFeature("days_since_purchase", 30.0, 10.0, False),),
    sequence_length=4,
    category_level=1,
    item_vocabulary=ITEMS,
    category_vocabulary=(1, 2),
    window_days=(0.0, 10.0),
    churn_active_days=3,
    heads={
        "purchase": (), "churn": (), "spend": (), "days_to_purchase": (), "next_action": ACTIONS,
        "next_categories": CATEGORIES, "next_item": ITEMS,
    },
)  # fmt: skip
PLATT = {"slope": 0.5, "intercept": -1.0, "not_fitted_because": ""}
SERVING = Serving(
    {
        "purchase": HeadServing("network", "it is better", {"network": PLATT}, {}),
        "churn": HeadServing(
            "base_rate", "it is better", {"network": {}, "base_rate": PLATT}, {"base_rate": fields_of(BaseRate(0.25))}
        ),
        "spend": HeadServing("network", "", {"network": {"factor": 2.0, "not_fitted_because": ""}}, {}),
        **{
            name: HeadServing("network", "", {"network": {}}, {})
            for name in ("days_to_purchase", "next_action", "next_categories", "next_item")
        },
    }
)
WORDS = {
    "category": {code: f"category {code}" for code in CATEGORIES},
    "item": {code: f"item {code}" for code in ITEMS},
}
INTEREST = Interest(Rule(30.0, {action: place + 1.0 for place, action in enumerate(columns.ACTIONS)}), "it is simple")
VOCABULARIES = ((0, SPEC.item_vocabulary), (1, SPEC.category_vocabulary))
ENCODER = {
    "encoder": "gru",
    "summary": "attention",
    "layers": 1,
    "heads": 1,
    "dropout": 0.5,
    "fusion": "gated",
    "task_weights": "uncertainty",
}
WIDTHS = (
    "item_width",
    "category_width",
    "action_width",
    "channel_width",
    "sequence_width",
    "dense_width",
    "embedding_width",
)
HEAD_COLUMNS = [name for name in SCORES.names if name not in ("user_id", "as_of_date")]


@pytest.fixture(scope="module")
def network() -> keras.Model:
    keras.utils.set_random_seed(14)
    network = build_model(SPEC, heads_of(SPEC), settings={**dict.fromkeys(WIDTHS, 4), **ENCODER})
    for weight in network.trainable_variables:
        weight.assign(weight + np.random.default_rng(15).normal(0, 0.3, weight.shape))
    return network


@pytest.fixture(scope="module")
def files(network: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    path: Path = tmp_path_factory.mktemp("model") / "network.keras"
    network.save(path)
    texts = {
        "spec.json": SPEC.to_json(), "serving.json": SERVING.to_json(), "interest.json": INTEREST.to_json(),
        "space.json": Space("a", "it is the first").to_json(), "words.json": json.dumps(WORDS),
    }  # fmt: skip
    return {"network.keras": path.read_bytes(), **{name: text.encode() for name, text in texts.items()}}


def users(rows: int) -> pa.Table:
    random = np.random.default_rng(16)
    events = [random.integers(1, 9, size) for size in random.integers(0, 7, rows)]
    codes = pa.array(events, pa.list_(pa.int32()))
    return pa.table(
        {
            "user_id": [f"user {number}" for number in range(rows)],
            "as_of_date": [datetime.date(2026, 1, 1)] * rows,
            "days_since_purchase": [None if number % 3 == 0 else float(number) for number in range(rows)],
            "sequence_action": codes.cast(pa.list_(pa.int8())),
            "sequence_item": codes,
            "sequence_category_1": codes,
            "sequence_age_days": codes.cast(pa.list_(pa.float32())),
        }
    )


@pytest.fixture(scope="module")
def said(network: keras.Model) -> dict[str, np.ndarray]:
    """By the network of seven users, in double precision."""
    batch = to_batch(users(7), SPEC)
    outputs = network({key: batch[key] for key in network.input})
    return {name: np.asarray(value).astype(np.float64) for name, value in outputs.items()}


@pytest.fixture(scope="module")
def scores(files: Mapping[str, bytes]) -> pa.Table:
    return Scorer.load(files).score(users(7))


def test_scores_are_declared_and_in_the_order_of_users(scores, said) -> None:
    assert scores.schema == SCORES
    assert scores["user_id"].to_pylist() == users(7)["user_id"].to_pylist()
    np.testing.assert_allclose(scores["embedding"].to_pylist(), said["embedding"], rtol=1e-4, atol=1e-5)


def test_an_interest_is_the_weighted_sum_of_what_the_network_learnt_of_items_and_categories(scores, network) -> None:
    tables = [table.embeddings.numpy() for table in network.get_layer("event").tables[:2]]
    rows = users(7).to_pylist()
    found = scores["interest_vector"].to_pylist()
    for row, vector in zip(rows, found, strict=True):
        summed = np.zeros(8)
        events = list(zip(row["sequence_action"], row["sequence_item"], row["sequence_age_days"], strict=True))[-4:]
        for action, code, age in events:
            parts = [tables[kind][2 + known.index(code)] if code in known else None for kind, known in VOCABULARIES]
            halves = [np.zeros(4) if part is None else part / np.linalg.norm(part) for part in parts]
            summed += (action + 1) * 2 ** (-age / 30) * np.concatenate(halves)
        if summed.any():
            np.testing.assert_allclose(vector, summed / np.linalg.norm(summed), atol=1e-5)
        else:
            assert vector is None
    assert None in found
    assert len([vector for vector in found if vector is not None]) > 2


def test_an_aligned_model_turns_its_vectors_and_nothing_else(files, scores) -> None:
    widths = {"embedding": 4, "interest_vector": 8}
    chance = np.random.default_rng(17)
    turns = {column: np.linalg.qr(chance.normal(size=(width, width)))[0] for column, width in widths.items()}
    alignments = {column: Alignment(turn.tolist(), 9, 2, 0.1, 0.2, 0.9) for column, turn in turns.items()}
    space = Space("a", "aligned to b", "b", alignments)
    scorer = Scorer.load({**files, "space.json": space.to_json().encode()})
    turned = scorer.score(users(7))
    assert turned.drop_columns(list(VECTOR_COLUMNS)).equals(scores.drop_columns(list(VECTOR_COLUMNS)))
    for column, turn in turns.items():
        for before, after in zip(scores[column].to_pylist(), turned[column].to_pylist(), strict=True):
            assert (before is None) == (after is None)
            if before is not None:
                np.testing.assert_allclose(after, np.array(before) @ turn, atol=1e-5)
    vectors = scorer.vectors(users(7))
    assert vectors.schema == VECTORS
    for column in VECTOR_COLUMNS:
        assert vectors[column].to_pylist() == turned[column].to_pylist()
    assert scorer.vectors(users(0)).num_rows == 0


def test_a_probability_is_the_calibrated_one_of_the_network(scores, said) -> None:
    np.testing.assert_allclose(
        scores["purchase_probability"].to_numpy(), expit(0.5 * said["purchase_logit"] - 1), rtol=1e-5
    )


def test_what_the_ladder_serves_comes_from_its_rung_and_only_who_bought_of_late_can_leave(scores) -> None:
    served = expit(0.5 * np.log(0.25 / 0.75) - 1)
    days = users(7)["days_since_purchase"].to_pylist()
    expected = [served if day is not None and day <= 3 else None for day in days]
    assert scores["churn_probability"].to_pylist() == pytest.approx(expected)


def test_expected_spend_is_chance_times_the_mean_of_a_log_normal(scores, said) -> None:
    amount = np.exp(said["spend_mean"] + said["spend_deviation"] ** 2 / 2)
    expected = 2 * expit(said["spend_chance_logit"]) * amount
    np.testing.assert_allclose(scores["expected_spend"].to_numpy(), expected, atol=0.51, rtol=1e-4)


def test_days_to_purchase_are_where_half_have_bought(scores, said) -> None:
    by_then = 1 - np.cumprod(1 - expit(said["hazard_logits"]), axis=1)
    for curve, days in zip(by_then, scores["days_to_purchase"].to_pylist(), strict=True):
        if curve[-1] < 0.5:
            assert days is None
        else:
            assert np.interp(days, np.arange(11), [0, *curve]) == pytest.approx(0.5, abs=1e-4)


def test_lists_have_names_and_come_likeliest_first(scores, said) -> None:
    shares = log_softmax(said["category_logits"], axis=1) + np.log(expit(said["category_chance_logit"]))[:, None]
    for column, likelihoods, names in (
        ("next_action", softmax(said["next_action_logits"], axis=1), ["view", "purchase"]),
        ("next_categories", expit(shares), [WORDS["category"][code] for code in CATEGORIES]),
        ("next_item", softmax(said["next_item_logits"], axis=1), [WORDS["item"][code] for code in ITEMS]),
    ):
        for row, listed in zip(likelihoods, scores[column].to_pylist(), strict=True):
            best = np.argsort(-row)[:10]
            assert [pair["name"] for pair in listed] == [names[place] for place in best]
            np.testing.assert_allclose([pair["score"] for pair in listed], row[best], rtol=1e-4)


def test_a_head_that_the_model_lacks_is_null(scores) -> None:
    for column in ("window_actions", "window_items"):
        assert scores[column].null_count == 7


def test_parts_do_not_show(files: Mapping[str, bytes], scores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(score, "ROWS_AT_ONCE", 3)
    parts = Scorer.load(files).score(users(7))
    assert parts.drop_columns(HEAD_COLUMNS).equals(scores.drop_columns(HEAD_COLUMNS))
    np.testing.assert_allclose(parts["embedding"].to_pylist(), scores["embedding"].to_pylist(), atol=1e-5)
    for column in ("purchase_probability", "expected_spend"):
        np.testing.assert_allclose(parts[column].to_numpy(), scores[column].to_numpy(), rtol=1e-4, atol=1)


def test_no_users_have_no_scores(files: Mapping[str, bytes]) -> None:
    assert Scorer.load(files).score(users(0)).equals(SCORES.empty_table())


def test_a_missing_file_is_named() -> None:
    with pytest.raises(UsageError, match=r"network\.keras, serving\.json, interest\.json, space\.json, words\.json"):
        Scorer.load({"spec.json": b"{}"})


def test_another_format_is_refused(files: Mapping[str, bytes]) -> None:
    with pytest.raises(UsageError, match="another format"):
        Scorer.load({**files, "spec.json": b'{"format_version": 99}'})


def network_of_a_lambda(folder: Path) -> bytes:
    layers = [keras.Input((1,)), keras.layers.Lambda(lambda value: value * 2)]
    keras.Sequential(layers).save(folder / "network.keras")
    return (folder / "network.keras").read_bytes()


def network_of_a_stranger(folder: Path) -> bytes:
    config = json.dumps({"module": "os", "class_name": "system", "config": {}})
    with zipfile.ZipFile(folder / "network.keras", "w") as archive:
        archive.writestr("config.json", config)
    return (folder / "network.keras").read_bytes()


@pytest.mark.parametrize(
    ("made", "named"),
    [
        (network_of_a_lambda, "keras.layers.Lambda"),
        (network_of_a_stranger, "os.system"),
        (lambda _: b"a pickle", "not a zip file"),
    ],
)
def test_a_network_that_may_run_code_is_refused(files: Mapping[str, bytes], tmp_path: Path, made, named: str) -> None:
    with pytest.raises(DataGateError, match="not one that this package wrote") as refused:
        Scorer.load({**files, "network.keras": made(tmp_path)})
    assert refused.value.exit_code == 3
    assert named in refused.value.received


def test_a_version_is_loaded_once(files: Mapping[str, bytes]) -> None:
    asked: list[str] = []

    def read() -> Mapping[str, bytes]:
        asked.append("files")
        return files

    first = cached_scorer("a", read)
    assert cached_scorer("a", read) is first
    assert cached_scorer("b", read) is not first
    assert len(asked) == 2

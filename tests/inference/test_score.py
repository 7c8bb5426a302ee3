from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np
import pyarrow as pa
import pytest

from userprofile.calibration.calibration import Calibration
from userprofile.calibration.platt import PlattScaling
from userprofile.calibration.spend import SpendCorrection
from userprofile.errors import UsageError
from userprofile.feed.examples import to_batch
from userprofile.inference import score
from userprofile.inference.score import Scorer, cached_scorer
from userprofile.model.profile_model import build_model
from userprofile.schemas.scores import SCORES
from userprofile.spec import DenseFeature, FeatureSpec

SPEC = FeatureSpec(
    dense=(DenseFeature("tenure_days", 30.0, 10.0, False),),
    sequence_length=4,
    category_level=1,
    item_vocabulary=(5, 6),
    category_vocabulary=(1, 2),
    label_categories=tuple(range(100, 112)),
)
CALIBRATION = Calibration(PlattScaling(0.5, -1.0), SpendCorrection(2.0))
ENCODER = {"encoder": "gru", "layers": 1, "heads": 1, "dropout": 0.5}
WIDTHS = ("item_width", "category_width", "action_width", "sequence_width", "dense_width", "embedding_width")


@pytest.fixture(scope="module")
def network() -> keras.Model:
    keras.utils.set_random_seed(14)
    network = build_model(SPEC, settings={**dict.fromkeys(WIDTHS, 4), **ENCODER})
    for weight in network.trainable_variables:
        weight.assign(weight + np.random.default_rng(15).normal(0, 0.3, weight.shape))
    return network


@pytest.fixture(scope="module")
def files(network: keras.Model, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    path: Path = tmp_path_factory.mktemp("model") / "network.keras"
    network.save(path)
    texts = {"spec.json": SPEC.to_json().encode(), "calibration.json": CALIBRATION.to_json().encode()}
    return {"network.keras": path.read_bytes(), **texts}


def users(rows: int) -> pa.Table:
    random = np.random.default_rng(16)
    events = [random.integers(1, 9, size) for size in random.integers(0, 7, rows)]
    codes = pa.array(events, pa.list_(pa.int32()))
    return pa.table(
        {
            "user_id": [f"user {number}" for number in range(rows)],
            "as_of_date": [datetime.date(2026, 1, 1)] * rows,
            "tenure_days": [None if number % 3 == 0 else float(number) for number in range(rows)],
            "sequence_action": codes.cast(pa.list_(pa.int8())),
            "sequence_item": codes,
            "sequence_category_1": codes,
            "sequence_age_days": codes.cast(pa.list_(pa.float32())),
        }
    )


def test_scores_are_the_calibrated_outputs_of_the_network(files: Mapping[str, bytes], network: keras.Model) -> None:
    table = users(7)
    scores = Scorer.load(files).score(table)
    batch = to_batch(table, SPEC)
    outputs = {name: np.asarray(value) for name, value in network({key: batch[key] for key in network.input}).items()}
    chance = 1 / (1 + np.exp(-(0.5 * outputs["purchase_logit"] - 1)))
    assert scores.schema == SCORES
    assert scores["user_id"].equals(table["user_id"])
    np.testing.assert_allclose(scores["embedding"].to_pylist(), outputs["embedding"], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(scores["purchase_probability"].to_numpy(), chance, rtol=1e-5)
    expected = 2 * chance * np.expm1(outputs["spend_log1p"])
    np.testing.assert_allclose(scores["expected_spend"].to_numpy(), expected, atol=0.51, rtol=1e-4)
    for logits, listed in zip(outputs["category_logits"], scores["next_categories"].to_pylist(), strict=True):
        best = np.argsort(-logits)[:10]
        assert [pair["code"] for pair in listed] == [100 + place for place in best]
        shares = np.exp(logits) / np.exp(logits).sum()
        np.testing.assert_allclose([pair["score"] for pair in listed], shares[best], rtol=1e-4)


def test_parts_do_not_show(files: Mapping[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    scorer, table = Scorer.load(files), users(7)
    whole = scorer.score(table)
    monkeypatch.setattr(score, "ROWS_AT_ONCE", 3)
    parts = scorer.score(table)
    assert parts.drop_columns(["embedding", "purchase_probability", "expected_spend", "next_categories"]).equals(
        whole.select(["user_id", "as_of_date"])
    )
    np.testing.assert_allclose(parts["embedding"].to_pylist(), whole["embedding"].to_pylist(), atol=1e-5)


def test_no_users_have_no_scores(files: Mapping[str, bytes]) -> None:
    assert Scorer.load(files).score(users(0)).equals(SCORES.empty_table())


def test_a_model_without_categories_lists_none(files: Mapping[str, bytes]) -> None:
    scorer = Scorer.load(files)
    assert scorer._next_categories(None, 2).to_pylist() == [[], []]


def test_a_missing_file_is_named() -> None:
    with pytest.raises(UsageError, match=r"network\.keras, calibration\.json"):
        Scorer.load({"spec.json": b"{}"})


def test_another_format_is_refused(files: Mapping[str, bytes]) -> None:
    with pytest.raises(UsageError, match="another format"):
        Scorer.load({**files, "spec.json": b'{"format_version": 99}'})


def test_a_version_is_loaded_once(files: Mapping[str, bytes]) -> None:
    asked: list[str] = []

    def read() -> Mapping[str, bytes]:
        asked.append("files")
        return files

    first = cached_scorer("a", read)
    assert cached_scorer("a", read) is first
    assert cached_scorer("b", read) is not first
    assert len(asked) == 2

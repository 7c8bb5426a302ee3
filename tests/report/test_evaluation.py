from __future__ import annotations

from datetime import date
from pathlib import Path

import keras
import polars as pl
import pytest
from tensorboardX.proto.event_pb2 import Event

from userprofile.errors import EnvironmentMismatchError
from userprofile.report.evaluation import evaluation_page, figures, measured
from userprofile.report.tracking import mlflow_at, weights_of, write_mlflow, write_tensorboard

EVALUATION = {
    "head": "purchase",
    "served_by": "rfm_logistic",
    "decided_by": "auc",
    "rows": {"train": 30, "validation": 20, "test": 1234},
    "splits": {
        split: {
            "network": {"auc": {"value": 0.71234, "low": 0.7, "high": 0.73}, "f1": {"value": None}},
            "rfm_logistic": {"auc": {"value": 0.8}, "f1": {"value": 0.5}},
        }
        for split in ("test", "validation", "train")
    },
    "thresholds": {"network": 0.4, "rfm_logistic": 0.3},
    "curves": {"network": [{"said": 0.25, "came": 0.5, "rows": 9.0}], "rfm_logistic": []},
    "slices": [{"segment": "at_risk", "rows": 7, "network": 0.5, "rfm_logistic": None}],
    "fit": {"verdict": "sound: auc is 4% worse on validation", "gap": 0.04},
}
MODEL = {"model_version": "shop-<1>", "as_of_date": date(2026, 1, 1)}


def test_a_page_shows_models_with_intervals_curves_and_what_serves() -> None:
    page = evaluation_page([EVALUATION], model=MODEL, source="shop", largest_gap=0.1)
    for text in (
        "shop-&lt;1&gt;",
        "0.7123 [0.7000, 0.7300]",
        "Served by <strong>rfm logistic</strong>",
        "network is\nsound: auc is 4% worse on validation (10.0 % is the limit)",
        "1,234 rows",
        "network 40.0 %, rfm logistic 30.0 %",
        'points="0.2500,0.5000 "',
        "<td>at risk</td><td>7</td><td>0.5000</td><td>-</td>",
    ):
        assert text in page, text


def test_a_measure_is_shown_as_far_as_it_is_known() -> None:
    assert measured(None) == measured({"value": None}) == "-"
    assert measured({"value": 4123.4, "low": 4000.0, "high": 4200.6}) == "4,123 [4,000, 4,201]"


def test_other_tools_hold_the_same_numbers(tmp_path) -> None:
    told = figures([EVALUATION])
    assert told["test/purchase/network/auc"] == 0.71234
    assert "test/purchase/network/f1" not in told
    history = [{"epoch": 1, "train": {"purchase": 0.6}, "validation": None}]
    write_tensorboard(tmp_path / "tensorboard", history, told, weights={}, users=None)
    scalars = {value.tag: round(value.simple_value, 5) for event in events(tmp_path / "tensorboard") for value in event}
    assert scalars == {"train/purchase": 0.6, **told}


def test_mlflow_holds_a_run_of_each_model_with_its_files(tmp_path) -> None:
    (tmp_path / "models" / "m1").mkdir(parents=True)
    (tmp_path / "models" / "m1" / "network.keras").write_text("layers")
    (tmp_path / "evaluation.html").write_text("page")
    client = mlflow_at(f"sqlite:///{tmp_path / 'mlflow.db'}")
    for _ in range(2):
        write_mlflow(
            client,
            experiment="shop",
            model_version="m1",
            figures={"ndcg@10": 0.5},
            settings={"w": "3"},
            files={"model": tmp_path / "models" / "m1", "report": tmp_path / "evaluation.html"},
            artifacts=tmp_path / "mlflow",
        )
    (run,) = client.search_runs([client.get_experiment_by_name("shop").experiment_id])
    assert (run.info.run_name, run.data.params, run.data.metrics) == ("m1", {"w": "3"}, {"ndcg_at_10": 0.5})
    kept = Path(run.info.artifact_uri.removeprefix("file://"))
    assert kept.is_relative_to(tmp_path / "mlflow")
    assert (kept / "model" / "network.keras").read_text() == "layers"
    assert (kept / "report" / "evaluation.html").read_text() == "page"


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "databricks"])
def test_an_mlflow_that_does_not_answer_is_named(address: str) -> None:
    with pytest.raises(EnvironmentMismatchError, match=rf"MLflow does not answer at {address}\n"):
        mlflow_at(address)


def test_tensorboard_has_histograms_of_weights_and_users_in_the_projector(tmp_path) -> None:
    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, name="dense")])
    network.save(tmp_path / "network.keras")
    weights = weights_of((tmp_path / "network.keras").read_bytes())
    assert {name: values.shape for name, values in weights.items()} == {
        "weights/dense/0": (2, 3),
        "weights/dense/1": (3,),
    }
    users = pl.DataFrame({"user_id": ["a", "b"], "embedding": [[0.5, 1.0], [0.0, 2.0]], "rfm_segment": ["lost", None]})
    folder = tmp_path / "tensorboard"
    write_tensorboard(folder, [], {}, weights=weights, users=users)
    histograms = {value.tag: value.histo.num for event in events(folder) for value in event}
    assert histograms == {"weights/dense/0": 6, "weights/dense/1": 3}
    assert 'tensor_name: "users' in (folder / "projector_config.pbtxt").read_text()
    (metadata,) = folder.rglob("metadata.tsv")
    assert metadata.read_text().splitlines() == ["user_id\trfm_segment", "a\tlost", "b\t"]
    (vectors,) = folder.rglob("tensors.tsv")
    assert [line.split("\t") for line in vectors.read_text().splitlines()] == [["0.5", "1.0"], ["0.0", "2.0"]]


def events(folder):
    """The values of each event of a TensorBoard file: length, its checksum, the event, its checksum."""
    (path,) = folder.glob("events.*")
    content, at = path.read_bytes(), 0
    while at < len(content):
        size = int.from_bytes(content[at : at + 8], "little")
        yield Event.FromString(content[at + 12 : at + 12 + size]).summary.value
        at += 16 + size

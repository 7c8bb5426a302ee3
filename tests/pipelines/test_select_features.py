"""The selection as a job, on planted examples: what is kept, where it is written, and that training goes by it."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import dataframely as dy
import polars as pl
import pyarrow as pa
import pytest
from threadpoolctl import threadpool_limits

from userprofile.features.catalogue import compose
from userprofile.features.entries import Feature
from userprofile.pipelines import select_features, selected_features, train_model
from userprofile.pipelines.examples import EXAMPLES, examples_schema
from userprofile.pipelines.steps import Outcome
from userprofile.schemas.arrow import arrow_schema

pytestmark = pytest.mark.slow

AS_OF = date(2024, 1, 21)  # the day after the last of the three good rows
NAMES = ("useful", "copy", "noise", "constant")
BLANK = {pl.List: [], pl.Boolean: False, pl.Int8: 0, pl.Int64: 0, pl.Float64: 0.0, pl.String: ""}

UNUSABLE = {
    "": "no list there",
    "not JSON": "no list there",
    '{"features": ["useful"], "as_of_date": "2024-02-01"}': "labels of after 2024-01-21",
    '{"features": ["useful", "gone"], "as_of_date": "2024-01-21"}': "lacks: gone",
}


def feature(name: str) -> Feature:
    dtype = dy.Float64(nullable=True)
    return Feature(name, family="planted", expr=pl.len(), dtype=dtype, unit="", null="", says="")


CATALOGUE = compose(map(feature, NAMES))


def examples() -> list[dict[str, Any]]:
    """Of each split, with every column of the table; only `useful` and its copy tell of the label."""
    rng = random.Random(2)
    columns = examples_schema(CATALOGUE).columns()
    blank = {name: None if one.nullable else BLANK.get(one.dtype.base_type()) for name, one in columns.items()}
    rows = []
    for number in range(900):
        label = int(rng.random() < 0.4)
        useful = label + rng.gauss(0, 0.7) if rng.random() < 0.9 else None
        told = {"useful": useful, "copy": useful and useful * 3, "noise": rng.gauss(0, 1), "constant": 1.0}
        split = ("train", "validation", "test")[number % 3]
        key = {"user_id": f"user {number}", "as_of_date": AS_OF, "split": split, "label_purchase": label}
        rows.append({**blank, **key, **told})
    return rows


def planted(run: Any) -> None:
    """Stands for build_training_set."""

    def work() -> Outcome:
        schema = examples_schema(CATALOGUE)
        rows = run.spark.createDataFrame(pa.Table.from_pylist(examples(), schema=arrow_schema(schema)))
        return Outcome([run.store.replace(rows, EXAMPLES, schema)])

    run.step("build_training_set", work, inputs=[], sections=["source"], as_of=AS_OF)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Gradient boosting on a few hundred rows waits for its threads most of the time."""
    with threadpool_limits(limits=1):
        yield


@pytest.fixture
def shop(job, refined, monkeypatch) -> str:
    for module in (select_features, selected_features):
        monkeypatch.setattr(module, "feature_catalogue", lambda *_: CATALOGUE)
    assert job("planted", planted, "--source", refined).code == 0
    return refined


@pytest.fixture
def chosen(tmp_path) -> Path:
    return tmp_path / "models" / "my_shop" / "selected_features.json"


def test_what_is_worth_training_on_is_written_with_the_metric_before_and_after(job, shop, chosen):
    ended = job("select_features", select_features.select_features, "--source", shop)
    assert ended.code == 0, ended.errors
    written = json.loads(chosen.read_text())
    assert (written["features"], sorted(written["dropped"])) == (["useful"], ["constant", "copy", "noise"])
    assert written["as_of_date"] == str(AS_OF)
    figures = ended.result["metrics"]["select_features"]
    assert figures["test_auc_selected"] > figures["test_auc_all"] - 0.05 > 0.7
    assert (figures["selected"], figures["dropped"]) == (1, 3)
    assert "test auc all" in ended.printed

    again = job("select_features", select_features.select_features, "--source", shop)
    assert again.result["steps"]["select_features"] == 0.0
    chosen.unlink()
    job("select_features", select_features.select_features, "--source", shop)
    assert json.loads(chosen.read_text()) == written


def test_training_reads_the_list_and_is_done_again_when_it_changes(job, shop, chosen, monkeypatch, tmp_path):
    read: list[list[str]] = []

    def train(run: Any, pinned: Any, dense: list[str], as_of: date) -> Outcome:
        read.append(dense)
        (tmp_path / "models" / "a-model").mkdir(parents=True, exist_ok=True)
        return Outcome([], {"model_version": "a-model"})

    monkeypatch.setattr(train_model, "_train", train)
    selected = ["--set", "train_model.features=selected"]
    job("train_model", train_model.train_model, "--source", shop)
    for features in (["useful"], ["useful"], ["useful", "noise"]):
        chosen.parent.mkdir(parents=True, exist_ok=True)
        chosen.write_text(json.dumps({"features": features, "as_of_date": str(AS_OF)}))
        ended = job("train_model", train_model.train_model, "--source", shop, *selected)
        assert ended.code == 0, ended.errors
    assert read == [list(NAMES), ["useful"], ["useful", "noise"]]


def test_a_list_that_cannot_be_trained_by_names_the_job_that_makes_it(job, shop, chosen):
    chosen.parent.mkdir(parents=True)
    for text, says in UNUSABLE.items():
        if text:
            chosen.write_text(text)
        ended = job("train_model", train_model.train_model, "--source", shop, "--set", "train_model.features=selected")
        assert ended.code == 2, ended.errors
        assert "make select_features" in ended.errors
        assert says in ended.errors


def test_a_selection_before_its_time_names_the_job_that_comes_first(job, refined):
    ended = job("select_features", select_features.select_features, "--source", refined)
    assert ended.code == 3
    assert "make build_training_set" in ended.errors

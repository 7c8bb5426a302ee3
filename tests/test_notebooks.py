"""The notebook for Databricks and the one for Jupyter, top to bottom, on one small demo shop."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import nbformat
import pytest
from nbclient import NotebookClient
from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.slow

CHECKOUT = Path(__file__).resolve().parents[1]
DATABRICKS, JUPYTER = CHECKOUT / "jobs/launchers/databricks_notebook.py", CHECKOUT / "docs/notebook.ipynb"
SHOP = (
    "demo_shop.users=120 demo_shop.days=60 demo_shop.seed=7 spark.driver_memory=1500m spark.shuffle_partitions=2 "
    "train_model.epochs=1 train_model.processes=1"
)


class Ended(Exception):
    """The notebook said that it ends here."""


class Platform:
    """What Databricks puts into a notebook, as far as ours asks for it; what is shown is kept."""

    def __init__(self, spark: SparkSession, **chosen: str) -> None:
        self.spark, self.chosen, self.declared = spark, chosen, dict[str, str]()
        self.shown: list[Any] = []
        self.widgets = self.notebook = self

    def text(self, name: str, default: str, label: str = "") -> None:
        self.declared[name] = default

    def dropdown(self, name: str, default: str, choices: list[str], label: str = "") -> None:
        assert default in choices
        self.declared[name] = default

    def get(self, name: str) -> str:
        return self.chosen.get(name, self.declared[name])

    def exit(self, value: str) -> NoReturn:
        self.shown.append(value)
        raise Ended

    def display(self, frame: DataFrame) -> None:
        self.shown.append([row.asDict() for row in frame.collect()])

    def names(self) -> dict[str, Any]:
        return {
            "spark": self.spark,
            "dbutils": self,
            "display": self.display,
            "displayHTML": self.shown.append,
            "__name__": "__main__",
        }


def cells() -> Iterator[str]:
    """Those with code."""
    first, source = DATABRICKS.read_text().split("\n", 1)
    assert first == "# Databricks notebook source"
    for cell in re.split(r"^# COMMAND -{10}$", source, flags=re.MULTILINE):
        lines = [line for line in cell.splitlines() if line]
        is_magic = [line.startswith("# MAGIC") for line in lines]
        assert all(is_magic) or not any(is_magic), cell
        if not is_magic[0]:
            yield cell


def run_notebook(platform: Platform) -> BaseException | None:
    """In a thread of its own, as there; returns what ended it."""
    names, ended = platform.names(), list[BaseException]()

    def run() -> None:
        try:
            for number, cell in enumerate(cells()):
                exec(compile(cell, f"cell {number}", "exec"), names)
        except BaseException as error:
            ended.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return ended[0] if ended else None


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where both work: what the first made, the second finds done."""
    folder, before = tmp_path_factory.mktemp("notebooks"), Path.cwd()
    os.chdir(folder)
    yield folder
    os.chdir(before)


@pytest.fixture
def on_databricks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "17.3")


@pytest.mark.usefixtures("on_databricks")
def test_the_notebook_for_databricks_runs_and_shows_profiles(spark: SparkSession, folder: Path) -> None:
    platform = Platform(spark, source="demo_shop", catalog="spark_catalog", settings=SHOP)
    assert run_notebook(platform) is None
    latest, segments, history, page = platform.shown
    assert len(latest) > 100
    assert all(0 <= row["purchase_probability"] <= 1 for row in latest)
    assert sum(row["count(user_id)"] for row in segments) == len(latest)
    assert [row["event_time"] for row in history] == sorted(row["event_time"] for row in history)
    assert "</html>" in page
    assert page.count("<svg") > 3
    by_name = spark.table("spark_catalog.demo_shop_u120_d60_s7_gold.latest_user_profiles")
    assert {row["user_id"] for row in by_name.select("user_id").collect()} == {row["user_id"] for row in latest}

    one_job = Platform(spark, source="demo_shop", job="ingest_events", settings=f"{SHOP} demo_shop.seed=8")
    ended = run_notebook(one_job)
    assert isinstance(ended, RuntimeError)
    assert "ingest_events ended with exit code 2" in str(ended)  # nobody has made the log of this seed


def test_the_notebook_for_jupyter_runs_and_keeps_no_path(folder: Path, python_environment: dict[str, str]) -> None:
    """On the tables of the test before; alone it makes them."""
    kept = nbformat.read(JUPYTER, as_version=4)
    ran = nbformat.read(JUPYTER, as_version=4)
    ran.metadata["kernelspec"]["name"] = "python3"
    client = NotebookClient(ran, timeout=600, resources={"metadata": {"path": str(folder)}})
    client.execute(env=python_environment)
    code = [(was.outputs, cell.outputs) for was, cell in zip(kept.cells, ran.cells, strict=True) if "outputs" in was]
    for was, now in code:
        assert [one.output_type for one in was] == [one.output_type for one in now]
        assert [sorted(one.get("data", {})) for one in was] == [sorted(one.get("data", {})) for one in now]
    written = json.dumps(kept)
    assert "purchase_probability" in written
    assert re.search(r"/(tmp|home|root|work|Users)/", written) is None

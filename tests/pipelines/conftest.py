"""Jobs as users start them, in this process and on the shared Spark session."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from userprofile.pipelines.ingest_events import ingest_events
from userprofile.pipelines.job import Pipeline, run_job
from userprofile.pipelines.refine_events import refine_events

CONF = Path(__file__).parents[2] / "conf"
SHOP = """
timezone: UTC
currency: EUR
gap: 0d
horizon: 7d
"""
COLUMNS = """
settings: {refine_events: {max_quarantined_share: 0.5}}
events:
  columns:
    user_id: who
    item_id: what
    action: did
    event_time: {sql: at, pattern: yyyy-MM-dd HH:mm}
    price: cost
"""
MAPPING = SHOP + COLUMNS
HEADER = "who,what,did,at,cost\n"
GOOD = (
    HEADER + "ann,i1,view,2024-01-01 10:00,1.00\nbob,i1,purchase,2024-01-02 11:00,2.50\nann,i2,view,2024-01-20 09:00,\n"
)


@dataclass(frozen=True)
class Ended:
    """How a job ended."""

    code: int
    result: dict[str, Any]
    printed: str
    errors: str


def run_below(folder: Path, name: str, pipeline: Pipeline, *arguments: str) -> int:
    """A job of few rows, all that it writes below the folder."""
    settings = [f"{part}={folder / part}" for part in ("warehouse", "models", "report", "build")]
    settings += [f"pseudonym_key={folder / 'secrets' / 'pseudonym.key'}", "spark.shuffle_partitions=2"]
    return run_job(name, pipeline, conf_folder=CONF, arguments=[*arguments, "--set", *settings])


@pytest.fixture(scope="session")
def job_below(spark: SparkSession) -> Callable[..., int]:
    """For tests that share a folder: run_below."""
    return run_below


@pytest.fixture
def job(spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Runs a pipeline with command-line arguments, all that it writes below tmp_path."""

    def run(name: str, pipeline: Pipeline, *arguments: str) -> Ended:
        capsys.readouterr()
        code = run_below(tmp_path, name, pipeline, *arguments)
        printed = capsys.readouterr()
        return Ended(code, json.loads(printed.out.splitlines()[-1]), printed.out, printed.err)

    return run


@pytest.fixture
def shop() -> str:
    """What a mapping says of the shop itself; its columns come behind."""
    return SHOP


@pytest.fixture
def mapping(tmp_path: Path) -> str:
    """The mapping file of a small log."""
    path = tmp_path / "my_shop.yaml"
    path.write_text(MAPPING)
    return str(path)


@pytest.fixture
def header() -> str:
    """The first line of a file of the log."""
    return HEADER


@pytest.fixture
def good() -> str:
    """Three good rows, header included."""
    return GOOD


@pytest.fixture
def log(tmp_path: Path) -> Callable[..., str]:
    """Writes a file of the log."""

    def write(text: str, name: str = "log.csv") -> str:
        path = tmp_path / name
        path.write_text(text)
        return str(path)

    return write


@pytest.fixture(scope="session")
def refined_once(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the warehouse of three good rows, ingested and refined."""
    folder = tmp_path_factory.mktemp("refined")
    source, rows = folder / "my_shop.yaml", folder / "log.csv"
    source.write_text(MAPPING)
    rows.write_text(GOOD)
    with contextlib.redirect_stdout(io.StringIO()):
        run_below(folder, "ingest_events", ingest_events, "--source", str(source), "--input", str(rows))
        run_below(folder, "refine_events", refine_events, "--source", str(source))
    return folder


@pytest.fixture
def refined(refined_once: Path, mapping: str, tmp_path: Path) -> str:
    """The mapping of a log whose three good rows are refined already, in a warehouse of the test's own."""
    for part in ("warehouse", "secrets"):
        shutil.copytree(refined_once / part, tmp_path / part)
    shutil.copy(refined_once / "log.csv", tmp_path)
    return mapping

"""Jobs as users start them, in this process and on the shared Spark session."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from userprofile.pipelines.job import Pipeline, run_job

CONF = Path(__file__).parents[2] / "conf"


@dataclass(frozen=True)
class Ended:
    """How a job ended."""

    code: int
    result: dict[str, Any]
    printed: str
    errors: str


@pytest.fixture
def job(spark: SparkSession, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ended]:
    """Runs a pipeline with command-line arguments, all that it writes below tmp_path."""

    def run(name: str, pipeline: Pipeline, *arguments: str) -> Ended:
        folders = [f"{part}={tmp_path / part}" for part in ("warehouse", "models", "report", "build")]
        key = f"pseudonym_key={tmp_path / 'secrets' / 'pseudonym.key'}"
        capsys.readouterr()
        code = run_job(name, pipeline, conf_folder=CONF, arguments=[*arguments, "--set", *folders, key])
        printed = capsys.readouterr()
        return Ended(code, json.loads(printed.out.splitlines()[-1]), printed.out, printed.err)

    return run

"""Raw rows as small as a test needs them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

LOADED_AT = datetime(2024, 12, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="session")
def loaded_at() -> datetime:
    return LOADED_AT


@pytest.fixture(scope="session")
def raw_rows(spark: SparkSession) -> Callable[..., DataFrame]:
    """Bronze rows of file 1 (or of the numbered files) out of dicts, or of the raw text itself; places from 1."""

    def make(*files: Sequence[dict[str, Any] | str]) -> DataFrame:
        rows = [
            (number, place, row if isinstance(row, str) else json.dumps(row), LOADED_AT)
            for number, file in enumerate(files, start=1)
            for place, row in enumerate(file, start=1)
        ]
        return spark.createDataFrame(rows, "file_number int, place long, raw string, loaded_at timestamp")

    return make

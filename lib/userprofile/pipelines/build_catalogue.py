"""gold.user_features -> the page of all features: what each means, and how its values lie as of the latest date."""

from __future__ import annotations

from datetime import date
from functools import partial
from pathlib import Path

import polars as pl
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from userprofile.errors import DataGateError
from userprofile.features.catalogue import user_features_schema
from userprofile.features.entries import Catalogue
from userprofile.pipelines.engine import feature_catalogue
from userprofile.pipelines.steps import Outcome, Run, Step
from userprofile.report.catalogue import catalogue_page, catalogue_text, described

PAGE, TEXT = "catalogue.html", "catalogue.md"


def build_catalogue(run: Run) -> Step:
    """Write catalogue.html and catalogue.md beside the report's page; of AS_OF, else of the latest date built."""
    features = run.pinned("gold.user_features", made_by="build_features")
    catalogue = feature_catalogue(run.config.build_features, run.config.source.timezone)
    rows = run.store.read(features, user_features_schema(catalogue))
    as_of = run.as_of or rows.agg(F.max("as_of_date")).collect()[0][0]
    folder = Path(run.config.report, Path(run.store.root).name)
    work = partial(_write, run, rows.where(F.col("as_of_date") == F.lit(as_of)), catalogue, as_of, folder)
    gone = not all((folder / name).exists() for name in (PAGE, TEXT))
    sections = ["source", "build_features", "build_catalogue"]
    return run.step("build_catalogue", work, inputs=[features], sections=sections, as_of=as_of, again=gone)


def _write(run: Run, rows: DataFrame, catalogue: Catalogue, as_of: date, folder: Path) -> Outcome:
    users = rows.count()
    if users == 0:
        raise DataGateError(
            f"no features have been built as of {as_of}",
            expected="rows of that date in gold.user_features",
            fix=f"make build_features SOURCE={run.source} AS_OF={as_of}",
        )
    seen = pl.DataFrame(_some(rows, users, wanted=run.config.build_catalogue.users).toArrow())
    whole = described(seen, catalogue, source=run.config.source.name, as_of=as_of, users=users)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PAGE).write_text(catalogue_page(whole), encoding="utf-8")
    (folder / TEXT).write_text(catalogue_text(whole), encoding="utf-8")
    page = str((folder / PAGE).resolve())
    return Outcome([], {"page": page, "features": len(catalogue.names), "users": users, "as_of_date": str(as_of)})


def _some(rows: DataFrame, users: int, *, wanted: int) -> DataFrame:
    """All users, or about `wanted` of them: the same ones each time, and no sort."""
    parts = -(-users // wanted)
    return rows.where(F.pmod(F.xxhash64("user_id"), F.lit(parts)) == 0) if parts > 1 else rows

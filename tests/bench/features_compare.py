"""Whether two engines wrote the same rows: every value of every column, before any ratio of their times counts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import polars as pl

KEY = "user_id"
# Sums of floats depend on the order of the terms; single precision holds seven digits.
TOLERANCE: dict[type[pl.DataType], float] = {pl.Float64: 1e-9, pl.Float32: 1e-6}


class DifferentResultsError(Exception):
    """Two engines that were asked for the same disagree."""


def require_same(one: Path, other: Path, *, on: date) -> None:
    """Raises DifferentResultsError with all columns that differ. Folders of Parquet files, a row per user and date."""
    if found := list(differences(one, other, on=on)):
        raise DifferentResultsError(f"{one.name} and {other.name} differ in\n  " + "\n  ".join(found))


def differences(one: Path, other: Path, *, on: date) -> Iterator[str]:
    """A line for each column that differs in rows of the date: in how many users, and in which for instance."""
    frames = [
        pl.scan_parquet(folder / "**/*.parquet", hive_partitioning=True).filter(pl.col("as_of_date") == on)
        for folder in (one, other)
    ]
    schemas = [frame.collect_schema() for frame in frames]
    if sorted(schemas[0].names()) != sorted(schemas[1].names()):
        yield f"columns: {sorted({*schemas[0].names()} ^ {*schemas[1].names()})}"
        return
    users = [frame.select(KEY).collect()[KEY] for frame in frames]
    order = [column.arg_sort() for column in users]
    if not users[0].gather(order[0]).equals(users[1].gather(order[1])):
        both = len(set(users[0]) & set(users[1]))
        yield f"users: {len(users[0])} and {len(users[1])} rows, {both} users in both"
        return
    sorted_users = users[0].gather(order[0])
    for name in schemas[0].names():
        columns = (frame.select(name).collect()[name].gather(by) for frame, by in zip(frames, order, strict=True))
        yield from _differing(name, sorted_users, *columns)


def _differing(name: str, users: pl.Series, one: pl.Series, other: pl.Series) -> Iterator[str]:
    rows = pl.DataFrame({"row": range(len(users)), "one": one, "other": other}).cast({"row": pl.UInt32})
    wrong = _wrong_rankings(rows) if _is_ranking(one) else _wrong_lists(rows) if one.dtype == pl.List else _wrong(rows)
    if found := wrong.unique().sort().to_list():
        first = rows.row(found[0], named=True)
        yield f"{name}: {len(found)} users, for instance {users[found[0]]}: {first['one']} and {first['other']}"


def _is_ranking(column: pl.Series) -> bool:
    return isinstance(column.dtype, pl.List) and isinstance(column.dtype.inner, pl.Struct)


def _wrong(values: pl.DataFrame) -> pl.Series:
    """Numbers of the rows whose two values differ; both null is the same."""
    tolerance = TOLERANCE.get(values.schema["one"].base_type())
    one, other = pl.col("one"), pl.col("other")
    if tolerance is None:
        return values.filter(one.ne_missing(other))["row"]
    near = (one - other).abs() <= tolerance * pl.max_horizontal(one.abs(), other.abs())
    return values.filter(~(near.fill_null(value=False) | (one.is_null() & other.is_null())))["row"]


def _wrong_lists(rows: pl.DataFrame) -> pl.Series:
    lengths = rows.select("row", pl.col("one", "other").list.len())
    if len(wrong := _wrong(lengths)):
        return wrong
    return _wrong(rows.filter(pl.col("one").list.len() > 0).explode("one", "other"))


def _wrong_rankings(rows: pl.DataFrame) -> pl.Series:
    """Each name has the same score in both; one that the other lacks must tie with the last there. Strongest first."""
    lengths = _wrong(rows.select("row", pl.col("one", "other").list.len()))
    one, other = (_exploded(rows, side) for side in ("one", "other"))
    joined = one.join(other, on=["row", "name"], how="full", coalesce=True)
    last = rows.select(
        "row", *(pl.col(side).list.last().struct["score"].alias(f"last_{side}") for side in ("one", "other"))
    )
    scores = joined.join(last, on="row").select(
        "row", *(pl.coalesce(side, f"last_{side}").alias(side) for side in ("one", "other"))
    )
    rising = [
        exploded.filter((pl.col(side).diff() > 0) & (pl.col("row").diff() == 0))["row"]
        for side, exploded in (("one", one), ("other", other))
    ]
    return pl.concat([lengths, _wrong(scores), *rising])


def _exploded(rows: pl.DataFrame, side: str) -> pl.DataFrame:
    pairs = rows.select("row", side).filter(pl.col(side).list.len() > 0).explode(side)
    return pairs.select("row", name=pl.col(side).struct["name"], **{side: pl.col(side).struct["score"]})

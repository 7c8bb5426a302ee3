"""What two runs of the same nights must have in common: every row of every table, less what is a run's own."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from deltalake import DeltaTable
from polars.testing import assert_frame_equal

# Ids, times and folders of a run, and versions of tables: a step that was done again after a kill has one more.
OF_A_RUN = {
    "run_id", "config_version", "started_at", "seconds", "loaded_at", "trained_at", "scored_at", "failed_at",
    "judged_at", "inputs", "outputs", "fingerprint", "metrics", "model_version", "before_model_version",
    "embedding_space", "events_version", "features_version", "training_version", "loaded", "file_number",
    "event_order", "source_file", "file_id",
}  # fmt: skip

# What is summed over partitions, as k-means does, depends on which of them came first, and what a network says on how
# many users it is asked of at once, both in their last digits; networks reckon in seven.
OFF = 1e-5


def tables(warehouse: Path) -> dict[str, pl.DataFrame]:
    """Every table by `layer.name`, its rows in the order of what they say, and before all of what is no fraction."""
    folders = sorted(path.parent for path in warehouse.glob("*/*/_delta_log"))
    return {f"{folder.parent.name}.{folder.name}": _rows(folder) for folder in folders}


def _rows(folder: Path) -> pl.DataFrame:
    frame = pl.DataFrame(DeltaTable(str(folder)).to_pyarrow_table())
    names = sorted(name for name in frame.columns if name not in OF_A_RUN)
    names.sort(key=lambda name: "Float" in str(frame.schema[name]))
    kept = frame.select(names)
    return kept.sort(pl.struct(pl.all()).map_elements(repr, return_dtype=pl.String))


def differences(calm: Path, disturbed: Path) -> list[str]:
    """What is not equal, in words. Of tables about the runs themselves only that of models must be equal."""
    left, right = tables(calm), tables(disturbed)
    found = [f"{name} is only in one of the two" for name in sorted(set(left) ^ set(right)) if not _of_runs(name)]
    for name in sorted(name for name in set(left) & set(right) if not _of_runs(name)):
        one, other = left[name], right[name]
        if wrong := [column for column in {**one.schema, **other.schema} if _differ(one, other, column)]:
            found.append(f"{name}: {one.height} rows against {other.height}, not equal in {', '.join(wrong)}")
    return found


def _differ(one: pl.DataFrame, other: pl.DataFrame, column: str) -> bool:
    try:
        assert_frame_equal(one.select(column), other.select(column), rel_tol=OFF, abs_tol=OFF)
    except (AssertionError, pl.exceptions.ColumnNotFoundError):
        return True
    return False


def _of_runs(table: str) -> bool:
    return table.startswith("ops.") and table != "ops.models"


def doubled(warehouse: Path) -> list[str]:
    """Tables with a row that is there twice, by key."""
    keys = {
        "bronze.events": ["file_number", "place"],
        "silver.events": ["event_id"],
        "gold.user_features": ["user_id", "as_of_date"],
        "gold.user_profiles": ["user_id", "as_of_date", "model_version"],
        "gold.profile_changes": ["user_id", "as_of_date"],
        "ops.models": ["model_version"],
        "ops.runs": ["run_id", "step", "as_of_date"],
    }
    frames = {name: _keys(warehouse, name, *key) for name, key in keys.items()}
    return [name for name, frame in frames.items() if frame.is_duplicated().any()]


def seconds_to_recover(warehouse: Path, kills: list[float]) -> list[float]:
    """From each kill until the step that was under way was done: the next commit of ops.runs.

    Times since the epoch. A kill after the last step undid nothing, and has none.
    """
    commits = DeltaTable(str(warehouse / "ops/runs")).history()
    times = sorted(commit["timestamp"] / 1000 for commit in commits)
    return [min(later) - kill for kill in kills if (later := [time for time in times if time > kill])]


def models_astray(warehouse: Path, models: Path) -> list[str]:
    """Folders of models, or of half of one, that no row of ops.models names; and rows without a folder."""
    known = set(_keys(warehouse, "ops.models", "model_version")["model_version"])
    return sorted({path.name for path in models.glob("*")} ^ known)


def _keys(warehouse: Path, table: str, *columns: str) -> pl.DataFrame:
    """Those columns of a table; no rows where nothing has been written."""
    folder = str(warehouse / table.replace(".", "/"))
    if not DeltaTable.is_deltatable(folder):
        return pl.DataFrame(schema=dict.fromkeys(columns, pl.String))
    return pl.DataFrame(DeltaTable(folder).to_pyarrow_table(columns=list(columns)))

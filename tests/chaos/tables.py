"""What two runs of the same nights must have in common: every row of every table, less what is a run's own."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from deltalake import DeltaTable

# Ids and times of a run, and versions of tables, which a step that was done again after a kill has one more of.
OF_A_RUN = {
    "run_id", "started_at", "seconds", "loaded_at", "trained_at", "failed_at", "judged_at", "inputs", "outputs",
    "fingerprint", "metrics", "model_version", "embedding_space", "events_version", "features_version",
    "training_version", "loaded", "file_number", "event_order", "source_file", "file_id",
}  # fmt: skip


def tables(warehouse: Path) -> dict[str, pl.DataFrame]:
    """Every table by `layer.name`, its rows in an order of their own."""
    folders = sorted(path.parent for path in warehouse.glob("*/*/_delta_log"))
    return {f"{folder.parent.name}.{folder.name}": _rows(folder) for folder in folders}


def _rows(folder: Path) -> pl.DataFrame:
    frame = pl.DataFrame(DeltaTable(str(folder)).to_pyarrow_table())
    kept = frame.select(name for name in sorted(frame.columns) if name not in OF_A_RUN)
    texts = kept.select(pl.struct(pl.all()).map_elements(repr, return_dtype=pl.String).alias("row"))
    return texts.sort("row")


def differences(calm: Path, disturbed: Path) -> list[str]:
    """What is not equal, in words. Of tables about the runs themselves only that of models must be equal."""
    left, right = tables(calm), tables(disturbed)
    found = [f"{name} is only in one of the two" for name in sorted(set(left) ^ set(right)) if not _of_runs(name)]
    for name in sorted(name for name in set(left) & set(right) if not _of_runs(name)):
        one, other = left[name]["row"].to_list(), right[name]["row"].to_list()
        if one != other:
            lost, more = set(one) - set(other), set(other) - set(one)
            shown = f"lost {sorted(lost)[:1]}, new {sorted(more)[:1]}"
            found.append(f"{name}: {len(one)} rows against {len(other)}; {len(lost)} lost, {len(more)} new; {shown}")
    return found


def _of_runs(table: str) -> bool:
    return table.startswith("ops.") and table != "ops.models"


def doubled(warehouse: Path) -> list[str]:
    """Tables with a row that is there twice, by key."""
    keys = {
        "bronze.events": ["file_number", "place"],
        "silver.events": ["event_id"],
        "gold.user_features": ["user_id", "as_of_date"],
        "gold.user_profiles": ["user_id", "as_of_date", "model_version"],
        "ops.models": ["model_version"],
        "ops.runs": ["run_id", "step", "as_of_date"],
    }
    frames = {name: _keys(warehouse, name, *key) for name, key in keys.items()}
    return [name for name, frame in frames.items() if frame.is_duplicated().any()]


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

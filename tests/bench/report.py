"""make bench-report: the page of a million users, from tables of the demo shop whose users stand there many times over."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable
from job_runs import ran
from measure import Measure, is_small, publish

USERS, COPIES = (200, 20) if is_small() else (500, 2_400)
SOURCE = ["demo_shop", "--users", str(USERS), "--days", "60"]
COMMAND = "make bench-report SMALL=1" if is_small() else "make bench-report"
# All that grows with the users and that a page reads; what follows is how many rows a row group holds when jobs write.
TABLES = {
    "bronze/events": 1_000_000,
    "quarantine/events": 1_000_000,
    "silver/events": 1_000_000,
    "gold/user_features": 20_000,
    "gold/user_sequences": 20_000,
    "gold/user_profiles": 100_000,
    "gold/profile_changes": 1_000_000,
}


def main() -> int:
    """Exit code 1 where a must is missed, the job's where one fails."""
    with tempfile.TemporaryDirectory(prefix="bench-report-") as name:
        folder = Path(name)
        try:
            return publish("report", list(measures_of(folder)))
        except subprocess.CalledProcessError as error:
            print(error.stdout, error.stderr, sep="\n", file=sys.stderr)
            return error.returncode


def measures_of(folder: Path) -> Iterator[Measure]:
    """Of the page of a date that has one before it."""
    as_of = date.fromisoformat(ran(folder, "run", source=SOURCE)["as_of"])
    before = [*SOURCE, "--as-of", str(as_of - timedelta(days=7))]
    for job in ("build_features", "infer_profiles"):
        ran(folder, job, source=before)
    (warehouse,) = (folder / "warehouse").iterdir()
    users = {name: multiply(warehouse / name, rows) for name, rows in TABLES.items()}["gold/user_profiles"] // 2
    began = time.monotonic()
    ended = ran(folder, "build_report", source=[*SOURCE, "--force"])
    seconds = time.monotonic() - began
    page = Path(ended["metrics"]["build_report"]["page"])
    size = f"{users:,} users"
    yield Measure(f"the page of {size}", ended["steps"]["build_report"], "s", "<= 60", "", COMMAND)
    yield Measure(f"the page of {size}, from the job's start to its end", seconds, "s", "", "", COMMAND)
    yield Measure(f"size of the page of {size}", page.stat().st_size / 1e6, "MB", "<= 5", "", COMMAND)


def multiply(table: Path, rows_per_group: int) -> int:
    """Put in the place of each file of the table one with COPIES times its rows, users told apart, and let the table's
    log say so; the rows that there are then.
    """
    total = 0
    for uri in DeltaTable(table).file_uris():
        file = Path(uri.removeprefix("file://"))
        rows, size = _multiply_file(file, rows_per_group)
        _tell(table / "_delta_log", str(file.relative_to(table)), rows, size)
        total += rows
    return total


def _multiply_file(file: Path, rows_per_group: int) -> tuple[int, int]:
    original = pq.ParquetFile(file).read()
    at_once = max(rows_per_group // max(original.num_rows, 1), 1)
    file.with_name(f".{file.name}.crc").unlink(missing_ok=True)
    with pq.ParquetWriter(file, original.schema, compression="snappy", write_page_index=True) as writer:
        for first in range(0, COPIES, at_once):
            numbers = range(first, min(first + at_once, COPIES))
            writer.write_table(pa.concat_tables(_copy(original, number) for number in numbers), rows_per_group)
    return original.num_rows * COPIES, file.stat().st_size


def _copy(rows: pa.Table, number: int) -> pa.Table:
    """In each copy another beginning of the pseudonyms: files stay sorted by them."""
    if "user_id" not in rows.column_names:
        return rows
    at = rows.column_names.index("user_id")
    other = pc.binary_replace_slice(rows["user_id"].cast(pa.string()), 0, 4, f"{number:04x}")
    return rows.set_column(at, rows.schema.field(at), other.cast(rows.schema.field(at).type))


def _tell(log: Path, path: str, rows: int, size: int) -> None:
    for commit in log.glob("*.json"):
        actions = [json.loads(line) for line in commit.read_text().splitlines()]
        for action in actions:
            if action.get("add", {}).get("path") == path:
                action["add"] |= {"size": size, "stats": json.dumps({"numRecords": rows})}
        commit.write_text("\n".join(map(json.dumps, actions)) + "\n")
        commit.with_suffix(".crc").unlink(missing_ok=True)
        commit.with_name(f".{commit.name}.crc").unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())

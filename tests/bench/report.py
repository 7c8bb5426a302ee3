"""make bench-report: the page of a million users, from tables of the demo shop in which each user stands many times."""

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
# All that grows with the users and that a page reads, and how many rows a row group holds when jobs write.
TABLES = {
    "bronze/events": 1_000_000,
    "quarantine/events": 1_000_000,
    "silver/events": 1_000_000,
    "gold/user_features": 20_000,
    "gold/user_sequences": 20_000,
    "gold/user_profiles": 100_000,
    "gold/profile_changes": 1_000_000,
}
# These lie by users; in others a row group has some of all, and no reader can pass it over.
BY_USER = ("gold/user_features", "gold/user_sequences", "gold/user_profiles")


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
    scored = ran(folder, "run", source=SOURCE)["metrics"]["infer_profiles"]
    as_of = date.fromisoformat(scored["as_of_date"])
    before = [*SOURCE, "--as-of", str(as_of - timedelta(days=7))]
    for job in ("build_features", "infer_profiles"):
        ran(folder, job, source=before)
    (warehouse,) = (folder / "warehouse").iterdir()
    rows = {name: multiply(warehouse, name) for name in TABLES}
    users = rows["gold/user_profiles"] // 2
    began = time.monotonic()
    ended = ran(folder, "build_report", source=[*SOURCE, "--force"])
    seconds = time.monotonic() - began
    page = Path(ended["metrics"]["build_report"]["page"])
    size = f"{users:,} users"
    yield Measure(f"the page of {size}", ended["steps"]["build_report"], "s", "<= 60", "", COMMAND)
    yield Measure(f"the page of {size}, from the job's start to its end", seconds, "s", "", "", COMMAND)
    yield Measure(f"size of the page of {size}", page.stat().st_size / 1e6, "MB", "<= 5", "", COMMAND)


def multiply(warehouse: Path, name: str) -> int:
    """Put in the place of each file of the table one with COPIES times its rows, users told apart, and let the table's
    log say so; the rows that there are then.
    """
    total, table = 0, warehouse / name
    log = DeltaTable(table)
    schema = pa.schema(log.schema().to_arrow())
    for uri in log.file_uris():
        file = Path(uri.removeprefix("file://"))
        rows, size = _multiply_file(file, schema, name)
        _tell(table / "_delta_log", str(file.relative_to(table)), rows, size)
        total += rows
    return total


def _multiply_file(file: Path, schema: pa.Schema, table: str) -> tuple[int, int]:
    original = pq.ParquetFile(file).read()
    # Of Spark's old form of times only the table knows the time zone; partition columns are in no file.
    original = original.cast(pa.schema([schema.field(name) for name in original.column_names]))
    groups = -(-COPIES * original.num_rows // TABLES[table])
    file.with_name(f".{file.name}.crc").unlink(missing_ok=True)
    with pq.ParquetWriter(file, original.schema, compression="snappy", write_page_index=True) as writer:
        for numbers in copies_of_groups(groups, by_user=table in BY_USER):
            writer.write_table(pa.concat_tables(_copy(original, number) for number in numbers), TABLES[table])
    return original.num_rows * COPIES, file.stat().st_size


def copies_of_groups(groups: int, *, by_user: bool) -> list[range]:
    """Which copies a row group has: neighbours, or from all over."""
    at_once = -(-COPIES // groups)
    if by_user:
        return [range(first, min(first + at_once, COPIES)) for first in range(0, COPIES, at_once)]
    return [range(group, COPIES, groups) for group in range(min(groups, COPIES))]


def _copy(rows: pa.Table, number: int) -> pa.Table:
    """With another beginning of the pseudonyms."""
    if "user_id" not in rows.column_names:
        return rows
    at = rows.column_names.index("user_id")
    return rows.set_column(at, rows.schema.field(at), pc.binary_replace_slice(rows["user_id"], 0, 4, f"{number:04x}"))


def _tell(log: Path, path: str, rows: int, size: int) -> None:
    for commit in log.glob("*.json"):
        actions = [json.loads(line) for line in commit.read_text().splitlines()]
        for action in actions:
            if action.get("add", {}).get("path") == path:
                action["add"] |= {"size": size, "stats": _statistics(action["add"]["stats"], rows)}
        commit.write_text("\n".join(map(json.dumps, actions)) + "\n")
        commit.with_suffix(".crc").unlink(missing_ok=True)
        commit.with_name(f".{commit.name}.crc").unlink(missing_ok=True)


def _statistics(told: str, rows: int) -> str:
    """Bounds stay but of pseudonyms, which are others now."""
    bounds = {name: values for name, values in json.loads(told).items() if name in ("minValues", "maxValues")}
    for values in bounds.values():
        values.pop("user_id", None)
    return json.dumps({"numRecords": rows, **bounds})


if __name__ == "__main__":
    sys.exit(main())

"""Raw user ids are in bronze and in quarantine, and nowhere else; the key of pseudonyms is in its file alone."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from userprofile.pipelines.ask_profiles import ask_profiles
from userprofile.pipelines.build_card import build_card
from userprofile.pipelines.build_tag_catalogue import build_tag_catalogue
from userprofile.pipelines.maintain_tables import maintain_tables
from userprofile.pipelines.run import run_path
from userprofile.pipelines.show_status import show_status
from userprofile.tables.maintenance import tables_below

MARK = "marked-person"
HOLD_RAW_ROWS = ("bronze.events", "bronze.items", "bronze.users", "quarantine.events")


def a_log(header: str) -> str:
    """Forty people over sixty days, one row of each unreadable."""
    draw, rows = random.Random(7), []
    for person in range(40):
        who = f"{MARK}-{person}"
        for _ in range(12):
            day = draw.randrange(1, 60)
            at = f"2024-{1 + day // 30:02}-{1 + day % 29:02} {draw.randrange(24):02}:00"
            rows.append(f"{who},i{draw.randrange(9)},{draw.choice(['view', 'purchase'])},{at},2.50")
        rows.append(f"{who},i1,view,no time at all,1.00")
    return header + "\n".join(rows) + "\n"


def told(table: pa.Table) -> Iterator[str]:
    """All that a table's rows say."""
    for row in table.to_pylist():
        yield repr(row)


@pytest.mark.slow
def test_raw_ids_and_the_key_are_where_they_belong_alone(job, mapping, log, header, tmp_path):
    source = log(a_log(header))
    small = ["train_model.epochs=1", "train_model.processes=1", "build_training_set.as_of_dates=3"]
    said = []

    def done(name, pipeline, *arguments):
        ended = job(name, pipeline, "--source", mapping, *arguments, "--set", *small)
        said.append(ended.printed + ended.errors)
        return ended

    assert done("run", run_path, "--input", source).code == 0
    root = tmp_path / "warehouse" / "my_shop"
    someone = DeltaTable(root / "gold" / "user_profiles").to_pyarrow_table()["user_id"][0].as_py()
    for name, pipeline, *arguments in (
        ("ask_profiles", ask_profiles, "--question", "weekly shoppers", "--audience", "weekly"),
        ("build_card", build_card, "--pseudonym", someone),
        ("build_tag_catalogue", build_tag_catalogue),
        ("maintain_tables", maintain_tables),
        ("show_status", show_status),
    ):
        assert done(name, pipeline, *arguments).code == 0, said[-1]
    done("build_card", build_card, "--pseudonym", "nobody")  # what is said of faults counts too

    tables = tables_below(str(root))
    assert {"gold.user_profiles", "ops.jobs", "ops.checks", "quarantine.events"} <= set(tables)
    rows = {name: list(told(DeltaTable(root / name.replace(".", "/")).to_pyarrow_table())) for name in tables}
    assert any(MARK in row for row in rows["quarantine.events"])  # the search finds what is there
    assert sum(MARK in row for row in rows["bronze.events"]) == 40 * 13

    key = (tmp_path / "secrets" / "pseudonym.key").read_text().strip()
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "pseudonym.key"]
    texts = {str(path): path.read_bytes().decode("utf-8", "replace") for path in files if path != Path(source)}
    for secret, belongs in ((MARK, HOLD_RAW_ROWS), (key, ())):
        assert [name for name in tables if name not in belongs and any(secret in row for row in rows[name])] == []
        holding = [name for name, text in texts.items() if secret in text or secret in name]
        assert [name for name in holding if not raw_rows(name, root)] == []
        assert not any(secret in text for text in said)


def raw_rows(path: str, root: Path) -> bool:
    """Whether a file is of a table that holds raw rows."""
    return any(path.startswith(str(root / name.replace(".", "/"))) for name in HOLD_RAW_ROWS)

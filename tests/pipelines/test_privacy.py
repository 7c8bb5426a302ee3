"""Raw user ids are in bronze and in quarantine, and nowhere else; the key of pseudonyms is in its file alone, and a
token from the environment nowhere. Searched are all files, of every version of a table, their names, what was said, and
what other processes were told.
"""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from userprofile.pipelines.ask_profiles import ask_profiles
from userprofile.pipelines.build_card import build_card
from userprofile.pipelines.build_tag_catalogue import build_tag_catalogue
from userprofile.pipelines.maintain_tables import maintain_tables
from userprofile.pipelines.run import run_path
from userprofile.pipelines.show_status import show_status

MARK = "marked-person"
TOKEN = "marked-token"  # of a source, in the environment of whoever starts the job
SEARCHED = ("gold/user_profiles", "gold/training_examples", "silver/users", "ops/jobs", "ops/checks")
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


def told(path: Path) -> str:
    """All that a file says; of a Parquet file all that its rows, and its own figures of them, say."""
    written = path.read_bytes().decode("utf-8", "replace")
    return repr(pq.ParquetFile(path).read().to_pylist()) + written if path.suffix == ".parquet" else written


def told_below(folder: Path) -> Iterator[tuple[str, str]]:
    """Each file and what it says; without those that Spark removes meanwhile."""
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError, IsADirectoryError):
            yield str(path), told(path)


@contextmanager
def children() -> Iterator[tuple[set[str], set[str]]]:
    """Command lines and environments of all processes below this one while this lasts, but for the shortest-lived."""
    lines, environments, over = set[str](), set[str](), threading.Event()

    def look() -> None:
        while not over.wait(0.1):
            for child in psutil.Process().children(recursive=True):
                with suppress(psutil.Error):
                    lines.add(" ".join(child.cmdline()))
                    environments.add(repr(child.environ()))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield lines, environments
    finally:
        over.set()
        looking.join()


@pytest.mark.slow
def test_raw_ids_and_the_key_are_where_they_belong_alone(spark, job, mapping, log, header, tmp_path, monkeypatch):
    source = log(a_log(header))
    small = ["train_model.epochs=1", "train_model.processes=2", "build_training_set.as_of_dates=3"]
    said = []
    monkeypatch.setenv("SHOP_TOKEN", TOKEN)

    def done(name, pipeline, *arguments):
        ended = job(name, pipeline, "--source", mapping, *arguments, "--set", *small)
        said.append(ended.printed + ended.errors)
        return ended

    with children() as (lines, environments):
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

    key = (tmp_path / "secrets" / "pseudonym.key").read_text().strip()
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "pseudonym.key"]
    texts = {str(path): told(path) for path in written if path != Path(source)}
    raw = [name for name in texts if raw_rows(name, root)]
    for table in ("bronze/events", "quarantine/events"):  # the search finds what is there
        assert any(MARK in texts[name] for name in raw if name.startswith(str(root / table)))
    assert all(any(name.startswith(str(root / table)) for name in texts.keys() - raw) for table in SEARCHED)
    left = dict(told_below(Path(spark.conf.get("spark.local.dir"))))
    # Raw rows on their way, until Spark ends; spark.io.encryption is for these.
    shuffled = [name for name in left if re.search(r"/shuffle_\w+\.data$", name)]
    assert any("horovodrun" in line for line in lines)
    assert any("HOROVOD_RANK" in environment for environment in environments)
    for secret, belongs in ((MARK, [*raw, *shuffled]), (key, []), (TOKEN, [])):
        assert [name for name, text in (texts | left).items() if secret in text and name not in belongs] == []
        assert [name for name in texts | left if secret in name] == []
        assert not any(secret in text for text in (*said, *lines, *environments))


def raw_rows(path: str, root: Path) -> bool:
    """Whether a file is of a table that holds raw rows."""
    return any(path.startswith(str(root / name.replace(".", "/"))) for name in HOLD_RAW_ROWS)

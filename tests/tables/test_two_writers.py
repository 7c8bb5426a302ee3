"""Two processes that write one table at the same time."""

from __future__ import annotations

import contextlib
import datetime as dt
import inspect
import subprocess
import sys
import time
from pathlib import Path

import pytest

from userprofile.errors import ConflictError
from userprofile.schemas.gold import PopulationStatistics
from userprofile.tables.store import Store, TableVersion


def writes(spark, root, folder, name):
    """Three times its own fifty rows, beside the other of two writers; how many writes were done, and not."""
    rows = [(dt.date(2024, 1, 1), name, str(n), 1.0) for n in range(50)]
    store = Store(spark, str(root), run_id=name)
    columns = "as_of_date date, statistic string, key string, value double"
    frame = spark.createDataFrame(rows, columns).repartition(2)
    Path(folder, f"{name}.ready").touch()
    latest = time.monotonic() + 180
    while len(list(Path(folder).glob("*.ready"))) < 2:
        assert time.monotonic() < latest, "the other writer did not start"
        time.sleep(0.02)
    done = 0
    for _ in range(3):
        with contextlib.suppress(ConflictError):
            store.replace(frame, "gold.population_statistics", PopulationStatistics)
            done += 1
    return done


OTHER_WRITER = f"""
import contextlib, datetime as dt, sys, time
from pathlib import Path
from userprofile.errors import ConflictError
from userprofile.schemas.gold import PopulationStatistics
from userprofile.spark.session import build_session
from userprofile.tables.store import Store

{inspect.getsource(writes)}

root, folder = sys.argv[1:]
settings = {{"spark.local.dir": folder, "spark.sql.warehouse.dir": folder}}
spark = build_session(application="other", master="local[1]", driver_memory="600m", shuffle_partitions=1,
                      settings=settings, verbose=False)
print(writes(spark, root, folder, "other"))
"""


@pytest.mark.slow
def test_two_processes_that_write_one_table_leave_the_rows_of_one(spark, tmp_path, few_rows_environment):
    """On a local disk Delta's own commit is atomic within one process only."""
    root = tmp_path / "warehouse"
    command = [sys.executable, "-c", OTHER_WRITER, str(root), str(tmp_path)]
    with subprocess.Popen(
        command, env=few_rows_environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as other:
        written = writes(spark, root, tmp_path, "one")
        said, complained = other.communicate(timeout=180)
    assert other.returncode == 0, complained
    written += int(said)
    store = Store(spark, str(root))
    last = store.pin("gold.population_statistics")
    assert last.version == written, "one commit a write, after that of the creation"
    seen = set()
    for version in range(1, last.version + 1):
        rows = store.small(TableVersion(last.table, version, 0), PopulationStatistics, "statistic", "key").rows()
        assert len(rows) == len(set(rows)) == 50
        assert len({name for name, _ in rows}) == 1, "no mixture of the two"
        seen.add(rows[0][0])
    assert seen == {"one", "other"}
    assert not list(root.rglob("*.tmp"))

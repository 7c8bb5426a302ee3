"""What bronze holds already, and how more of it is added: by numbered files and slices, each once."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from pyspark.sql import DataFrame

from userprofile.events.asked import Slice, slices_of
from userprofile.pipelines.steps import Run
from userprofile.schemas.entities import BronzeEntities
from userprofile.schemas.events import BronzeEvents
from userprofile.tables.store import Transaction

TABLES = {"bronze.events": BronzeEvents, "bronze.items": BronzeEntities, "bronze.users": BronzeEntities}


class TakenIn(NamedTuple):
    """A file, or a slice of a source that is asked."""

    number: int
    identity: str
    name: str


def bronze(run: Run, table: str) -> DataFrame:
    """The table's present rows."""
    return run.store.read(run.store.pin(table), TABLES[table])


def taken_in(run: Run, table: str) -> list[TakenIn]:
    """All that the table has rows of."""
    if not run.store.exists(table):
        return []
    named = bronze(run, table).select("file_number", "file_id", "source_file").distinct()
    return [TakenIn(*row) for row in named.collect()]


def slices_taken(taken: list[TakenIn], origin: str) -> list[Slice]:
    """Those of one origin, oldest first."""
    return slices_of(origin, [(one.number, one.name) for one in taken])


def next_number(taken: list[TakenIn]) -> int:
    """Of the next file or slice."""
    return max((one.number for one in taken), default=0) + 1


def slice_transaction(table: str, origin: str, number: int) -> Transaction:
    """Of two that take in the same origin at once only one can add its slice. Number 0: no rows yet, only the table."""
    return Transaction(f"ingest_events/{table}/{hashlib.sha256(origin.encode()).hexdigest()}", number)

"""What Delta refuses, told as the ends of a run that were foreseen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import deltalake
from delta import exceptions as conflicts
from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException

from userprofile.errors import ConflictError, DataGateError

_CONFLICTS = tuple(getattr(conflicts, name) for name in conflicts.__all__)  # they have no common base in Python
_NULL_REFUSED = re.compile(
    r"NOT NULL constraint violated for column: \S+[^\s.]|Casting field '\S+' with null values"  # Delta's, Arrow's
)
_RANGE_REFUSED = re.compile(r"CHECK constraint \S+ \(.*?\) violated")


def _conflict(table: str) -> ConflictError:
    return ConflictError(f"another writer changed {table} at the same time", fix="run the same command again")


@contextmanager
def made_by_one(table: str) -> Iterator[None]:
    """Of two that find no table only one makes it, and may add rows without looking for others."""
    try:
        yield
    except deltalake.exceptions.DeltaError as error:
        raise _conflict(table) if "already exists" in str(error) else error from error


@contextmanager
def clear_errors(table: str) -> Iterator[None]:
    """What Delta refuses, as ours: another writer's commit in between, and rows that the table does not take."""
    try:
        yield
    except (*_CONFLICTS, deltalake.exceptions.CommitFailedError) as error:
        raise _conflict(table) from error
    except (PySparkException, Py4JJavaError, ValueError) as error:
        if refused := _NULL_REFUSED.search(str(error)):
            raise _refused(
                f"a row for {table} lacks a value it must have", "no null in columns declared so", refused
            ) from error
        if refused := _RANGE_REFUSED.search(str(error)):
            what = f"a row for {table} has a value out of its range"
            raise _refused(what, "values as the table's constraints say", refused) from error
        raise


def _refused(what: str, expected: str, refused: re.Match[str]) -> DataGateError:
    fix = "nothing was written; see the column in lib/userprofile/schemas"
    return DataGateError(what, expected=expected, received=refused[0], fix=fix)

"""One table of a database, and what its failures mean for a run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from py4j.protocol import Py4JError, Py4JJavaError
from pyspark.errors import PySparkException

from userprofile.errors import EnvironmentMismatchError, UsageError, UserprofileError

_NO_TABLE = ("42P01", "42S02", "3F000")
_OF_A_DRIVER = re.compile(r"\bjava\.sql\.SQL\w*Exception|PSQLException|\bjdbc\.\w+Exception")


@dataclass(frozen=True)
class Database:
    """One table, and how it is reached."""

    url: str
    table: str
    column: str  # the one that grows
    key: str  # of the mapping, for messages
    overlap: int | timedelta | None = None
    partitions: int = 1
    fetch_rows: int = 10_000
    driver: str = ""
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    @property
    def origin(self) -> str:
        """The table's name in bronze; what follows `?` says how to connect, not where rows are."""
        return f"{re.split('[?;]', self.url)[0]}/{self.table}"

    def options(self) -> dict[str, str]:
        """What Spark's reader takes beside URL and table."""
        chosen = {"user": self.user, "password": self.password, "driver": self.driver}
        if self.url.startswith("jdbc:postgresql:"):  # in Spark's jars Java finds it by name only
            chosen["driver"] = self.driver or "org.postgresql.Driver"
        # Times without a zone stay what the table says, whatever zone this machine is in.
        fixed = {"fetchsize": str(self.fetch_rows), "preferTimestampNTZ": "true"}
        return fixed | {name: value for name, value in chosen.items() if value}


@contextmanager
def reached(database: Database) -> Iterator[None]:
    """What a database says of a failure may name its user: only its kind is passed on."""
    try:
        yield
    except (Py4JError, PySparkException) as error:
        if (ended := _end_by(error, database)) is None:
            raise
        raise ended from None


def _end_by(error: Exception, database: Database) -> UserprofileError | None:
    """The end of a run by this error, where it is the database's; else None."""
    state, said = _sql_state(error), str(error)
    if state in _NO_TABLE:
        return UsageError(
            f"{database.key}.table names no table that this user sees",
            expected="a table, as schema.table, in the letters of the database",
            received=database.table,
            fix=f"correct {database.key}.table, or grant its user to read it",
        )
    if "ClassNotFoundException" in said or "No suitable driver" in said:
        return EnvironmentMismatchError(
            f"no JDBC driver for {database.origin} is here",
            expected="the driver's jar beside Delta Lake's",
            fix="bash jobs/setup/jars.sh brings PostgreSQL's; put another's jar into the same folder and name its class"
            f" in {database.key}.driver",
        )
    if not state and not _OF_A_DRIVER.search(said):
        return None
    refused = state.startswith("28")
    fix = f"check {database.key}.url and that the database runs, then run the same command again"
    if refused:
        fix = f"set the variables that {database.key}.user_from and password_from name"
    return EnvironmentMismatchError(
        f"the database {database.origin} {'refused this user' if refused else 'did not answer'}",
        expected="a database that lets the job read",
        received=f"SQLSTATE {state}" if state else "a connection that ended",
        fix=fix,
    )


def _sql_state(error: Exception) -> str:
    """The code that the SQL standard gives the failure; empty where it is none of a database."""
    cause = error.java_exception if isinstance(error, Py4JJavaError) else getattr(error, "_origin", None)
    while cause is not None:
        try:
            return str(cause.getSQLState() or "")
        except (Py4JError, TypeError):
            cause = cause.getCause()
    return ""

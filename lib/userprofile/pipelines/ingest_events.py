"""Raw files, tables and APIs -> bronze.events, bronze.items, bronze.users: each file, row and record once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import partial

from userprofile.config.mapping import Files, ItemFiles, UserFiles
from userprofile.errors import UsageError
from userprofile.events.bronze import bronze_rows, require_fields
from userprofile.events.files import Form, RawFile, field_names, find_files, inspect_file, require_whole
from userprofile.pipelines.bronze_tables import TABLES, next_number, taken_in
from userprofile.pipelines.ingest_api import api_of, take_records
from userprofile.pipelines.ingest_database import database_of, take_rows
from userprofile.pipelines.steps import Outcome, Run, Step
from userprofile.tables.store import Transaction


def ingest_events(run: Run) -> Step:
    """Take in every file not taken in before, and what databases and APIs have that was not; rows stay as received."""
    kinds = described(run)
    found = {kind: _inspected(run, files) for kind, files in kinds.items() if not (files.jdbc or files.http)}
    if not found.get("events", True):
        raise UsageError(
            f"source {run.config.source.name} names no files of its own",
            expected="files of the log",
            received="none",
            fix=f"make run SOURCE={run.source} INPUT=<files>",
        )
    takers = {
        kind: partial(_append_new, run, kind, found[kind]) if kind in found else _asker(run, kind, files)
        for kind, files in kinds.items()
    }
    identity = {kind: [file.file_id for file in files] for kind, files in found.items()}
    work = partial(_ingest, run, takers)
    is_asked = len(found) < len(kinds)  # only asking tells whether something came since
    return run.step("ingest_events", work, inputs=[], sections=["source"], parameters=identity, again=is_asked)


def described(run: Run) -> dict[str, Files]:
    """The kinds of rows that have an origin: events always, items and users where the mapping names one."""
    source, named = run.config.source, {"files": list(run.inputs), "jdbc": None, "http": None}
    kinds: dict[str, Files] = {"events": source.events.model_copy(update=named) if run.inputs else source.events}
    others = {"items": source.items, "users": source.users}
    return kinds | {kind: files for kind, files in others.items() if files and files.is_of_its_own}


def _asker(run: Run, kind: str, files: Files) -> Callable[[], int]:
    """What takes in from the database or API; all that can be wrong before it is asked is wrong here."""
    table, expressions = f"bronze.{kind}", _expressions(files)
    if files.jdbc:
        database = database_of(files.jdbc, key=f"{kind}.jdbc")
        check = partial(require_fields, run.spark, expressions=expressions, file=database.origin)
        return partial(take_rows, run, table, database, check=check)
    assert files.http is not None
    api = api_of(files.http, key=f"{kind}.http")
    check = partial(require_fields, run.spark, expressions=expressions, file=api.origin)
    return partial(take_records, run, table, api, files.http.pages_per_commit, check=check)


def _inspected(run: Run, files: Files) -> list[RawFile]:
    uris = find_files(files.files, folder=run.data_folder)
    looked_at = [inspect_file(uri, encoding=files.encoding, is_text=files.format != "parquet") for uri in uris]
    for file in require_whole(looked_at):
        require_fields(run.spark, field_names(file.uri, form_of(files)), _expressions(files), file=file.uri)
    return looked_at


def form_of(files: Files) -> Form:
    """How the rows of these files are written down."""
    return Form(files.format, files.delimiter, files.header, tuple(files.fields or ()), files.encoding, files.multiline)


def _expressions(files: Files) -> dict[str, str]:
    expressions = {name: column.sql for name, column in files.columns.items()}
    if isinstance(files, ItemFiles):
        expressions |= {f"category_path[{level}]": sql for level, sql in enumerate(files.category_path)}
    if isinstance(files, ItemFiles | UserFiles):
        expressions |= {f"attributes.{name}": sql for name, sql in files.attributes.items()}
    if isinstance(files, UserFiles):
        expressions |= {f"consent.{purpose}": sql for purpose, sql in files.consent.items()}
    return expressions


def _ingest(run: Run, takers: dict[str, Callable[[], int]]) -> Outcome:
    metrics = {f"{kind}_rows_added": take() for kind, take in takers.items()}
    return Outcome([run.store.pin(f"bronze.{kind}") for kind in takers], metrics)


def _append_new(run: Run, kind: str, files: Sequence[RawFile]) -> int:
    table = f"bronze.{kind}"
    taken = taken_in(run, table)
    known = {one.identity for one in taken}
    new = {file.file_id: file for file in files if file.file_id not in known}
    if not new:
        return 0
    numbered = list(enumerate(new.values(), start=next_number(taken)))
    rows = bronze_rows(run.spark, numbered, form_of(described(run)[kind]), loaded_at=run.started_at)
    # Named by content: a file without rows leaves no number behind, and the next one would come under the same.
    identity = hashlib.sha256("".join(new).encode()).hexdigest()
    transaction = Transaction(f"ingest_events/{table}/{identity}", 1)
    return run.store.append(rows, table, TABLES[table], transaction).rows

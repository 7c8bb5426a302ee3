"""Raw files -> bronze.events, bronze.items, bronze.users: each file once, whatever its name."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial

from userprofile.config.mapping import Files, ItemFiles, UserFiles
from userprofile.errors import UsageError
from userprofile.events.bronze import bronze_rows, require_fields
from userprofile.events.files import Form, RawFile, field_names, find_files, inspect_file, require_whole
from userprofile.pipelines.steps import Outcome, Run, Step
from userprofile.schemas.entities import BronzeEntities
from userprofile.schemas.events import BronzeEvents
from userprofile.tables.store import TableVersion, Transaction

TABLES = {"events": BronzeEvents, "items": BronzeEntities, "users": BronzeEntities}


def ingest_events(run: Run) -> Step:
    """Take in every file not taken in before; its rows stay exactly as received."""
    found = {kind: _inspected(run, files) for kind, files in described(run).items()}
    if not found["events"]:
        raise UsageError(
            f"source {run.config.source.name} names no files of its own",
            expected="files of the log",
            received="none",
            fix=f"make run SOURCE={run.source} INPUT=<files>",
        )
    identity = {kind: [file.file_id for file in files] for kind, files in found.items()}
    work = partial(_ingest, run, found)
    return run.step("ingest_events", work, inputs=[], sections=["source"], parameters=identity)


def described(run: Run) -> dict[str, Files]:
    """The kinds of rows that have files: events always, items and users where the mapping names files."""
    source = run.config.source
    events = source.events.model_copy(update={"files": list(run.inputs)}) if run.inputs else source.events
    kinds: dict[str, Files] = {"events": events}
    kinds |= {
        kind: files for kind, files in (("items", source.items), ("users", source.users)) if files and files.files
    }
    return kinds


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


def _ingest(run: Run, found: dict[str, list[RawFile]]) -> Outcome:
    written = {kind: _append_new(run, kind, files) for kind, files in found.items()}
    metrics = {f"{kind}_rows_added": added for kind, (_, added) in written.items()}
    return Outcome([pinned for pinned, _ in written.values()], metrics)


def _append_new(run: Run, kind: str, files: Sequence[RawFile]) -> tuple[TableVersion, int]:
    table, schema = f"bronze.{kind}", TABLES[kind]
    known = _known_files(run, table)
    new = {file.file_id: file for file in files if file.file_id not in known}
    if not new:
        return run.store.pin(table), 0
    first = max(known.values(), default=0) + 1
    numbered = list(enumerate(new.values(), start=first))
    rows = bronze_rows(run.spark, numbered, form_of(described(run)[kind]), loaded_at=run.started_at)
    # Named by content: a file without rows leaves no number behind, and the next one would come under the same.
    identity = hashlib.sha256("".join(new).encode()).hexdigest()
    transaction = Transaction(f"ingest_events/{table}/{identity}", 1)
    added = run.store.append(rows, table, schema, transaction).rows
    return run.store.pin(table), added


def _known_files(run: Run, table: str) -> dict[str, int]:
    if not run.store.exists(table):
        return {}
    rows = run.store.read(run.store.pin(table), BronzeEvents if table == "bronze.events" else BronzeEntities)
    return {row["file_id"]: row["file_number"] for row in rows.select("file_id", "file_number").distinct().collect()}

"""Raw files before Spark reads them: where they are, what they hold, whether they are whole."""

from __future__ import annotations

import codecs
import csv
import glob
import hashlib
import importlib.util
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow.fs as pafs
import pyarrow.parquet as pq

from userprofile.errors import DataGateError, UsageError

_CHUNK = 1 << 20
_LINES_LOOKED_AT = 1000


@dataclass(frozen=True)
class RawFile:
    """One file as found: its content's SHA-256 names it, whatever its name."""

    uri: str
    file_id: str
    bytes: int
    problem: str = ""  # why it cannot be read as a whole


@dataclass(frozen=True)
class Form:
    """How rows are written down in a file."""

    format: str  # csv, jsonl, parquet or whitespace
    delimiter: str = ","
    header: bool = True
    fields: tuple[str, ...] = ()
    encoding: str = "utf-8"
    multiline: bool = False


def find_files(patterns: Iterable[str], *, folder: Path | None) -> list[str]:
    """URIs of all files that the patterns name, sorted within a pattern.

    A pattern is a path, a glob, a folder, a URI, or `package:<package>/<path>` for data that a package carries;
    relative paths are looked for here, then below `folder`. Raises UsageError for a pattern that names nothing.
    """
    found = []
    for pattern in patterns:
        files = _matches(pattern, folder)
        if not files:
            raise UsageError(
                f"no file is called {pattern}",
                expected="a file, a folder, a glob or a URI",
                received=pattern,
                fix="check INPUT=... (or, for a known log, set USERPROFILE_DATA to the folder of logs)",
            )
        found += files
    return list(dict.fromkeys(found))


def _matches(pattern: str, folder: Path | None) -> list[str]:
    if "://" in pattern:
        return [pattern]
    if pattern.startswith("package:"):
        package, _, inside = pattern.removeprefix("package:").partition("/")
        spec = importlib.util.find_spec(package)
        candidates = [Path(spec.origin).parent / inside] if spec and spec.origin else []
    else:
        candidates = [Path(pattern), *([folder / pattern] if folder else [])]
    for candidate in candidates:
        if candidate.is_dir():
            paths = [path for path in candidate.rglob("*") if path.is_file() and not path.name.startswith(("_", "."))]
        else:
            paths = [Path(name) for name in glob.glob(str(candidate))]
        if paths:
            return [path.resolve().as_uri() for path in sorted(paths)]
    return []


def inspect_file(uri: str, *, encoding: str, is_text: bool) -> RawFile:
    """Reads the whole file once: its hash, and whether it is empty, cut short, or in another encoding."""
    hasher, size = hashlib.sha256(), 0
    inflater = zlib.decompressobj(wbits=31) if uri.endswith(".gz") else None
    decoder = codecs.getincrementaldecoder(encoding)() if is_text else None
    try:
        for chunk in _chunks(uri):
            hasher.update(chunk)
            size += len(chunk)
            text = inflater.decompress(chunk) if inflater else chunk
            if decoder:
                decoder.decode(text)
        if decoder:
            decoder.decode(b"", final=True)
    except zlib.error:
        return RawFile(uri, "", size, "is not a whole gzip file")
    except UnicodeDecodeError as error:
        return RawFile(uri, "", size, f"is not {encoding}: byte 0x{error.object[error.start]:02x} cannot be read")
    problem = "is empty" if size == 0 else "ends in the middle of its gzip stream" if _cut(inflater) else ""
    return RawFile(uri, hasher.hexdigest(), size, problem)


def require_whole(files: Iterable[RawFile]) -> list[RawFile]:
    """Returns the files; raises DataGateError naming each that is empty, cut short or wrongly encoded."""
    files = list(files)
    broken = [f"{file.uri} {file.problem}" for file in files if file.problem]
    if broken:
        raise DataGateError(
            f"{len(broken)} of {len(files)} files cannot be taken in; none was",
            expected="whole files in the declared encoding",
            received="; ".join(broken),
            fix="fetch them again, or correct `encoding` in the mapping; leave the bad ones out of INPUT to go on",
        )
    return files


def field_names(uri: str, form: Form) -> list[str]:
    """The raw fields of a file: from its header, its Parquet schema, or the keys of its first JSON lines."""
    if form.format == "parquet":
        filesystem, path = pafs.FileSystem.from_uri(uri)
        return list(pq.read_schema(path, filesystem=filesystem).names)
    lines = islice(_lines(uri, form.encoding), _LINES_LOOKED_AT)
    if form.format == "jsonl":
        return list(dict.fromkeys(key for line in lines for key in _keys(line)))
    if not form.header:
        return list(form.fields)
    first = next(lines, "")
    return first.split() if form.format == "whitespace" else next(csv.reader([first], delimiter=form.delimiter), [])


def _keys(line: str) -> Iterable[str]:
    try:
        row = json.loads(line)
    except ValueError:
        return []
    return row if isinstance(row, dict) else []


def _chunks(uri: str) -> Iterator[bytes]:
    filesystem, path = pafs.FileSystem.from_uri(uri)
    with filesystem.open_input_stream(path, compression=None) as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk


def _lines(uri: str, encoding: str) -> Iterator[str]:
    inflater = zlib.decompressobj(wbits=31) if uri.endswith(".gz") else None
    decoder, rest = codecs.getincrementaldecoder(encoding)("replace"), ""
    for chunk in _chunks(uri):
        rest += decoder.decode(inflater.decompress(chunk) if inflater else chunk)
        *whole, rest = rest.split("\n")
        yield from (line.rstrip("\r").removeprefix("\ufeff") for line in whole)
    if rest:
        yield rest.rstrip("\r")


def _cut(inflater: zlib._Decompress | None) -> bool:
    return inflater is not None and not inflater.eof

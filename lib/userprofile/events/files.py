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
from urllib.parse import unquote, urlsplit

import pyarrow as pa
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

    format: str  # csv, jsonl, json_entries, parquet or whitespace
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
    if "://" in pattern and not pattern.startswith("file://"):
        filesystem, path = pafs.FileSystem.from_uri(pattern)
        return [pattern] if filesystem.get_file_info(path).type == pafs.FileType.File else []
    if pattern.startswith("package:"):
        package, _, inside = pattern.removeprefix("package:").partition("/")
        spec = importlib.util.find_spec(package)
        candidates = [Path(spec.origin).parent / inside] if spec and spec.origin else []
    elif pattern.startswith("file://"):
        candidates = [Path(unquote(urlsplit(pattern).path))]
    else:
        candidates = [Path(pattern), *([folder / pattern] if folder else [])]
    for candidate in candidates:
        if candidate.is_dir():
            paths = [path for path in candidate.rglob("*") if not path.name.startswith(("_", "."))]
        else:
            paths = [candidate] if candidate.exists() else [Path(name) for name in glob.glob(str(candidate))]
        if files := sorted(path for path in paths if path.is_file()):
            return [path.resolve().as_uri() for path in files]
    return []


def inspect_file(uri: str, *, encoding: str, is_text: bool) -> RawFile:
    """Reads the whole file once: its hash, and whether it is empty, cut short, or in another encoding."""
    hasher, size = hashlib.sha256(), 0
    inflater = _Inflater() if uri.endswith(".gz") else None
    decoder = codecs.getincrementaldecoder(encoding)() if is_text else None
    try:
        for chunk in _chunks(uri):
            hasher.update(chunk)
            size += len(chunk)
            text = inflater.inflate(chunk) if inflater else chunk
            if decoder:
                decoder.decode(text)
        if decoder:
            decoder.decode(b"", final=True)
    except zlib.error:
        return RawFile(uri, "", size, "is not a whole gzip file")
    except UnicodeDecodeError as error:
        return RawFile(uri, "", size, f"is not {encoding}: byte 0x{error.object[error.start]:02x} cannot be read")
    cut = inflater is not None and inflater.is_cut
    problem = "is empty" if size == 0 else "ends in the middle of its gzip stream" if cut else ""
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
    """The raw fields of a file: from its header, its Parquet schema, or the keys of its first JSON lines.

    A column whose header is empty is called `_c<place>`, the second `a` of a header is `a_<place>`; places begin at 0.
    Raises DataGateError when a Parquet file has no schema, or times that Spark cannot read.
    """
    if form.format == "parquet":
        return _parquet_fields(uri)
    if form.format == "json_entries":
        return ["key", "value"]
    lines = islice(_lines(uri, form.encoding), _LINES_LOOKED_AT)
    if form.format == "jsonl":
        return list(dict.fromkeys(key for line in lines for key in _keys(line)))
    if not form.header:
        return list(form.fields)
    first = next(lines, "")
    if form.format == "whitespace":
        return _distinct(first.split())
    if len(form.delimiter) > 1:  # which Spark knows and the csv module does not
        return _distinct(first.split(form.delimiter))
    return _distinct(next(csv.reader([first], delimiter=form.delimiter), []))


def _parquet_fields(uri: str) -> list[str]:
    filesystem, path = pafs.FileSystem.from_uri(uri)
    try:
        schema = pq.read_metadata(path, filesystem=filesystem).schema
    except pa.ArrowInvalid as error:
        raise DataGateError(
            f"{uri} is not a whole Parquet file; nothing was taken in", received=str(error), fix="fetch it again"
        ) from error
    columns = [schema.column(place) for place in range(len(schema))]
    # Not INT96, an older form of the same, which Spark reads.
    if nanos := [one.path for one in columns if one.physical_type == "INT64" and "nano" in one.logical_type.to_json()]:
        raise DataGateError(
            f"{uri} has times in nanoseconds, which Spark does not read; nothing was taken in",
            expected="times in microseconds or milliseconds",
            received=", ".join(nanos),
            fix='write it again: in pandas to_parquet(file, coerce_timestamps="us", allow_truncated_timestamps=True)',
        )
    return list(schema.to_arrow_schema().names)


def _distinct(header: Iterable[str]) -> list[str]:
    """Spark knows no columns without a name, nor two whose names differ in case only."""
    names: dict[str, str] = {}
    for place, title in enumerate(header):
        name = title.strip() or f"_c{place}"
        name = f"{name}_{place}" if name.lower() in names else name
        names[name.lower()] = name
    return list(names.values())


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
    """The lines that hold something."""
    inflater = _Inflater() if uri.endswith(".gz") else None
    decoder, rest = codecs.getincrementaldecoder(encoding)("replace"), ""
    for chunk in _chunks(uri):
        rest += decoder.decode(inflater.inflate(chunk) if inflater else chunk)
        *whole, rest = rest.split("\n")
        yield from (line.strip("\r\ufeff") for line in whole if line.strip("\r\ufeff \t"))
    if rest.strip("\r\ufeff \t"):
        yield rest.strip("\r\ufeff")


class _Inflater:
    """Undoes gzip, also of several streams in a row, as when compressed files were joined."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(wbits=31)

    @property
    def is_cut(self) -> bool:
        return not self._stream.eof

    def inflate(self, chunk: bytes) -> bytes:
        parts = []
        while chunk:
            if self._stream.eof:
                self._stream = zlib.decompressobj(wbits=31)
            parts.append(self._stream.decompress(chunk))
            chunk = self._stream.unused_data
        return b"".join(parts)

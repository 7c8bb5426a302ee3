"""Raw user ids on standard input -> their pseudonyms on standard output, for whoever holds the key. Needs no Spark."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from userprofile.config.load import load_config
from userprofile.errors import ExitCode, InterruptedRunError, UsageError, UserprofileError
from userprofile.events.pseudonyms import load_or_make_key, pseudonym


def print_pseudonyms(*, conf_folder: Path, arguments: Sequence[str] | None = None) -> int:
    """For a command line: a line with a pseudonym for each line with a raw id; returns the exit code.

    Nothing else is printed to standard output. Ids are never arguments: those are in process lists and histories.
    """
    options = _parser().parse_args(arguments)
    try:
        config = load_config(conf_folder, source=options.source, overlays=options.conf, settings=options.set)
        key = existing_key(Path(config.pseudonym_key))
        if sys.stdin.isatty():
            print("one raw user id a line; Ctrl-D ends", file=sys.stderr)
        for line in pseudonyms(raw_ids(sys.stdin.buffer), key=key):
            print(line, flush=True)
    except UserprofileError as error:
        return _failed(error, error.exit_code)
    except KeyboardInterrupt:
        return _failed(InterruptedRunError("stopped"), ExitCode.INTERRUPTED)
    except BrokenPipeError:  # whoever reads has seen enough; the interpreter must not try to flush once more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        return _failed(error, ExitCode.DEFECT)
    return int(ExitCode.DONE)


def existing_key(path: Path) -> bytes:
    """The key that refining used. Raises UsageError where there is none: a new key would give names nobody has."""
    if not path.expanduser().exists():
        raise UsageError(
            "there is no pseudonym key, so there are no pseudonyms",
            expected="the key file that refine_events made (pseudonym_key in conf/base.yaml)",
            received=f"no file {path}",
            fix="make refine_events, or name the key of the warehouse: SET=pseudonym_key=<file>",
        )
    return load_or_make_key(path)


def raw_ids(lines: Iterable[bytes] | BinaryIO) -> Iterator[str]:
    """The id of each line, trimmed of spaces as refine_events trims it. Raises UsageError where one is not UTF-8."""
    for number, line in enumerate(lines, start=1):
        try:
            yield line.rstrip(b"\r\n").decode().strip(" ")
        except UnicodeDecodeError as error:
            raise UsageError(
                f"line {number} cannot be read",
                expected="raw user ids in UTF-8, one a line",
                received=f"byte 0x{error.object[error.start]:02x}",
                fix="iconv -f <encoding of the file> -t utf-8",
            ) from error


def pseudonyms(ids: Iterable[str], *, key: bytes) -> Iterator[str]:
    """As in silver.events.user_id; an empty id, which no user has, stays empty, so that lines keep their places."""
    return (pseudonym(raw_id, key=key, kind="user") if raw_id else "" for raw_id in ids)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="pseudonym", description="Reads raw user ids from standard input, one a line, and prints their pseudonyms."
    )
    parser.add_argument("--source", default="complete_journey", help="a known log, or the path of a mapping file")
    parser.add_argument(
        "--conf", nargs="+", action="extend", type=Path, default=[], help="configuration files that overlay base.yaml"
    )
    parser.add_argument("--set", nargs="+", action="extend", default=[], metavar="KEY=VALUE", help="single settings")
    return parser


def _failed(error: BaseException, code: ExitCode) -> int:
    what = f"a defect of ours: {type(error).__name__}: {error}" if code == ExitCode.DEFECT else f"error: {error}"
    print(what, file=sys.stderr)
    return int(code)

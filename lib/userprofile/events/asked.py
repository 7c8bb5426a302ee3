"""What is taken in from a source that is asked goes by slices, each one commit and one number beside those of files.

A slice's name tells where its rows came from and how far it reached. The names of committed slices are all that is
known of what was taken in: no file beside the table could disagree with it after a kill.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from userprofile.errors import UsageError


@dataclass(frozen=True)
class Slice:
    """Rows that were taken in together."""

    number: int  # file_number in bronze
    origin: str
    reach: Mapping[str, str]  # how far it reached, as its source understands it

    @property
    def name(self) -> str:
        """source_file in bronze."""
        return f"{self.origin}#{urlencode(self.reach)}"

    @property
    def identity(self) -> str:
        """file_id in bronze, where files have the hash of their content."""
        return hashlib.sha256(f"{self.name} {self.number}".encode()).hexdigest()


def slices_of(origin: str, files: Iterable[tuple[int, str]]) -> list[Slice]:
    """Those of one origin among (file_number, source_file) of bronze, oldest first."""
    named = [(number, name.partition("#")) for number, name in files]
    return [
        Slice(number, origin, dict(parse_qsl(reach, keep_blank_values=True)))
        for number, (of, _, reach) in sorted(named)
        if of == origin
    ]


def not_taken(records: Iterable[str], taken: Iterable[str]) -> list[str]:
    """The records without those that were taken in before, each as often as it was: equal ones are not the same."""
    rest, new = Counter(taken), []
    for record in records:
        if rest[record]:
            rest[record] -= 1
        else:
            new.append(record)
    return new


def secret(variable: str | None, *, key: str) -> str:
    """An environment variable's value; empty where the mapping names none.

    Raises UsageError, which names the key, where the variable is not set.
    """
    if variable is None:
        return ""
    if not (value := os.environ.get(variable, "")):
        raise UsageError(
            f"{key} names the environment variable {variable}, which is not set",
            expected="a variable that holds the secret",
            received="nothing",
            fix=f"set {variable} where the job is started; it belongs in no file",
        )
    return value

"""Features of one's own: Python files outside the package, checked whole before any work.

A file defines `FEATURES`, a list of Feature, in the words of `userprofile.features`. Its code runs here and nowhere
else: what travels to executors are expressions.
"""

from __future__ import annotations

import hashlib
import re
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from userprofile.errors import UsageError, UserprofileError
from userprofile.features.entries import Catalogue, Feature
from userprofile.features.possible import require_feature, require_possible
from userprofile.schemas.gold import Labels, UserSequences
from userprofile.schemas.profiles import UserProfiles

# Names of columns that stand beside features in some table or frame.
_TAKEN = {"user", "split", *UserSequences.column_names(), *Labels.column_names(), *UserProfiles.column_names()}


@dataclass(frozen=True)
class FeatureFile:
    """A file as it was when the configuration was read."""

    path: str
    text: str

    @classmethod
    def read(cls, path: object) -> FeatureFile:
        """Raises UsageError for a file that is not there or is no text."""
        try:
            return cls(str(path), Path(str(path)).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(
                f"feature file {path} cannot be read: {error}",
                expected="a Python file in UTF-8",
                fix="correct build_features.own_features: paths are relative to the working directory, or absolute",
            ) from error

    def __str__(self) -> str:
        """What stands for the file in fingerprints: another content is another configuration."""
        return f"{self.path} sha256:{hashlib.sha256(self.text.encode()).hexdigest()[:16]}"


def own_features(
    files: Sequence[FeatureFile], *, beside: Catalogue, attributes: Sequence[str] = ()
) -> tuple[Feature, ...]:
    """The features of all files, to stand behind those of `beside`; `attributes` are the item attributes configured.

    Where a feature names no source, its file is the source. Raises UsageError naming file and feature: for code that
    does not run, an entry that is no Feature, a name taken, a column that is not there, a type other than declared, a
    value that is not one per user, or that rests on others' events or on the future.
    """
    catalogue = beside
    found: dict[str, str] = {}
    for file in files:
        for number, entry in enumerate(_listed(file)):
            named = f"feature {entry.name}" if isinstance(entry, Feature) else f"FEATURES[{number}]"
            with _speaking_of(f"feature file {file.path}: {named}"):
                require_feature(entry)
                _require_free(entry.name, {**dict.fromkeys(beside.names, "the package"), **found})
                require_possible(entry, before=catalogue, attributes=attributes)
            feature = replace(entry, source=entry.source or Path(file.path).name)
            catalogue = Catalogue((*catalogue.features, feature))
            found[entry.name] = file.path
    return catalogue.features[len(beside.features) :]


def _listed(file: FeatureFile) -> Sequence[Any]:
    """FEATURES of the file's module."""
    # A name that nothing can import: what the file defines is pickled by value, never looked up.
    module: dict[str, Any] = {"__name__": f"features of {file.path}", "__file__": file.path}
    try:
        exec(compile(file.text, file.path, "exec", dont_inherit=True), module)
    except (Exception, SystemExit) as error:  # it is someone else's code: whatever it raises is a wrong file
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file.path]
        line = error.lineno if isinstance(error, SyntaxError) else [None, *lines][-1]
        raise UsageError(
            f"feature file {file.path}{f', line {line}' if line else ''} does not run",
            expected="Python that defines FEATURES (README, 'Features of your own')",
            received=f"{type(error).__name__}: {error.msg if isinstance(error, SyntaxError) else error}",
            fix="mend that line",
        ) from error
    features = module.get("FEATURES")
    if not isinstance(features, list | tuple):
        raise UsageError(
            f"feature file {file.path} defines no list of features",
            expected="FEATURES = [Feature(...), ...]",
            received="no FEATURES" if features is None else type(features).__name__,
        )
    return features


@contextmanager
def _speaking_of(feature: str) -> Iterator[None]:
    try:
        yield
    except UserprofileError as error:
        raise UsageError(
            f"{feature} {error.what}", expected=error.expected, received=error.received, fix=error.fix
        ) from error
    except Exception as error:  # of Polars, or of a function of the file that an expression calls
        raise UsageError(
            f"{feature} has an expression that fails",
            received=f"{type(error).__name__}: {[*str(error).splitlines(), ''][0]}",
            fix="mend the expression; it was tried on a few events made for that",
        ) from error


def _require_free(name: str, taken: dict[str, str]) -> None:
    if not re.fullmatch("[a-z][a-z0-9_]*", name):
        raise UsageError("has a name that no column can have", expected="lower case letters, digits and _")
    if name in taken or name in _TAKEN:
        by = taken.get(name, "a column of another table")
        raise UsageError("has a name that is taken", expected="one entry a name", received=f"{name} of {by}")

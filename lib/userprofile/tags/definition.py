"""The file that defines tags: read and checked as far as that needs no Spark; pipelines/tagging.py evaluates rules."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from userprofile.errors import UsageError
from userprofile.tags.outcomes import OF_A_VALUE, OUTCOMES

KINDS = ("category", "brand")
Word = Annotated[str, Field(min_length=1)]


class Tag(BaseModel):
    """One tag. Of the values of `each` a user gets it for the `most` that are `strongest`, the value in its name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Word
    theme: Word
    rule: Word  # a Spark SQL condition; where it is null the tag does not hold
    says: Word  # for people
    owner: Word
    version: Annotated[int, Field(ge=1)]
    valid_from: date | None = None  # the first and the last as-of date it is for
    valid_until: date | None = None
    each: Literal["category", "brand"] | None = None  # the rule is about one of these at a time
    most: Annotated[int, Field(ge=1)] = 1
    strongest: Word = "lift"  # an expression over the same columns as the rule, for the order of values
    expects: str | None = None  # a key of OUTCOMES; None where a log cannot show it

    @model_validator(mode="after")
    def _fits_together(self) -> Tag:
        named = re.findall(r"\{(.*?)\}", self.name)
        if named != [self.each] * bool(self.each):
            raise ValueError(f"a name with {{{self.each}}} in it" if self.each else "a name without braces, or `each`")
        if not self.each and {"most", "strongest"} & self.model_fields_set:
            raise ValueError("`most` and `strongest` only of a tag with `each`")
        if self.expects is not None and self.expects not in OUTCOMES:
            raise ValueError(f"`expects` among {', '.join(OUTCOMES)}")
        if self.expects in OF_A_VALUE and OF_A_VALUE[self.expects] != self.each:
            raise ValueError(f"{self.expects!r} only of a tag with `each: {OF_A_VALUE[self.expects]}`")
        if self.valid_from and self.valid_until and self.valid_from > self.valid_until:
            raise ValueError("valid_from no later than valid_until")
        return self

    def holds_on(self, as_of: date) -> bool:
        """Whether it is for this as-of date."""
        return (self.valid_from or as_of) <= as_of <= (self.valid_until or as_of)

    @property
    def around(self) -> tuple[str, str]:
        """What stands before and after the value in its words."""
        before, _, after = self.name.partition(f"{{{self.each}}}")
        return before, after

    def gave(self, words: str) -> bool:
        """Whether `words` in a profile are this tag.

        >>> tag = Tag(name="fan of {brand}", each="brand", theme="t", rule="true", says="s", owner="o", version=1)
        >>> tag.gave("fan of ACME"), tag.gave("fan of "), tag.gave("new")
        (True, False, False)
        """
        before, after = self.around
        inside = len(words) > len(before) + len(after) and words.startswith(before) and words.endswith(after)
        return inside if self.each else words == self.name


@dataclass(frozen=True)
class TagFile:
    """A file as it was when the configuration was read; its order is that of a profile's tags, most telling first."""

    path: str
    text: str
    tags: tuple[Tag, ...]

    @classmethod
    def read(cls, path: object, folder: Path) -> TagFile:
        """By its path, or its name in `folder`.

        Raises UsageError naming file, tag and key: for a file that is not there or holds no list, keys that are
        missing, unknown or wrong, two tags of one name, or a tag whose name another with `each` may give.
        """
        text = _text(str(path), folder)
        try:
            rows = yaml.safe_load(text)
        except (yaml.YAMLError, ValueError) as error:  # ValueError of a date that is none
            raise _wrong(path, "is not YAML", "a list of tags", str(error)) from error
        if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
            raise _wrong(path, "holds no tags", "a list of tags, each with its keys", type(rows).__name__)
        return cls(str(path), text, _distinct(path, tuple(_tag(path, row) for row in rows)))

    def __str__(self) -> str:
        """What stands for the file in fingerprints: another content is another configuration."""
        return f"{self.path} sha256:{hashlib.sha256(self.text.encode()).hexdigest()[:16]}"

    def on(self, as_of: date) -> tuple[Tag, ...]:
        """Those for this as-of date."""
        return tuple(tag for tag in self.tags if tag.holds_on(as_of))

    def of(self, words: str) -> Tag | None:
        """The tag that words in a profile are; None of a file that was another."""
        return next((tag for tag in self.tags if tag.gave(words)), None)


def _text(path: str, folder: Path) -> str:
    beside = folder / path
    try:
        return (beside if beside.is_file() else Path(path)).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"tag file {path} cannot be read: {error}",
            expected="a YAML file in UTF-8",
            fix="correct tags.file: a name beside conf/base.yaml, or a path",
        ) from error


def _tag(path: object, row: dict[str, Any]) -> Tag:
    try:
        return Tag.model_validate(row)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        expected = f"a key of {', '.join(Tag.model_fields)}" if first["type"] == "extra_forbidden" else first["msg"]
        received = "nothing" if first["type"] == "missing" else repr(first["input"] if key else row.get("name"))
        what = f"tag {row.get('name')!r}: {key or 'the whole'} is not right"
        raise _wrong(path, what, expected.removeprefix("Value error, "), received[:200]) from error


def _distinct(path: object, tags: tuple[Tag, ...]) -> tuple[Tag, ...]:
    counts = Counter(tag.name for tag in tags)
    twice = [name for name, count in counts.items() if count > 1]
    twice += [tag.name for tag in tags for other in tags if other.each and tag is not other and other.gave(tag.name)]
    if twice:
        raise _wrong(path, f"tag {twice[0]!r} is there twice", "one tag for the same words", ", ".join(twice))
    return tags


def _wrong(path: object, what: str, expected: str, received: str) -> UsageError:
    return UsageError(f"tag file {path}: {what}", expected=expected, received=received, fix=f"change it in {path}")

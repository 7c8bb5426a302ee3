"""The README's tables and names say what the code says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pyarrow as pa
import pytest
from pydantic import BaseModel

from userprofile.columns import ACTIONS, Reason
from userprofile.config.mapping import (
    EVENT_COLUMNS,
    ITEM_COLUMNS,
    USER_COLUMNS,
    Column,
    EventFiles,
    ItemFiles,
    SourceMapping,
    UserFiles,
)
from userprofile.errors import ExitCode
from userprofile.schemas.arrow import arrow_schema
from userprofile.schemas.profiles import ProfileChanges, UserProfiles
from userprofile.tags.definition import Tag

CHECKOUT = Path(__file__).resolve().parents[1]
README = (CHECKOUT / "README.md").read_text(encoding="utf-8")
PROFILES = (CHECKOUT / "docs/profiles.md").read_text(encoding="utf-8").partition("## What changed")


def table_below(heading: str, *, after: str = "") -> dict[str, list[str]]:
    """The first table below the heading, or below the words `after`: first cell without its quotes -> the others."""
    text = README[README.index(heading) :]
    lines = text[text.index(after) :].splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("|---"))
    rows = {}
    for line in lines[start + 1 :]:
        if not line.startswith("|"):
            break
        first, *others = (cell.strip() for cell in line.strip("|").split("|"))
        rows[first.strip("`")] = others
    return rows


def test_the_profile_row_is_documented_column_by_column() -> None:
    rows = [line.split(" | ") for line in PROFILES[0].splitlines() if line.startswith("| `")]
    documented = {name.strip("|` "): (kind, null.strip("| ")) for name, kind, _, null in rows}
    assert list(documented) == UserProfiles.column_names()
    for field in arrow_schema(UserProfiles):
        kind, null = documented[field.name]
        assert kind.startswith("list of") == pa.types.is_list(field.type), field.name
        never_null = re.match(r"never($|[:;])", null) is not None
        assert never_null == (not field.nullable or field.name in NEVER_NULL), field.name


def test_what_changed_is_documented_column_by_column() -> None:
    rows = [line.split(" | ") for line in PROFILES[2].splitlines() if line.startswith("| `")]
    documented = {name.strip("|` "): kind for name, kind, _ in rows}
    assert list(documented) == ProfileChanges.column_names()
    for field in arrow_schema(ProfileChanges):
        assert documented[field.name].startswith("list of") == pa.types.is_list(field.type), field.name


# Declared as if they could be null, for other tables' sake.
NEVER_NULL = ("days_since_any", "tenure_days")


def keys_of(*models: type[BaseModel]) -> dict[str, bool]:
    """Key -> whether it is required."""
    return {name: field.is_required() for model in models for name, field in model.model_fields.items()}


@pytest.mark.parametrize(
    ("after", "models"),
    [
        ("### Keys", (SourceMapping,)),
        ("Keys of `events`", (EventFiles, ItemFiles, UserFiles)),
        ("A column is", (Column,)),
    ],
)
def test_the_keys_of_a_mapping_file(after: str, models: tuple[type[BaseModel], ...]) -> None:
    rows = table_below("### Keys of a mapping file", after=after)
    required = {name: cells[0] == "required" for name, cells in rows.items()}
    expected = keys_of(*models)
    if SourceMapping in models:  # the file's name stands in for `name`; load_config takes `settings` out
        expected |= {"name": False, "settings": False}
    assert required == expected


def test_the_keys_of_a_tag() -> None:
    rows = {
        name.strip("`"): cells for key, cells in table_below("## Tags of your own").items() for name in key.split(", ")
    }
    assert {name: cells[0] == "required" for name, cells in rows.items()} == keys_of(Tag)


def test_columns_and_actions() -> None:
    text = README[README.index("Columns of `events`") : README.index("`conf/sources/` holds")]
    named = [set(re.findall(r"`([a-z_]+)`", part)) for part in re.split(r"Of `items`:|Of `users`:|Actions:", text)]
    assert named == [{*EVENT_COLUMNS, "events"}, set(ITEM_COLUMNS), set(USER_COLUMNS), set(ACTIONS)]


def test_reasons_exit_codes_and_sources(checkout: Path) -> None:
    assert list(table_below("### Reasons")) == [reason.value for reason in Reason]
    assert list(table_below("## Exit codes")) == [str(int(code)) for code in ExitCode]
    known = {path.stem for path in (checkout / "conf" / "sources").glob("*.yaml")}
    text = README[README.index("`conf/sources/` holds") :].partition(".\n")[0]
    assert known <= set(re.findall(r"`([a-z0-9_]+)`", text))


def test_the_profile_shown_has_columns_of_the_table() -> None:
    shown = json.loads(README.partition("```json\n")[2].partition("```")[0])
    assert set(shown) <= set(UserProfiles.column_names())


def test_what_is_named_is_there(checkout: Path) -> None:
    targets = set(re.findall(r"^([a-z_-]+):", (checkout / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:`|^)make ([a-z_-]+)", README, re.MULTILINE)) <= targets
    paths = re.findall(r"`((?:jobs|lib|conf|tests|\.ci)/[\w./]*)`", README)
    assert [path for path in paths if not (checkout / path).exists()] == []

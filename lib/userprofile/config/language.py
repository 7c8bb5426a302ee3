"""A language file: how reasons of scores read."""

from __future__ import annotations

import re
from string import Formatter
from typing import Annotated

from pydantic import AfterValidator, Field

from userprofile.config.values import Section
from userprofile.explain.topics import CODES
from userprofile.explain.wording import FORMS, PLACEHOLDERS, PLURAL

Phrases = dict[str, str]


def _checked(phrases: Phrases) -> Phrases:
    if "none" not in phrases or set(phrases) - set(FORMS):
        raise ValueError(f"phrases for {', '.join(FORMS)}, at least for none")
    for text in phrases.values():
        plurals = {found[0] for found in PLURAL.finditer(text)}
        if wrong := {found[0] for found in re.finditer(r"\{\w+:.*?\}", text)} - plurals:
            raise ValueError(f"the words of a number, as {{usual:day|days}}, not {wrong}")
        if wrong := {name for _, name, _, _ in Formatter().parse(text) if name is not None} - set(PLACEHOLDERS):
            raise ValueError(f"no placeholder but {', '.join(f'{{{name}}}' for name in PLACEHOLDERS)}, not {wrong}")
    return phrases


def _complete(reasons: dict[str, Phrases]) -> dict[str, Phrases]:
    for what, codes in (("phrases also for", set(CODES) - set(reasons)), ("no phrases for", set(reasons) - set(CODES))):
        if codes:
            raise ValueError(f"{what} {', '.join(sorted(codes))}")
    return reasons


class Language(Section):
    """One of conf/languages, or of somebody's own."""

    window: Annotated[str, Field(pattern=r"^[^{}]*\{days\}[^{}]*(\{days:[^{}|]*\|[^{}|]*\}[^{}]*)*$")]
    all_time: str
    reasons: Annotated[dict[str, Annotated[Phrases, AfterValidator(_checked)]], AfterValidator(_complete)]

"""Language files: those that ship are complete, and another that is not is refused before any work."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from userprofile.config.load import load_config
from userprofile.errors import UsageError
from userprofile.explain.topics import CODES
from userprofile.explain.wording import Wording


@pytest.mark.parametrize("language", ["en", "zh-Hans"])
def test_a_language_that_ships_has_phrases_for_every_code(checkout: Path, language: str) -> None:
    config = load_config(checkout / "conf", source="complete_journey", settings=[f"infer_profiles.language={language}"])
    assert set(config.language.reasons) == set(CODES)
    of_numbers = [forms for code, forms in config.language.reasons.items() if not code.startswith("rule_")]
    assert all(set(forms) == {"both", "value", "none"} for forms in of_numbers)
    assert all("{value}" in forms["value"] and "{usual}" in forms["both"] for forms in of_numbers)


def test_reasons_in_chinese_leave_no_english(checkout: Path) -> None:
    """Every phrase in every form, as a card shows it; letters are left of names and of the currency alone."""
    settings = ["infer_profiles.language=zh-Hans"]
    language = load_config(checkout / "conf", source="complete_journey", settings=settings).language
    wording = Wording(language.reasons, language.window, language.all_time, "", 2)
    nothing = {"both": (2.0, 1.0), "value": (2.0, float("nan")), "none": (float("nan"), float("nan"))}
    rows = [
        {"code": code, "unit": unit, "value": nothing[form][0], "usual": nothing[form][1], "window_days": days}
        for code, forms in language.reasons.items()
        for form in forms
        for unit in ("count", "days", "money", "ratio", "score", "share")
        for days in (0, 1, 90)
    ]
    told = wording.with_text(pl.DataFrame(rows).with_columns(name=pl.lit("\u8336")))["text"]
    assert [text for text in told if re.search(r"[A-Za-z{}]", text) or not re.search(r"[\u4e00-\u9fff]", text)] == []
    assert told.len() > 1_000


def german(english: Path) -> dict[str, Any]:
    tree: dict[str, Any] = yaml.safe_load(english.read_text())
    return {**tree, "window": "{days} Tagen"}


def test_a_language_of_ones_own_is_a_file(checkout: Path, write: Callable[..., Path]) -> None:
    path = write(german(checkout / "conf/languages/en.yaml"), "de.yaml")
    config = load_config(checkout / "conf", source="complete_journey", settings=[f"infer_profiles.language={path}"])
    assert config.language.window == "{days} Tagen"


@pytest.mark.parametrize(
    ("change", "key", "expected"),
    [
        (lambda tree: tree["reasons"].pop("orders"), "language.reasons", "phrases also for orders"),
        (lambda tree: tree["reasons"].update(mood={"none": "?"}), "language.reasons", "no phrases for mood"),
        (lambda tree: tree["reasons"]["orders"].pop("none"), "language.reasons.orders", "at least for none"),
        (
            lambda tree: tree["reasons"]["orders"].update(both="{other}"),
            "language.reasons.orders",
            "no placeholder",
        ),
        (
            lambda tree: tree["reasons"]["orders"].update(both="{usual:day}"),
            "language.reasons.orders",
            "the words of a number",
        ),
        (lambda tree: tree.update(window="a while"), "language.window", "pattern"),
        (lambda tree: tree.pop("all_time"), "language.all_time", "a value"),
    ],
)
def test_a_language_that_is_not_right_is_refused(
    checkout: Path, write: Callable[..., Path], change: Callable[[dict[str, Any]], Any], key: str, expected: str
) -> None:
    tree = german(checkout / "conf/languages/en.yaml")
    change(tree)
    path = write(tree, "de.yaml")
    with pytest.raises(UsageError) as raised:
        load_config(checkout / "conf", source="complete_journey", settings=[f"infer_profiles.language={path}"])
    assert f"{path}: {key} is not right" in raised.value.what
    assert expected in str(raised.value.expected)


def test_a_language_that_is_not_there_is_refused_with_those_that_are(checkout: Path) -> None:
    with pytest.raises(UsageError, match="no language is called 'eo'") as raised:
        load_config(checkout / "conf", source="complete_journey", settings=["infer_profiles.language=eo"])
    assert "en, zh-Hans" in str(raised.value.expected)
    with pytest.raises(UsageError) as raised:
        load_config(checkout / "conf", source="complete_journey", settings=["infer_profiles.language=zh-hans"])
    assert raised.value.fix == "SET=infer_profiles.language=zh-Hans"

"""Examples in docstrings give what they say."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

LIB = Path(__file__).resolve().parents[1] / "lib"
MODULES = sorted(
    ".".join(file.relative_to(LIB).with_suffix("").parts)
    for file in LIB.rglob("*.py")
    if ">>> " in file.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("module", MODULES)
def test_examples_of_a_module_hold(module):
    ended = doctest.testmod(importlib.import_module(module))
    assert ended.attempted
    assert not ended.failed

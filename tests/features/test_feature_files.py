"""Files of features: one that does not run or cannot be read is refused with its line, and its content names it."""

from __future__ import annotations

import re

import pytest

from userprofile.errors import UsageError
from userprofile.features.catalogue import compose
from userprofile.features.own import FeatureFile, own_features


@pytest.mark.parametrize(
    ("text", "what", "received"),
    [
        ("FEATURES = [\n", "line 1 does not run", "SyntaxError"),
        ("import polars as pl\n\nFEATURES = [pl.nothing]\n", "line 3 does not run", "AttributeError"),
        ("from userprofile.features import did\n\ndid('dance')\n", "line 3 does not run", "KeyError"),
        ("from userprofile.features import Window\nWindow(0)\n", "line 2 does not run", "0 days"),
        ("import sys\nsys.exit(0)\n", "line 2 does not run", "SystemExit"),
        ("features = []\n", "defines no list of features", "no FEATURES"),
        ("FEATURES = 'views'\n", "defines no list of features", "str"),
    ],
)
def test_a_file_that_does_not_run_is_refused_with_its_line(text, what, received):
    with pytest.raises(UsageError) as raised:
        own_features([FeatureFile("own.py", text)], beside=compose())
    assert raised.value.what.startswith("feature file own.py")
    assert what in raised.value.what
    assert received in raised.value.received


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"nowhere\.py cannot be read"):
        FeatureFile.read("nowhere.py")
    (tmp_path / "latin.py").write_bytes("# é".encode("latin-1"))
    with pytest.raises(UsageError, match=r"latin\.py cannot be read"):
        FeatureFile.read(tmp_path / "latin.py")


def test_a_file_stands_in_the_configuration_by_its_content():
    first, second = (str(FeatureFile("own.py", text)) for text in ("FEATURES = []", "FEATURES = [] "))
    assert re.fullmatch(r"own\.py sha256:[0-9a-f]{16}", first)
    assert first != second
    assert own_features([FeatureFile("own.py", "FEATURES = []")], beside=compose()) == ()

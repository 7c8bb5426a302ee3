"""The packages that are pinned are those whose names vectors carry."""

from __future__ import annotations

from importlib import metadata

import pytest

from userprofile.content import weights
from userprofile.content.sources import MODELS
from userprofile.content.weights import text_weights
from userprofile.errors import EnvironmentMismatchError


def test_hashes_name_the_packages_that_are_installed() -> None:
    for model in MODELS.values():
        package, version = model.split()
        assert metadata.version(package) == version


def test_a_missing_package_is_told_with_its_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "_TEXT_PACKAGE", "no_such_package")
    with pytest.raises(EnvironmentMismatchError, match=r"no-such-package is not installed[\s\S]*make install"):
        text_weights()

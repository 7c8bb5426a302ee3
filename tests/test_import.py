"""What `import userprofile` brings: nothing but the door."""

from __future__ import annotations

import subprocess
import sys

import pytest

import userprofile

LOADED = "import sys, userprofile; print(*sorted(name for name in sys.modules if name.split('.')[0] in {names}))"


def test_an_import_loads_no_part(python_environment: dict[str, str]) -> None:
    command = LOADED.format(names={"userprofile", "pyspark", "polars", "tensorflow"})
    told = subprocess.run([sys.executable, "-c", command], env=python_environment, capture_output=True, text=True)
    assert (told.stdout.strip(), told.stderr) == ("userprofile", "")


def test_what_is_not_there_is_said() -> None:
    assert userprofile.__all__ == ["Profiles"]
    with pytest.raises(AttributeError, match="no attribute 'profile'"):
        _ = userprofile.profile

"""Files of tags."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from userprofile.tags.definition import TagFile

Made = Callable[..., TagFile]
PLAIN = {"theme": "rhythm", "owner": "crm", "version": 1, "says": "what it says"}


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """The tags of a file, each in its keys; those that a file must have and a test does not care for are there."""

    def write(*tags: dict[str, Any]) -> TagFile:
        (tmp_path / "tags.yaml").write_text(yaml.safe_dump([{**PLAIN, **tag} for tag in tags]))
        return TagFile.read("tags.yaml", tmp_path)

    return write

"""A configuration folder of which a test may change what it likes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from userprofile.config.load import load_config
from userprofile.errors import ExitCode, UsageError

MAPPING: dict[str, Any] = {
    "timezone": "UTC",
    "gap": "0d",
    "horizon": "28d",
    "events": {"columns": {"user_id": "user", "action": "'purchase'", "event_time": "time"}},
}


@pytest.fixture
def mapping() -> dict[str, Any]:
    """The smallest mapping file, for a test to change."""
    return {**MAPPING, "events": {"columns": dict(MAPPING["events"]["columns"])}}


@pytest.fixture
def conf(tmp_path: Path, checkout: Path) -> Path:
    shutil.copytree(checkout / "conf", tmp_path / "conf")
    return tmp_path / "conf"


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def put(content: Any, name: str = "own.yaml") -> Path:
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False))
        return path

    return put


@pytest.fixture
def refused(conf: Path) -> Callable[..., UsageError]:
    """Loads what cannot be right, and gives the error."""

    def load(source: str | Path = "cdnow", **more: Any) -> UsageError:
        with pytest.raises(UsageError) as raised:
            load_config(conf, source=str(source), **more)
        assert raised.value.exit_code is ExitCode.USAGE
        assert "Traceback" not in str(raised.value)
        return raised.value

    return load

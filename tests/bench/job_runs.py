"""Jobs as users run them, in a folder that a benchmark throws away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from measure import CHECKOUT

# Whatever a job leaves.
_LEFT = ("warehouse", "models", "report", "build", "pseudonym_key")


def ran(folder: Path, job: str, *, source: Sequence[str], settings: Sequence[str] = ()) -> dict[str, Any]:
    """The JSON line that a job prints last. Raises CalledProcessError where it fails."""
    left = [f"{name}={folder}/{name}" for name in _LEFT]
    command = [sys.executable, str(CHECKOUT / "jobs" / f"{job}.py"), "--source", *source, "--set", *left, *settings]
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT / "lib")}
    ended = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=True)
    return dict(json.loads(ended.stdout.splitlines()[-1]))

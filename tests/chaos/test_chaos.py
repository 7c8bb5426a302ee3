"""What `make chaos` does, with five kills."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_five_kills_change_no_row(python_environment):
    chaos = [sys.executable, str(Path(__file__).with_name("chaos.py"))]
    ended = subprocess.run(chaos, env={**python_environment, "KILLS": os.environ.get("KILLS") or "5"}, **PIPES)
    assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"
    assert json.loads(ended.stdout.splitlines()[-1])["kills"] >= 5


PIPES = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}

"""`make tensorboard` as a user starts it: the numbers and the users that an evaluation wrote, over HTTP."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import site
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
import venv
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from userprofile.report.tracking import write_tensorboard

pytestmark = pytest.mark.slow

SECONDS = 240  # to install it, and to start


@pytest.fixture
def own_copy(checkout: Path, tmp_path: Path) -> Path:
    """A checkout with an environment of its own above this one's packages, so that what make installs stays in it."""
    root = tmp_path / "checkout"
    for folder in ("lib", "jobs"):
        shutil.copytree(checkout / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for file in ("Makefile", "setup.cfg", "pyproject.toml", "README.md"):
        shutil.copy2(checkout / file, root / file)
    venv.create(root / ".venv", with_pip=False, symlinks=True)
    (packages,) = (root / ".venv" / "lib").glob("python*/site-packages")
    (packages / "above.pth").write_text("\n".join(site.getsitepackages()))
    (root / ".venv" / ".installed").touch()
    return root


@pytest.fixture
def served(own_copy: Path) -> Iterator[Callable[..., bytes]]:
    """Asks for a path of its address, until there is something."""
    written = own_copy / "report" / "shop" / "tensorboard" / "model"
    history = [{"epoch": epoch, "train": {"purchase": 1 / epoch}, "validation": None} for epoch in (1, 2)]
    users = pl.DataFrame({"user_id": ["a", "b"], "embedding": [[0.5, 1.0], [0.0, 2.0]], "rfm_segment": ["lost", None]})
    weights = {"weights/dense/0": np.arange(6.0)}
    write_tensorboard(written, history, {"test/purchase/network/auc": 0.75}, weights=weights, users=users)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    command = ["make", "--no-print-directory", "tensorboard", f"PORT={port}"]
    log = own_copy / "said.txt"
    with log.open("w") as said, subprocess.Popen(
        command, cwd=own_copy, env=inherited, stdout=said, stderr=said, start_new_session=True
    ) as process:  # fmt: skip

        def ask(path: str, **query: str) -> bytes:
            address = f"http://127.0.0.1:{port}/{path}?{urllib.parse.urlencode(query)}"
            until = time.monotonic() + SECONDS
            while time.monotonic() < until:
                assert process.poll() is None, log.read_text()
                with contextlib.suppress(urllib.error.URLError), urllib.request.urlopen(address, timeout=30) as answer:
                    if (content := answer.read()) not in (b"{}", b"[]"):  # it is still reading files
                        return bytes(content)
                time.sleep(0.2)
            raise AssertionError(f"{address} has no answer\n{log.read_text()}")

        yield ask
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=60)
    with socket.socket() as closed:
        assert closed.connect_ex(("127.0.0.1", port)) != 0


def test_make_tensorboard_serves_curves_histograms_and_users(served: Callable[..., bytes]) -> None:
    run = "shop/tensorboard/model"
    assert set(json.loads(served("data/plugin/scalars/tags"))[run]) == {"train/purchase", "test/purchase/network/auc"}
    curve = json.loads(served("data/plugin/scalars/scalars", run=run, tag="train/purchase"))
    assert [(step, value) for _, step, value in curve] == [(1, 1.0), (2, 0.5)]
    assert set(json.loads(served("data/plugin/histograms/tags"))[run]) == {"weights/dense/0"}
    (users,) = json.loads(served("data/plugin/projector/info", run=run))["embeddings"]
    assert users["tensorShape"] == [2, 2]
    vectors = served("data/plugin/projector/tensor", run=run, name=users["tensorName"])
    assert np.frombuffer(vectors, np.float32).tolist() == [0.5, 1.0, 0.0, 2.0]
    told = served("data/plugin/projector/metadata", run=run, name=users["tensorName"])
    assert told.decode().splitlines() == ["user_id\trfm_segment", "a\tlost", "b\t"]

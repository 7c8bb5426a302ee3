"""What is installed is pinned by hash, at the versions that setup.cfg names."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]
LOCKS = CHECKOUT / "jobs" / "setup" / "locks"
INSTALLED = ("platform", "spark", "train", "explain", "observe", "data", "test")
PIN = re.compile(r"^([A-Za-z0-9_.-]+)==([^\s\\;]+)", re.MULTILINE)


def named(text: str) -> dict[str, str]:
    """Versions by name, as pip compares names."""
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in PIN.findall(text)}


def setup() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(inline_comment_prefixes=("#",))
    parser.read(CHECKOUT / "setup.cfg")
    return parser


@pytest.mark.parametrize("lock", sorted(path.name for path in LOCKS.glob("*.txt")))
def test_every_pin_has_hashes(lock):
    pins = re.split(r"\n(?=[A-Za-z0-9])", (LOCKS / lock).read_text())[1:]
    assert pins
    assert [pin for pin in pins if "--hash=sha256:" not in pin] == []


def test_locks_have_the_versions_of_setup_cfg():
    extras = setup()["options.extras_require"]
    wanted = named(setup()["options"]["install_requires"]) | {
        name: version for extra in INSTALLED for name, version in named(extras[extra]).items()
    }
    assert len(wanted) > 40
    locked = named((LOCKS / "all.txt").read_text())
    assert {name: locked.get(name) for name in wanted} == wanted
    for extra in ("content", "horovod"):
        assert named((LOCKS / f"{extra}.txt").read_text()) == named(extras[extra])
    assert named(extras["airflow"]).items() <= named((LOCKS / "airflow.txt").read_text()).items()


def test_what_horovod_is_compiled_against_is_what_runs():
    first, all_of_it = (named((LOCKS / name).read_text()) for name in ("train.txt", "all.txt"))
    assert {name: all_of_it.get(name) for name in first} == first

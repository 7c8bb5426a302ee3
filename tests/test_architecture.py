"""The rules of the building: who may import whom, and how large a room may be."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
LINES_OF_MODULE = 250
LINES_OF_FUNCTION = 70
LINES_OF_JOB = 40


def modules(*roots: str) -> list[Path]:
    return sorted(path for root in roots for path in (CHECKOUT / root).rglob("*.py"))


def long_functions(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > LINES_OF_FUNCTION:
                yield f"{path.relative_to(CHECKOUT)}: {node.name} has {lines} lines"


def test_imports_keep_to_the_layers(python_environment: dict[str, str]) -> None:
    command = [
        sys.executable,
        "-c",
        "from importlinter.cli import lint_imports_command as run; run()",
        "--no-logo",
        "--no-cache",
    ]
    linted = subprocess.run(command, cwd=CHECKOUT, env=python_environment, capture_output=True, text=True, check=False)
    assert linted.returncode == 0, linted.stdout + linted.stderr
    assert "0 broken" in linted.stdout


def test_a_forbidden_import_is_caught(tmp_path: Path, python_environment: dict[str, str]) -> None:
    """The contracts can fail: a copy of the package, with Spark in the features and a room of no layer."""
    package = tmp_path / "userprofile"
    for path in modules("lib/userprofile"):
        copy = package / path.relative_to(CHECKOUT / "lib/userprofile")
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(path.read_text())
    (package / "features" / "wrong.py").write_text("import pyspark\nfrom userprofile.spark import session\n")
    (tmp_path / "setup.cfg").write_text((CHECKOUT / "setup.cfg").read_text())
    command = [
        sys.executable,
        "-c",
        "from importlinter.cli import lint_imports_command as run; run()",
        "--no-logo",
        "--no-cache",
    ]
    environment = {**python_environment, "PYTHONPATH": str(tmp_path)}
    linted = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert linted.returncode == 1
    assert "userprofile.features.wrong -> pyspark" in linted.stdout
    assert "userprofile.features is not allowed to import userprofile.spark" in linted.stdout


def test_modules_and_functions_stay_readable() -> None:
    paths = modules("lib", "jobs")
    lines = {path: len(path.read_text().splitlines()) for path in paths}
    long = [f"{path.relative_to(CHECKOUT)}: {count} lines" for path, count in lines.items() if count > LINES_OF_MODULE]
    assert long + [function for path in paths for function in long_functions(path)] == []


def test_job_shells_only_parse() -> None:
    shells = modules("jobs")
    assert shells
    long = [
        path.name for path in shells if len(path.read_text().splitlines()) > LINES_OF_JOB and path.parent.name == "jobs"
    ]
    assert long == []


def test_no_package_of_the_tests() -> None:
    """With import mode importlib an __init__.py would only make two names for one module."""
    assert list((CHECKOUT / "tests").rglob("__init__.py")) == []

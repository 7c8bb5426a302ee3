"""The wheel, really built: what it brings, and its command in a folder that has nothing else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import Distribution, PathDistribution
from pathlib import Path

import pytest

from userprofile.pipelines.command import JOBS, main

CHECKOUT = Path(__file__).resolve().parents[1]
# python -m userprofile.doctor and userprofile.pipelines.pseudonym do; to run again is for a checkout.
NO_COMMAND = {"doctor", "pseudonym", "rerun"}


def pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "-q", "--disable-pip-version-check", *arguments]
    subprocess.run(command, check=True, timeout=300)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built beside the checkout, where setuptools leaves its folders."""
    root = tmp_path_factory.mktemp("source") / "userprofile"
    for folder in ("lib", "conf"):
        ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(CHECKOUT / folder, root / folder, symlinks=True, ignore=ignored)
    for file in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy2(CHECKOUT / file, root / file)
    pip("wheel", "--no-build-isolation", "--no-deps", "--wheel-dir", str(root / "dist"), str(root))
    return next((root / "dist").glob("userprofile-*.whl"))


@pytest.fixture(scope="module")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    pip("install", "--no-deps", "--no-compile", "--target", str(folder), str(wheel))
    return folder


def distribution(site: Path) -> Distribution:
    return PathDistribution(next(site.glob("userprofile-*.dist-info")))


def test_the_wheel_brings_all_code_and_all_configuration(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        names = [name for name in packed.namelist() if ".dist-info/" not in name]
        conf = {name: packed.read(name) for name in names if name.startswith("userprofile/conf/")}
    files = [path for path in CHECKOUT.glob("lib/userprofile/**/*") if path.is_file() and path.suffix != ".pyc"]
    ours = {path.relative_to(CHECKOUT / "lib").as_posix() for path in files}
    kept = {f"userprofile/{path.relative_to(CHECKOUT)}": path.read_bytes() for path in CHECKOUT.glob("conf/**/*.yaml")}
    assert conf == kept
    assert set(names) == ours | set(kept)


def test_it_installs_nothing_that_a_platform_brings(site: Path) -> None:
    wanted = [line for line in distribution(site).requires or [] if "extra ==" not in line]
    names = {line.split("==")[0].strip() for line in wanted}
    assert {"polars", "deltalake", "dataframely"} <= names
    assert not names & {"pyspark", "delta-spark", "tensorflow", "numpy", "pandas", "pyarrow", "scipy", "scikit-learn"}


def test_every_job_is_a_job_of_the_command() -> None:
    assert {path.stem for path in CHECKOUT.glob("jobs/*.py")} == {*JOBS, *NO_COMMAND}


def test_another_word_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    for words in ([], ["doctors"]):
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert ended.value.code == 2
        assert "usage: userprofile <job>" in capsys.readouterr().err


@pytest.mark.slow
def test_its_command_runs_a_job_in_a_folder_of_its_own(
    site: Path, tmp_path: Path, few_rows_environment: dict[str, str]
) -> None:
    """No checkout is in reach: neither by the search path nor by the folder."""
    (tmp_path / "home").mkdir()
    environment = few_rows_environment | {"PYTHONPATH": str(site), "USERPROFILE_CACHE": str(tmp_path / "cache")}
    command = [sys.executable, str(site / "bin" / "userprofile"), "generate_demo_shop", "--users", "20", "--days", "20"]

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        folder, own = tmp_path / "home", [*command, *more]
        return subprocess.run(own, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)

    done = run("--as-of", "", "--set", "spark.driver_memory=800m")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["metrics"]["generate_demo_shop"]["users"] == 20
    assert (tmp_path / "home" / "build" / "demo_shop" / "u20_d20_s7").is_dir()
    wrong = run("--set", "demo_shop.user=3")
    assert wrong.returncode == 2
    assert "demo_shop.user" in wrong.stderr
    assert str(CHECKOUT) not in os.pathsep.join((done.stdout, wrong.stdout, wrong.stderr))

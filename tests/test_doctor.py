"""The environment check: what it finds here, and what it says where a part does not fit."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path

import delta
import pyspark
import pytest

from userprofile import doctor, versions
from userprofile.doctor import Check, checks, require_environment
from userprofile.errors import EnvironmentMismatchError, ExitCode

JAVA = "#!/bin/sh\necho 'openjdk version \"{version}\" 2025-01-01' >&2\n"


def named(name: str) -> Check:
    return next(check for check in checks() if check.name == name)


def pretend(monkeypatch: pytest.MonkeyPatch, **found: str) -> None:
    """As if these distributions were installed in these versions; the rest as it is."""
    real = metadata.version
    chosen = {name.replace("_", "-"): version for name, version in found.items()}
    monkeypatch.setattr(versions.metadata, "version", lambda name: chosen.get(name) or real(name))


def test_every_part_fits_here() -> None:
    assert [check for check in checks() if not check.ok] == []
    require_environment()


def test_every_check_says_what_was_found_and_expected() -> None:
    assert all(check.found and check.expected for check in checks())


@pytest.mark.parametrize("name", ["pandas", "pyspark", "delta-spark", "polars", "keras"])
def test_another_version_is_a_mismatch_with_its_fix(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, **{name.replace("-", "_"): "99.0"})
    check = named(name)
    assert not check.ok
    assert check.found == "99.0"
    with pytest.raises(EnvironmentMismatchError, match="make install") as refused:
        require_environment()
    assert refused.value.exit_code == ExitCode.ENVIRONMENT
    assert f"{name} 99.0" in refused.value.received


def test_horovod_must_be_built_for_the_installed_tensorflow(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, horovod="0.28.1+tf2.19.0")
    check = named("horovod x tensorflow")
    assert not check.ok
    assert check.found == "built for tf2.19.0"
    pretend(monkeypatch, horovod=f"0.28.1+tf{metadata.version('tensorflow-cpu')}")
    assert named("horovod x tensorflow").ok


def test_without_horovod_its_build_tools_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "installed", lambda *names: "" if names == ("horovod",) else versions.installed(*names))
    assert not named("horovod").ok
    assert named("g++").name == "g++"
    monkeypatch.setenv("USERPROFILE_MANAGED", "1")
    assert named("horovod").ok  # a platform may do without: training then runs in one process


@pytest.mark.parametrize(
    ("version", "fits"), [("17.0.9", True), ("21.0.1", True), ("11.0.2", False), ("1.8.0_392", False)]
)
def test_java_by_its_version(version: str, fits: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").write_text(JAVA.format(version=version))
    (tmp_path / "bin" / "java").chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert (named("java").found, named("java").ok) == (version, fits)


def test_no_java(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert named("java") == Check("java", "not installed", ">=17,<22", ok=False, fix=named("java").fix)


@pytest.mark.parametrize(
    ("jar", "fits"),
    [
        ("delta-spark_4.2_2.13-4.4.0.jar", True),
        ("delta-spark_4.0_2.13-4.4.0.jar", False),  # for another Spark
        ("delta-spark_4.2_2.12-4.4.0.jar", False),  # for another Scala
        ("delta-spark_4.2_2.13-4.1.0.jar", False),  # of another wheel
    ],
)
def test_the_delta_jar_must_fit_spark_scala_and_the_wheel(
    jar: str, fits: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("USERPROFILE_JARS", str(tmp_path))
    for name in (jar, "delta-storage-4.4.0.jar"):
        (tmp_path / name).touch()
    assert named("delta jars").ok == fits


def test_a_platform_is_held_to_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, pyspark="4.1.1", pandas="2.2.9")
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "18.0")
    assert named("pyspark").ok
    assert named("pandas") == Check("pandas", "2.2.9", ">=2.2,<3", ok=True, fix="pip install 'pandas>=2.2,<3'")
    pretend(monkeypatch, pandas="3.0.0")
    assert not named("pandas").ok


def test_a_platform_may_have_builds_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Databricks: the modules are there, and no distribution of their names."""
    real = metadata.version

    def version(name: str) -> str:
        if name in ("pyspark", "delta-spark"):
            raise metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(versions.metadata, "version", version)
    assert not named("pyspark").ok
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "18.0")
    assert (named("pyspark").ok, named("delta-spark").ok) == (True, True)
    assert (named("pyspark").found, named("delta-spark").found) == (pyspark.__version__, delta.__version__)
    monkeypatch.delattr(delta, "__version__")
    assert (named("delta-spark").found, named("delta-spark").ok) == ("of the platform", True)
    monkeypatch.setattr(pyspark, "__version__", "3.5.0")
    assert not named("pyspark").ok
    assert "delta-spark" not in {check.name for check in checks() if not check.ok}


def test_pins_are_those_of_setup_cfg(monkeypatch: pytest.MonkeyPatch) -> None:
    declared = ["pandas==2.3.3", 'pyspark==4.2.0; extra == "spark"', "loose>=1"]
    monkeypatch.setattr(versions.metadata, "requires", lambda _: declared)
    assert versions.pins() == {"pandas": "2.3.3", "pyspark": "4.2.0"}
    assert named("pandas").expected == "2.3.3"


@pytest.mark.parametrize(("version", "inside"), [("4.0", True), ("4.10.1", True), ("5.0.0", False), ("3.5.9", False)])
def test_ranges_compare_numbers(version: str, inside: bool) -> None:
    assert versions.within(version, "pyspark") is inside


def test_the_job_prints_a_line_a_part_and_ends_with_4_on_a_mismatch(
    checkout: Path, python_environment: dict[str, str], tmp_path: Path
) -> None:
    command = [sys.executable, str(checkout / "jobs" / "doctor.py")]
    well = subprocess.run(command, env=python_environment, capture_output=True, text=True, check=False)
    assert well.returncode == 0, well.stdout + well.stderr
    assert all(line.startswith("ok ") for line in well.stdout.splitlines())
    ill = subprocess.run(
        command, env={**python_environment, "JAVA_HOME": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert ill.returncode == ExitCode.ENVIRONMENT
    (line,) = [line for line in ill.stdout.splitlines() if line.startswith("NOT")]
    assert "java" in line
    assert "fix: apt-get install openjdk-17" in line


def test_where_nothing_is_installed_it_still_answers(checkout: Path) -> None:
    """`make doctor` before `make install`: the Python of the system, no site packages."""
    command = [sys.executable, "-S", str(checkout / "jobs" / "doctor.py")]
    ended = subprocess.run(
        command,
        env={"PYTHONPATH": str(checkout / "lib"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == ExitCode.ENVIRONMENT, ended.stderr
    assert "NOT pyspark" in ended.stdout

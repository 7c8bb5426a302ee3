"""The asset bundle: fields that Databricks knows, and commands that our jobs understand."""

from __future__ import annotations

import copy
import re
import subprocess
from configparser import ConfigParser
from pathlib import Path

import pytest
import yaml
from databricks.bundles.jobs import Job

from userprofile.config.load import CONF, load_config
from userprofile.events.pseudonyms import load_or_make_key
from userprofile.pipelines.build_report import build_report
from userprofile.pipelines.command_line import parser, settings_of
from userprofile.pipelines.run import JOBS

CHECKOUT = Path(__file__).resolve().parents[1]
TEXT = (CHECKOUT / "databricks.yml").read_text()
BUNDLE = yaml.safe_load(TEXT)
PROFILES = BUNDLE["resources"]["jobs"]["profiles"]
# What the documentation of bundles lets stand at the top, in an artifact, a variable and a target.
TOP = {"bundle", "variables", "artifacts", "resources", "targets", "include", "sync", "workspace", "permissions"}
PARTS = {
    "artifacts": {"type", "path", "build", "files"},
    "variables": {"description", "default", "type", "lookup"},
    "targets": {"mode", "default", "variables", "workspace", "resources", "presets", "run_as"},
}
CHOSEN = {"warehouse": "abfss://tables@lake/profiles", "files": "/Volumes/main/userprofile/files"}


def resolved(text: str) -> str:
    """With defaults of variables, or values as a user would choose them."""
    defaults = {name: str(variable.get("default", "")) for name, variable in BUNDLE["variables"].items()}
    values = {f"var.{name}": value for name, value in (defaults | CHOSEN).items()}
    values |= {"workspace.file_path": str(CHECKOUT)}
    return re.sub(r"\$\{([\w.]+)\}", lambda found: values[found[1]], text)


@pytest.mark.parametrize("name", BUNDLE["resources"]["jobs"])
def test_every_field_of_a_job_is_one_that_databricks_knows(name: str) -> None:
    described = BUNDLE["resources"]["jobs"][name]
    job = Job.from_dict(copy.deepcopy(described))
    assert [task.task_key for task in job.tasks] == [task["task_key"] for task in described["tasks"]]
    wrong = copy.deepcopy(described)
    wrong["tasks"][0]["job_clusters_key"] = "spark"
    with pytest.raises(ValueError, match="job_clusters_key"):
        Job.from_dict(wrong)


def test_the_rest_has_the_documented_structure() -> None:
    assert set(BUNDLE) <= TOP
    assert set(BUNDLE["bundle"]) == {"name"}
    for part, known in PARTS.items():
        assert all(set(one or {}) <= known for one in BUNDLE[part].values()), part
    assert {found.removeprefix("var.") for found in re.findall(r"\$\{(var\.\w+)\}", TEXT)} == set(BUNDLE["variables"])


def test_tasks_are_the_steps_of_the_path_each_after_the_one_before() -> None:
    keys = [task["task_key"] for task in PROFILES["tasks"]]
    assert keys == [step.__name__ for step in (*JOBS, build_report)]
    before = [[one["task_key"] for one in task.get("depends_on", [])] for task in PROFILES["tasks"]]
    assert before == [[], *([key] for key in keys[:-1])]


def test_every_task_has_its_cluster_and_training_one_with_gpus() -> None:
    clusters = {one["job_cluster_key"]: one["new_cluster"] for one in PROFILES["job_clusters"]}
    used = {task["task_key"]: resolved(task["job_cluster_key"]) for task in PROFILES["tasks"]}
    assert set(used.values()) <= set(clusters)
    assert "-gpu-" in resolved(clusters[used["train_model"]]["spark_version"])
    assert [key for key, cluster in used.items() if cluster != "spark"] == ["train_model"]
    assert clusters["gpu_one"]["num_workers"] == 0
    assert clusters["gpu_many"]["num_workers"] == "${var.ranks}"
    for cluster in clusters.values():
        assert cluster["data_security_mode"] == "SINGLE_USER"
        script = resolved(cluster["init_scripts"][0]["workspace"]["destination"])
        assert Path(script).is_file()


def test_commands_are_those_of_the_wheel_and_their_arguments_are_understood() -> None:
    declared = ConfigParser()
    declared.read(CHECKOUT / "setup.cfg")
    for task in PROFILES["tasks"]:
        wheel = task["python_wheel_task"]
        assert wheel["package_name"] == declared["metadata"]["name"]
        assert f"{wheel['entry_point']} = " in declared["options.entry_points"]["console_scripts"]
        words = [resolved(word) for word in wheel["parameters"]]
        assert words[0] == "{{task.name}}"
        given = ["" if word == "{{job.parameters.as_of}}" else word for word in words[1:]]
        options = parser(task["task_key"], "").parse_args(given)
        assert options.as_of == ()
        config = load_config(CONF, source=options.source, settings=settings_of(options))
        assert config.warehouse == CHOSEN["warehouse"]
        assert config.report == f"{CHOSEN['files']}/report"
        assert config.spark.catalog == "main"


def test_the_notebook_has_a_widget_for_every_parameter() -> None:
    task = BUNDLE["resources"]["jobs"]["notebook"]["tasks"][0]["notebook_task"]
    source = (CHECKOUT / task["notebook_path"]).read_text()
    assert set(task["base_parameters"]) <= set(re.findall(r'dbutils.widgets.\w+\("(\w+)"', source))


def test_the_init_script_makes_a_key_that_jobs_read(tmp_path: Path) -> None:
    script, folder = CHECKOUT / "jobs" / "launchers" / "databricks_init.sh", tmp_path / "own"
    environment = {"PATH": "/usr/bin:/bin", "USERPROFILE_FOLDER": str(folder), "USERPROFILE_PSEUDONYM_KEY": "ab" * 32}
    for _ in range(2):
        told = subprocess.run(["bash", str(script)], env=environment, capture_output=True, text=True, check=True)
        assert told.stdout + told.stderr == ""
    assert load_or_make_key(folder / "pseudonym.key") == bytes.fromhex("ab" * 32)
    nothing = subprocess.run(["bash", str(script)], env={**environment, "USERPROFILE_PSEUDONYM_KEY": ""}, check=True)
    assert nothing.returncode == 0

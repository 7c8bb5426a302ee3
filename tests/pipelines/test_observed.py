"""What Prometheus and OpenLineage are told of a run, by a real server and a real parser."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from deltalake import DeltaTable
from prometheus_client.parser import text_string_to_metric_families

from userprofile.errors import DataGateError
from userprofile.pipelines.build_features import build_features
from userprofile.pipelines.promote_model import promote_model
from userprofile.tables.locks import Holder, one_job


@pytest.fixture
def lineage(monkeypatch) -> Iterator[list[dict]]:
    """A server that takes events of OpenLineage, and those that it took."""
    taken: list[dict] = []

    class Takes(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Takes)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("OPENLINEAGE_URL", f"http://127.0.0.1:{server.server_port}")
    yield taken
    server.shutdown()


@pytest.fixture
def ends(tmp_path):
    """Exit codes of the jobs of this name, as ops.jobs has them in their order, and as Prometheus has the last."""

    def read(name: str) -> tuple[list[int], float]:
        rows = DeltaTable(tmp_path / "warehouse" / "my_shop" / "ops" / "jobs").to_pyarrow_table().to_pylist()
        codes = [row["exit_code"] for row in sorted(rows, key=lambda row: row["started_at"]) if row["job"] == name]
        told = figures(tmp_path / "exporter" / f"userprofile_my_shop_{name}.prom")
        return codes, told["userprofile_exit_code", ("job", name), ("source", "my_shop")]

    return read


def figures(path) -> dict[tuple, float]:
    families = text_string_to_metric_families(path.read_text())
    return {(one.name, *sorted(one.labels.items())): one.value for family in families for one in family.samples}


def test_a_run_tells_its_figures_and_its_lineage(job, refined, lineage, tmp_path):
    folder = tmp_path / "exporter"
    done = job("build_features", build_features, "--source", refined, "--set", f"prometheus={folder}")
    assert done.code == 0, done.errors
    told = figures(folder / "userprofile_my_shop_build_features.prom")
    who = (("job", "build_features"), ("source", "my_shop"))
    assert told["userprofile_exit_code", *who] == 0
    assert told["userprofile_figure", who[0], ("name", "users"), who[1], ("step", "build_features")] == 2
    rows = told["userprofile_rows", who[0], who[1], ("table", "gold.user_features")]
    assert rows == done.result["tables"]["gold.user_features"]["rows"] == 2

    (event,) = lineage
    assert (event["eventType"], event["job"]["name"]) == ("COMPLETE", "build_features")
    assert {one["name"] for one in event["inputs"]} >= {"silver.events", "silver.items"}
    written = {one["name"]: one for one in event["outputs"]}["gold.user_features"]
    assert written["outputFacets"]["outputStatistics"]["rowCount"] == 2
    assert written["facets"]["version"]["datasetVersion"] == str(done.result["tables"]["gold.user_features"]["version"])


def test_a_failed_step_is_told_too_and_a_listener_that_is_gone_ends_no_run(job, refined, lineage, monkeypatch):
    def fails(run):
        def work():
            raise DataGateError("too few rows", fix="more rows")

        run.step("fails", work, inputs=[], sections=[])

    assert job("fails", fails, "--source", refined).code == 3
    assert [(event["eventType"], event["job"]["name"]) for event in lineage] == [("FAIL", "fails")]

    monkeypatch.setenv("OPENLINEAGE_URL", "no address")
    done = job("build_features", build_features, "--source", refined)
    assert done.code == 0
    assert "openlineage was not told of this run" in done.printed


def test_an_end_before_any_work_is_told_too(job, refined, ends, tmp_path, checkout, few_rows_environment):
    told = ["--source", refined, "--set", f"prometheus={tmp_path / 'exporter'}"]
    assert job("build_features", build_features, *told).code == 0
    holder = Holder("other", "run", (), "other", "2026-01-01T00:00:00+00:00", 1)
    with one_job(str(tmp_path / "warehouse" / "my_shop"), holder):
        assert job("build_features", build_features, *told).code == 5
    assert ends("build_features") == ([0, 5], 5)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        master = ["--master", f"spark://127.0.0.1:{nobody.getsockname()[1]}"]
        command = [sys.executable, str(checkout / "jobs" / "build_features.py"), *master, *told]
        command += [f"{part}={tmp_path / part}" for part in ("warehouse", "models", "report", "build")]
        ended = subprocess.run(command, env=few_rows_environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 4, ended.stderr
    assert ends("build_features") == ([0, 5, 4], 4)

    assert job("promote_model", promote_model, *told, "promote_model.model=nobody").code == 2
    assert ends("promote_model") == ([2], 2)

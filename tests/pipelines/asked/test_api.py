"""A paged API, served here, into bronze: each record once, whatever the server or a kill does in between."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from deltalake import DeltaTable

from userprofile.pipelines.ingest_events import ingest_events
from userprofile.pipelines.refine_events import refine_events

TOKEN = "let-me-in-0815"
PAGE = 3


class Shop:
    """A log behind an API. `trouble` may answer a request itself, and then says so."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.asked: list[tuple[float, dict[str, str]]] = []
        self.trouble: Callable[[BaseHTTPRequestHandler, int], bool] = lambda handler, nth: False
        self.url = ""

    def add(self, count: int) -> None:
        start = len(self.records)
        self.records += [
            {"id": n, "who": f"u{n % 2}", "what": "tea", "did": "view", "at": "2024-01-01 10:00", "cost": 1.5}
            for n in range(start, start + count)
        ]

    def answer(self, query: dict[str, str]) -> dict[str, Any]:
        """A page of three, by number from 1 or by a cursor, which is a place in the log."""
        start = (int(query["page"]) - 1) * PAGE if "page" in query else int(query.get("cursor", "at-0")[3:])
        some = self.records[start : start + PAGE]
        following = f"at-{start + PAGE}" if start + PAGE < len(self.records) else None
        return {"data": {"events": some}, "meta": {"next": following}}


@contextmanager
def served(shop: Shop) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = dict(parse_qsl(urlsplit(self.path).query))
            shop.asked.append((time.monotonic(), query))
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                return send(self, 401, b"{}")
            if shop.trouble(self, len(shop.asked)):
                return None
            return send(self, 200, json.dumps(shop.answer(query)).encode())

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        shop.url = f"http://127.0.0.1:{server.server_port}/v1/events"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()


def send(
    handler: BaseHTTPRequestHandler, status: int, body: bytes, *, length: int | None = None, **headers: str
) -> None:
    handler.send_response(status)
    for name, value in {"Content-Length": str(length or len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


@pytest.fixture
def api(monkeypatch) -> Iterator[Shop]:
    monkeypatch.setenv("SHOP_API_TOKEN", TOKEN)
    shop = Shop()
    with served(shop):
        yield shop


PAGES = {"cursor": "cursor: {parameter: cursor, next: meta.next}", "pages": "pages: {parameter: page}"}


@pytest.fixture
def source(api, shop, tmp_path):
    """Writes a mapping of the API and returns its path."""

    def write(way: str = "cursor", more: str = "requests_per_second: 200, retries: 3") -> str:
        path = tmp_path / "my_shop.yaml"
        http = f"{{url: '{api.url}', records: data.events, token_from: SHOP_API_TOKEN, pages_per_commit: 2, {more}}}"
        http = http.replace("{url", f"{{{PAGES[way]}, url", 1)
        path.write_text(
            f"{shop}\nevents:\n  http: {http}\n"
            "  columns: {user_id: who, item_id: what, action: did, event_time: {sql: at, pattern: yyyy-MM-dd HH:mm},"
            " price: cost, event_id: id}\n"
        )
        return str(path)

    return write


def held(folder: Path) -> list[int]:
    """Ids of the records in bronze, in their order."""
    rows = DeltaTable(str(folder / "warehouse/my_shop/bronze/events")).to_pyarrow_table().to_pylist()
    rows.sort(key=lambda row: (row["file_number"], row["place"]))
    assert len({(row["file_number"], row["place"]) for row in rows}) == len(rows)
    return [json.loads(row["raw"])["id"] for row in rows]


@pytest.mark.slow
@pytest.mark.parametrize("way", ["cursor", "pages"])
def test_every_record_comes_once_night_by_night(job, source, api, tmp_path, way):
    """A page that was not full is asked for again, and so is one that a record was added to behind its end."""
    mapping, expected = source(way), 0
    for count in (7, 1, 0, 1, 12) if way == "cursor" else (7, 1):
        api.add(count)
        expected += count
        ended = job("ingest_events", ingest_events, "--source", mapping)
        assert ended.code == 0, ended.errors
        assert ended.result["metrics"]["ingest_events"]["events_rows_added"] == count
        assert held(tmp_path) == list(range(expected))
    ended = job("refine_events", refine_events, "--source", mapping)
    assert ended.result["metrics"]["refine_events"]["accepted"] == expected, ended.errors


def test_a_record_is_kept_as_it_was_written(job, source, api, tmp_path, monkeypatch):
    text = (
        b'{"data": {"events": [ {"id": 1,  "who": "ann", "what": "tea", "did": "view", "at": "2024-01-01 10:00", '
        b'"cost": 1.10} ]}, "meta": {"next": null}}'
    )
    api.trouble = lambda handler, nth: send(handler, 200, text) is None
    assert job("ingest_events", ingest_events, "--source", source()).code == 0
    (row,) = DeltaTable(str(tmp_path / "warehouse/my_shop/bronze/events")).to_pyarrow_table().to_pylist()
    assert row["raw"] == text.decode().partition("[ ")[2].partition(" ]")[0]


def test_trouble_that_passes_changes_nothing(job, source, api, tmp_path):
    """One of each: too fast, a defect there, an answer cut short, one that is half a JSON text, no answer at all."""

    def trouble(handler: BaseHTTPRequestHandler, nth: int) -> bool:
        if nth == 1:
            send(handler, 429, b"", Retry_After="1")
        elif nth == 3:
            send(handler, 500, b"oh")
        elif nth == 5:
            send(handler, 200, b'{"data": {"events": [', length=500)
            handler.close_connection = True
        elif nth == 7:
            send(handler, 200, b'{"data": {"events": [{"id": 99}')
        elif nth == 9:
            handler.close_connection = True
        return nth in (1, 3, 5, 7, 9)

    api.trouble = trouble
    api.add(14)
    ended = job("ingest_events", ingest_events, "--source", source())
    assert ended.code == 0, ended.errors
    assert held(tmp_path) == list(range(14))
    assert api.asked[1][0] - api.asked[0][0] >= 1, "Retry-After was not kept"


def test_no_more_requests_a_second_than_allowed(job, source, api, tmp_path):
    api.add(12)
    assert job("ingest_events", ingest_events, "--source", source("pages", "requests_per_second: 5")).code == 0
    times = [at for at, _ in api.asked]
    assert len(times) == 5
    assert min(after - before for before, after in pairwise(times)) > 0.19


@pytest.mark.parametrize(
    ("trouble", "says"),
    [
        (lambda handler, nth: send(handler, 503, b"") is None, "did not answer"),
        (lambda handler, nth: send(handler, 404, b"") is None, "status 404"),
        (lambda handler, nth: send(handler, 401, b"") is None, "refused this token"),
    ],
)
def test_an_api_that_does_not_answer_ends_with_code_4(job, source, api, trouble, says):
    api.trouble = trouble
    ended = job("ingest_events", ingest_events, "--source", source(more="retries: 1, requests_per_second: 200"))
    assert ended.code == 4
    assert says in ended.errors
    assert api.url in ended.errors
    assert "fix: " in ended.errors
    assert TOKEN not in ended.errors + ended.printed


def test_an_answer_that_is_no_list_names_the_key(job, source, api):
    api.trouble = lambda handler, nth: send(handler, 200, b'{"data": {"rows": []}}') is None
    ended = job("ingest_events", ingest_events, "--source", source())
    assert ended.code == 3
    assert "events.http.records" in ended.errors


def test_a_token_that_is_not_set_is_named_before_any_request(job, source, api, monkeypatch):
    monkeypatch.delenv("SHOP_API_TOKEN")
    ended = job("ingest_events", ingest_events, "--source", source())
    assert ended.code == 2
    assert "events.http.token_from" in ended.errors
    assert "SHOP_API_TOKEN" in ended.errors
    assert not api.asked


@pytest.mark.slow
def test_a_kill_amid_the_pages_loses_and_doubles_nothing(source, api, tmp_path, checkout, few_rows_environment):
    """The server kills the job, as it is asked for the sixth page, and then again at the next run's third request."""
    api.add(31)
    mapping = source()
    jobs: list[subprocess.Popen[str]] = []
    kill_at = [6, 9]

    def trouble(handler: BaseHTTPRequestHandler, nth: int) -> bool:
        if nth in kill_at:
            jobs[-1].kill()
            jobs[-1].wait()
        return nth in kill_at

    api.trouble = trouble
    settings = [f"{part}={tmp_path / part}" for part in ("warehouse", "models", "report", "build", "pseudonym_key")]
    command = [sys.executable, str(checkout / "jobs/ingest_events.py"), "--source", mapping, "--set", *settings]
    command += ["spark.driver_memory=600m"]
    environment = {**few_rows_environment, "SHOP_API_TOKEN": TOKEN}
    ends = []
    for _ in range(3):
        with open(tmp_path / "said", "w") as said:
            jobs.append(subprocess.Popen(command, cwd=checkout, env=environment, stdout=said, stderr=said))
            ends.append(jobs[-1].wait(timeout=180))
        assert held(tmp_path) == list(range(len(held(tmp_path))))
    assert ends == [-signal.SIGKILL, -signal.SIGKILL, 0], (tmp_path / "said").read_text()
    assert held(tmp_path) == list(range(31))
    assert TOKEN not in (tmp_path / "said").read_text()
    assert not any(TOKEN.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())

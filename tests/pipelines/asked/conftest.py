"""A real PostgreSQL of the tests' own, from the system's packages, and jobs in processes of their own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PASSWORD = "open-sesame-4711"
USER = "keeper_of_the_log"
# initdb and postgres refuse to be root.
OWNER: dict[str, Any] = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}


@dataclass(frozen=True)
class Postgres:
    """A running server with an empty database."""

    programs: Path
    port: int
    user = USER
    password = PASSWORD

    @property
    def url(self) -> str:
        return f"jdbc:postgresql://127.0.0.1:{self.port}/postgres"

    def sql(self, *statements: str) -> str:
        """What psql prints of them, each a transaction of its own."""
        command = [*self._psql(), *(f"--command={one}" for one in statements)]
        ended = subprocess.run(command, env=self._environment(), capture_output=True, text=True, timeout=60)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.strip()

    @contextmanager
    def locked(self, table: str) -> Iterator[None]:
        """Nobody else reads the table meanwhile."""
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        with subprocess.Popen(self._psql(), env=self._environment(), text=True, **pipes) as holder:
            assert holder.stdin
            assert holder.stdout
            print(f"BEGIN; LOCK TABLE {table}; SELECT 'held';", file=holder.stdin, flush=True)
            assert holder.stdout.readline().strip() == "held"
            yield
            holder.stdin.close()

    @staticmethod
    def awaits(condition: Callable[[], bool], process: subprocess.Popen[Any]) -> None:
        """Asks until it holds, or the process ends."""
        latest = time.monotonic() + 180
        while not condition():
            assert process.poll() is None, "the process ended"
            assert time.monotonic() < latest, "nothing came of it"
            time.sleep(0.1)

    def _psql(self) -> list[str]:
        where = ["-h", "127.0.0.1", "-p", str(self.port), "-U", USER, "-d", "postgres"]
        return [str(self.programs / "psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", *where]

    @staticmethod
    def _environment() -> dict[str, str]:
        return {**os.environ, "PGPASSWORD": PASSWORD}


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A server in a temporary folder on a free port."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or [Path(shutil.which("initdb") or "")]
    if not found[-1].is_file():
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    programs = found[-1].parent
    with socket.socket() as free, tempfile.TemporaryDirectory(prefix="postgres-") as folder:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        data, secret, log = (Path(folder, name) for name in ("data", "secret", "log"))
        secret.write_text(PASSWORD)
        if OWNER:
            shutil.chown(folder, "postgres", "postgres")
            shutil.chown(secret, "postgres", "postgres")
        making = [programs / "initdb", "-D", data, "-U", USER, "-A", "scram-sha-256", f"--pwfile={secret}", "-N"]
        subprocess.run([*making, "-E", "UTF8"], check=True, capture_output=True, cwd=folder, timeout=120, **OWNER)
        options = ["listen_addresses=127.0.0.1", f"unix_socket_directories={folder}", "fsync=off"]
        serving = [
            programs / "postgres",
            "-D",
            data,
            "-p",
            str(port),
            *(part for one in options for part in ("-c", one)),
        ]
        with open(log, "w") as said, subprocess.Popen(serving, stdout=said, stderr=said, cwd=folder, **OWNER) as server:
            try:
                ready = [programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)]
                Postgres.awaits(lambda: subprocess.run(ready).returncode == 0, server)
                yield Postgres(programs, port)
            finally:
                server.send_signal(signal.SIGQUIT)  # SIGTERM would wait for clients
                server.wait(timeout=60)

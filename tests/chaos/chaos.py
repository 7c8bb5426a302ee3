"""make chaos KILLS=200: three nights of a dirty log on a standalone cluster, while processes are killed at random.

Each night is jobs/run.py with one day's file more. A job that ends as interrupted, by a conflict or by a signal is
begun again, as its exit code says; any other end fails. Then every table must equal that of nights that nobody
disturbed. The last line is JSON: kills done, of what, attempts, and seconds from a kill to the end of that step.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyspark
from nights import CHECKOUT, NIGHTS, Nights, make_shop
from processes import KINDS, Cluster, candidates
from tables import differences, doubled, models_astray, seconds_to_recover

KILLS = int(os.environ.get("KILLS") or 5)
SEED = int(os.environ.get("SEED") or 11)
KILLS_A_ROUND = 6
AGAIN = {5, 6, -signal.SIGKILL}  # what schedulers try again
SECONDS_A_NIGHT = int(os.environ.get("SECONDS_A_NIGHT") or 900)


@dataclass
class Chaos:
    """Kills at moments, and of processes, that a seed decides."""

    cluster: Cluster
    chance: random.Random = field(default_factory=lambda: random.Random(SEED))
    done: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)  # of these kills, since the epoch

    def disturbed(self, nights: Nights, night: int, *, kills: int, seconds: float) -> list[str]:
        """Begins the night again until it is done; how each attempt ended.

        Kills come at moments within so many seconds, which an undisturbed one takes; in 0 as soon as they can.
        """
        ends, wanted = list[str](), len(self.done) + kills
        while not ends or ends[-1] != "done":
            began, job, struck = time.monotonic(), nights.begin(night), list[str]()
            moment = began + self.chance.uniform(0, seconds)
            while job.poll() is None:
                if time.monotonic() - began > SECONDS_A_NIGHT:
                    job.kill()
                    raise TimeoutError(f"night {night + 1} hangs after {struck or 'nothing'}: {nights.said()}")
                if len(self.done) < wanted and time.monotonic() > moment and (kind := self.strike(job.pid)):
                    struck.append(kind)
                    say(f"killed {kind} after {time.monotonic() - began:.0f} s")
                    moment = time.monotonic() + self.chance.uniform(0, seconds)
                time.sleep(0.05)
            code = job.returncode
            if code and code not in AGAIN:
                raise RuntimeError(f"night {night + 1} ended with {code} after {struck or 'nothing'}: {nights.said()}")
            ends.append(f"{code} by {' and '.join(struck) or 'an earlier kill'}" if code else "done")
        return ends

    def missed(self) -> list[str]:
        """Kinds that have not been killed yet."""
        return [kind for kind in KINDS if kind not in self.done]

    def strike(self, driver: int) -> str:
        """Kills one process and tells what it was: of the kinds that are alive, the one that was killed least often.

        Until each kind has been killed once, one that was waits for the others: "" where none of these is alive.
        """
        kinds = self.missed() or KINDS
        alive = {kind: found for kind in kinds if (found := candidates(kind, driver, self.cluster))}
        if not alive:
            return ""
        kind = min(alive, key=lambda kind: (self.done.count(kind), self.chance.random()))
        victim = self.chance.choice(alive[kind])
        command, environment = victim.cmdline(), victim.environ()
        victim.kill()
        if kind == "worker":
            self.cluster.restart(victim, command, environment)
        self.done.append(kind)
        self.times.append(time.time())
        return kind


def main() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    logs, script = CHECKOUT / "build" / f"cluster-{port}", ["bash", str(CHECKOUT / "jobs/launchers/cluster.sh")]
    environment = {**os.environ, "CLUSTER_PORT": port, "WORKER_MEMORY": "800m"}
    environment["SPARK_HOME"] = str(Path(pyspark.__file__).parent)
    subprocess.run([*script, "up"], env=environment, check=True, stdout=sys.stderr)
    try:
        with tempfile.TemporaryDirectory(prefix="chaos-", ignore_cleanup_errors=True) as folder:
            found = rounds(Path(folder), f"spark://127.0.0.1:{port}", Chaos(Cluster(logs)))
    finally:
        subprocess.run([*script, "down"], env=environment, check=True, stdout=sys.stderr)
        shutil.rmtree(logs)
    print(json.dumps(found))
    return 1 if found["wrong"] else 0


def rounds(folder: Path, master: str, chaos: Chaos) -> dict[str, Any]:
    """Rounds of three nights until all kills are done, or one left something wrong; what came of them."""
    shop = make_shop(folder / "shop", seed=SEED)
    calm = Nights(folder / "calm", shop, "local[2]")
    usual = calm.undisturbed()
    say(f"undisturbed nights took {', '.join(f'{seconds:.0f} s' for seconds in usual)}")
    number, attempts, recovered, wrong = 0, list[str](), list[float](), list[str]()
    while len(chaos.done) < KILLS and not wrong:
        number, earlier = number + 1, len(chaos.times)
        here, until = Nights(folder / f"round-{number}", shop, master), min(KILLS, len(chaos.done) + KILLS_A_ROUND)
        for night in range(NIGHTS):
            kills = -(-(until - len(chaos.done)) // (NIGHTS - night))
            hurry = night == NIGHTS - 1 and chaos.missed()  # ranks, for one, are there for seconds alone
            ends = chaos.disturbed(here, night, kills=kills, seconds=0 if hurry else usual[night])
            attempts += ends
            say(f"night {night + 1} of round {number}: {', '.join(ends)}")
        wrong = wrong_with(here, calm)
        recovered += seconds_to_recover(here.warehouse, chaos.times[earlier:])
        shutil.rmtree(here.folder)
    return {
        "kills": len(chaos.done),
        "of": dict(Counter(chaos.done)),
        "rounds": number,
        "attempts": dict(Counter(attempts)),
        "seconds_to_recover": sorted(map(round, recovered)),
        "undisturbed_seconds": usual,
        "wrong": wrong,
    }


def wrong_with(here: Nights, calm: Nights) -> list[str]:
    """What the kills changed, in words."""
    models = models_astray(here.warehouse, here.folder / "models")
    return [
        *differences(calm.warehouse, here.warehouse),
        *(f"{table} has a row twice" for table in doubled(here.warehouse)),
        *(f"a model without its row in ops.models, or the reverse: {model}" for model in models),
    ]


def say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

"""make bench-path: the demo shop from its log to profiles, at two sizes. SMALL=1 for a quick run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

from measure import CHECKOUT, Measure, is_small, publish

SIZES, DAYS = ((150, 300), 60) if is_small() else ((2_000, 8_000), 180)
COMMAND = "make bench-path SMALL=1" if is_small() else "make bench-path"
SEED = 7
# The larger size may cost at most this much more for each event, and should cost no more.
GROWTH_MUST, GROWTH_AIM = "<= 1.3", "<= 1.0"
PATH = ("ingest_events", "refine_events", "build_features", "build_training_set", "train_model", "infer_profiles")

Result = dict[str, Any]


def main() -> int:
    """Run both sizes, each in a warehouse of its own; the exit code is the job's where one fails."""
    results = {}
    for users in SIZES:
        print(f"{users:,} users, {DAYS} days ...", file=sys.stderr, flush=True)
        result = run_path(users)
        if result["exit_code"]:
            return int(result["exit_code"])
        results[users] = result
    measures = [measure for users, result in results.items() for measure in measures_of(users, result)]
    small, large = (seconds_per_event(results[users]) for users in SIZES)
    name = f"time per event, {SIZES[1]:,} users against {SIZES[0]:,}"
    growth = Measure(name, large / small, "times", GROWTH_MUST, GROWTH_AIM, COMMAND)
    return publish("path", [*measures, growth])


def run_path(users: int) -> Result:
    """The JSON line that jobs/run.py prints last; what it said goes to standard error where it failed."""
    with tempfile.TemporaryDirectory(prefix="bench-path-") as folder:
        settings = [f"{name}={folder}/{name}" for name in ("models", "report", "build", "pseudonym_key")]
        shop = ["--source", "demo_shop", "--users", str(users), "--days", str(DAYS), "--seed", str(SEED)]
        job = [sys.executable, str(CHECKOUT / "jobs" / "run.py"), *shop, "--warehouse", f"{folder}/warehouse"]
        environment = {**os.environ, "PYTHONPATH": str(CHECKOUT / "lib")}
        ended = subprocess.run(
            [*job, "--set", *settings], env=environment, cwd=folder, capture_output=True, text=True, check=False
        )
    if ended.returncode:
        print(f"{ended.stdout}\n{ended.stderr}", file=sys.stderr)
        return {"exit_code": ended.returncode}
    return dict(json.loads(ended.stdout.splitlines()[-1]))


def measures_of(users: int, result: Result) -> Iterator[Measure]:
    """Seconds and rows per second of each step, and the balance of refining."""
    size = f"{users:,} users"
    for step, rows in rows_of(result).items():
        seconds = result["steps"][step]
        yield Measure(f"{step}, {size}", seconds, "s", command=COMMAND)
        yield Measure(f"{step}, {size}", rows / max(seconds, 0.1), "rows/s", command=COMMAND)
    yield Measure(f"ingest to profiles, {size}", path_seconds(result), "s", command=COMMAND)
    yield Measure(f"ingest to profiles, {size}", events_in(result) / path_seconds(result), "events/s", command=COMMAND)
    yield Measure(
        f"rows neither accepted, duplicate nor quarantined, {size}", lost(result), "rows", "== 0", "", COMMAND
    )


def rows_of(result: Result) -> dict[str, int]:
    """The rows that each step works through: those of the log, accepted events, examples times epochs, profiles."""
    figures = result["metrics"]
    accepted, training = figures["refine_events"]["accepted"], figures["train_model"]
    return {
        "generate_demo_shop": figures["generate_demo_shop"]["events"],
        "ingest_events": sum(added for name, added in figures["ingest_events"].items() if name.endswith("_added")),
        "refine_events": events_in(result),
        "build_features": accepted,
        "build_training_set": accepted,
        "train_model": training["examples"] * training["epochs"],
        "infer_profiles": figures["infer_profiles"]["profiles"],
        "build_report": figures["infer_profiles"]["profiles"],
    }


def events_in(result: Result) -> int:
    """Rows of the log."""
    return int(result["metrics"]["refine_events"]["in"])


def lost(result: Result) -> int:
    """Rows taken in, less those accounted for; 0 where in = accepted + duplicate + quarantined, from bronze on."""
    figures = result["metrics"]["refine_events"]
    ends = figures["accepted"] + figures["duplicate"] + figures["quarantined"]
    taken_in = int(result["metrics"]["ingest_events"]["events_rows_added"])
    return abs(figures["in"] - ends) + abs(taken_in - figures["in"])


def path_seconds(result: Result) -> float:
    """From raw files to profiles: without making the shop, starting Spark and writing the page."""
    return float(sum(result["steps"][step] for step in PATH))


def seconds_per_event(result: Result) -> float:
    """Of the path, over all rows of the log."""
    return path_seconds(result) / events_in(result)


if __name__ == "__main__":
    sys.exit(main())

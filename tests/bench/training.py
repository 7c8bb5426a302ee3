"""make bench-training: ranks against processes side by side, the feed against a bare scan, and what disturbances cost.

On a table as wide as a real one, with the network of conf/base.yaml, a thread a rank. Figures are medians over rounds,
of ratios within a round. SMALL=1: a tenth of the rows and steps, one round.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import starmap
from pathlib import Path
from statistics import mean, median
from time import monotonic, perf_counter
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
from measure import CHECKOUT, Measure, is_small, publish
from training_table import request_of, write_table

from userprofile.errors import RankLostError
from userprofile.feed.plan import RowGroup, plan_pass
from userprofile.feed.read import Form, batches
from userprofile.tables.row_groups import row_groups
from userprofile.training import keeper
from userprofile.training.collective import alone
from userprofile.training.launch import launch
from userprofile.training.loop import train
from userprofile.training.request import TrainingRequest
from userprofile.training.rows import BUFFER_ROWS
from userprofile.training.tasks import task_of
from userprofile.training.trained import TIMINGS

ROWS, STEPS, ROUNDS = (6_000, 20, 1) if is_small() else (60_000, 300, 3)
FEED_ROWS = 4 * ROWS
COMMAND = "make bench-training SMALL=1" if is_small() else "make bench-training"
WORLDS = (1, 2, 3, 4)
TABLES = (5_000, 50_000, 500_000)  # rows

Timings = list[dict[str, Any]]


def main() -> int:
    """Exit code 1 where a must is missed."""
    pa.set_cpu_count(1)
    with tempfile.TemporaryDirectory(prefix="bench-training-") as name:
        folder = Path(name)
        request = request_of(folder / "table", write_table(folder / "table", rows=ROWS))
        measures = [
            *of_throughput(request, folder),
            of_feed(folder),
            *of_gradients(request, folder),
            *of_tables(request, folder),
            *of_losses(request, folder),
            of_checkpoints(request, folder),
        ]
    return publish("training", measures)


def of_throughput(request: TrainingRequest, folder: Path) -> Iterator[Measure]:
    """Two ranks against two trainings that know nothing of each other, on the same cores; and the wait for data."""
    rows = request.batch_rows // 2
    pair = replace(request, shards=2, timed_steps=STEPS)
    single = replace(request, shards=1, batch_rows=rows, timed_steps=STEPS)
    bound, ratios, of_free, waits = replace(pair, bind_to_cores=True), [], [], []
    for _ in range(ROUNDS):
        free, together = timings(pair, 2, folder), timings(bound, 2, folder)
        with ThreadPoolExecutor(2) as threads:
            apart = [one for some in threads.map(lambda _: timings(single, 1, folder), range(2)) for one in some]
        alone = sum(rows_per_second([one]) for one in apart)
        ratios.append(rows_per_second(together) / alone)
        of_free.append(rows_per_second(free) / alone)
        waits += [share_of(one, "reading") for one in together]
    name = "examples per second: 2 ranks / 2 single ranks side by side"
    yield Measure(f"{name}, ranks bound to cores", median(ratios), "times", ">= 0.90", ">= 0.97", COMMAND)
    yield Measure(f"{name}, ranks not bound", median(of_free), "times", command=COMMAND)
    yield Measure("a rank's seconds that wait for data", 100 * max(waits), "%", "<= 5", "<= 1", COMMAND)
    yield Measure("examples per second, 2 ranks", rows_per_second(together), "1/s", command=COMMAND)
    for phase in ("compute", "waiting", "allreduce"):
        share = 100 * mean(share_of(one, phase) for one in together)
        yield Measure(f"a rank's seconds of a step taken apart: {phase}", share, "%", command=COMMAND)


def timings(request: TrainingRequest, processes: int, folder: Path) -> Timings:
    """A training.timing.Timing for each rank."""
    files = launch(request, processes=processes, spark=None, workplace=folder, report=say).files
    return list(json.loads(files[TIMINGS]))


def rows_per_second(ranks: Timings) -> float:
    """Of whole steps; the slowest rank decides."""
    return float(sum(one["rows"] for one in ranks) / max(one["whole"] for one in ranks))


def share_of(rank: dict[str, Any], phase: str) -> float:
    return float(rank[phase] / sum(rank[name] for name in ("reading", "compute", "waiting", "allreduce")))


def of_feed(folder: Path) -> Measure:
    """Rows per second of batches against those of the same columns read and thrown away; a thread of Arrow each.

    Of so many rows that the first block, which nothing overlaps with, is a small part.
    """
    request = request_of(folder / "feed", write_table(folder / "feed", rows=FEED_ROWS))
    groups = row_groups(request.table, request.version, partition={"split": "train"})
    form = task_of(request).form()
    columns = form.schema().names
    ratios = []
    for _ in range(ROUNDS):
        ratios.append(seconds(lambda: scan(groups, columns)) / seconds(lambda: feed(groups, form, request)))
    return Measure("rows per second: feed alone / bare scan", median(ratios), "times", ">= 0.7", ">= 0.9", COMMAND)


def scan(groups: list[tuple[str, int, int]], columns: list[str]) -> None:
    for file, index, _ in groups:
        pq.ParquetFile(file).read_row_group(index, columns=columns, use_threads=False)


def feed(groups: list[tuple[str, int, int]], form: Form, request: TrainingRequest) -> None:
    plan = plan_pass(
        list(starmap(RowGroup, groups)),
        shards=1,
        batch_rows=request.batch_rows,
        shuffle=(request.seed, 1),
        buffer_rows=BUFFER_ROWS,
    )
    rows = sum(int(batch["weight"].sum()) for batch in batches(plan, (0,), form))
    assert rows == FEED_ROWS, f"{rows} rows came of {FEED_ROWS}"


def seconds(work: Callable[[], None]) -> float:
    started = perf_counter()
    work()
    return perf_counter() - started


def of_gradients(request: TrainingRequest, folder: Path) -> Iterator[Measure]:
    """Of one global batch, dropout off, on several numbers of ranks against one."""
    settings = {**request.settings, "dropout": 0.0}
    order = folder / "gradient.json"
    order.write_text(replace(request, shards=12, batch_rows=240, settings=settings).to_json())
    of_worlds = {ranks: gradient(order, ranks) for ranks in WORLDS}
    largest = float(np.abs(of_worlds[1]).max())
    for ranks, found in of_worlds.items():
        difference = float(np.abs(found - of_worlds[1]).max()) / largest
        name = f"gradient of one batch, {ranks} ranks against 1: largest difference / largest number"
        yield Measure(name, difference, "", "<= 1e-5", "", COMMAND)
    per_step = of_worlds[1].nbytes
    yield Measure("bytes of gradients that a rank adds up in a step", per_step, "bytes", command=COMMAND)
    yield Measure(
        "sent by a rank in a ring of 512 for these, at least", 2 * per_step * 511 / 512, "bytes", command=COMMAND
    )


def gradient(order: Path, ranks: int) -> np.ndarray:
    file = order.with_name(f"gradient-{ranks}.npy")
    on_ranks(ranks, "training_gradient.py", str(order), str(file))
    return np.load(file)


def on_ranks(ranks: int, program: str, *arguments: str) -> None:
    launcher = [str(Path(sys.prefix, "bin", "horovodrun")), "--gloo", "--disable-cache", "-np", str(ranks)]
    command = [*launcher, sys.executable, str(CHECKOUT / "tests" / "bench" / program), *arguments]
    environment = {**os.environ, "KERAS_BACKEND": "tensorflow", "PYTHONPATH": str(CHECKOUT / "lib")}
    subprocess.run(command, env=environment, check=True, capture_output=True)


def of_tables(request: TrainingRequest, folder: Path) -> Iterator[Measure]:
    """Tables of embeddings by their rows: gradients as rows against dense ones, and parts against whole tables."""
    on_ranks(2, "training_exchange.py", str(file := folder / "exchange.json"), *map(str, TABLES))
    for rows, ratio in json.loads(file.read_text()).items():
        name = f"seconds to add up a gradient of {int(rows):,} embeddings, 2 ranks: its rows gathered / dense"
        yield Measure(name, ratio, "times", command=COMMAND)
    whole = replace(request, shards=2, bind_to_cores=True, timed_steps=max(STEPS // 6, 10))
    for rows in TABLES:
        several = replace(whole, spec=replace(request.spec, item_buckets=rows - len(request.spec.item_vocabulary)))
        ratios = []
        for _ in range(ROUNDS):
            in_parts, at_once = (
                rows_per_second(timings(replace(several, shard_item_table=is_sharded), 2, folder))
                for is_sharded in (True, False)
            )
            ratios.append(in_parts / at_once)
        name = f"examples per second, 2 ranks, {rows:,} embeddings of items: dealt to ranks / whole on each"
        yield Measure(name, median(ratios), "times", command=COMMAND)


def of_losses(request: TrainingRequest, folder: Path) -> Iterator[Measure]:
    """From the signal to the launcher's word of the rank, all ranks ended."""
    beat = request.silent_seconds
    for what, number, must in (("killed", signal.SIGKILL, 10.0), ("stopped", signal.SIGSTOP, beat + 10.0)):
        found = median(seconds_to_detect(request, folder, number) for _ in range(ROUNDS))
        yield Measure(f"a rank is {what}: until the launcher says so", found, "s", f"<= {must:g}", "", COMMAND)


def seconds_to_detect(request: TrainingRequest, folder: Path, number: signal.Signals) -> float:
    sent: list[float] = []

    def disturb(line: str) -> None:
        if line.startswith("epoch ") and not sent:
            rank = next(one for one in psutil.Process().children(recursive=True) if is_rank(one, "1"))
            rank.send_signal(number)
            sent.append(monotonic())

    try:
        launch(replace(request, epochs=1_000, shards=2), processes=2, spark=None, workplace=folder, report=disturb)
    except RankLostError:
        return monotonic() - sent[0]
    raise AssertionError("the training ended though a rank was lost")


def is_rank(process: psutil.Process, rank: str) -> bool:
    return "userprofile.training.worker" in process.cmdline() and process.environ().get("HOROVOD_RANK") == rank


def of_checkpoints(request: TrainingRequest, folder: Path) -> Measure:
    """Seconds that steps wait for a checkpoint, of those of the steps between two."""
    place, stalls = folder / "checkpoints", []
    place.mkdir()
    real = keeper.Keeper.keep

    def timed_keep(self: keeper.Keeper, state: Any) -> None:
        started = perf_counter()
        real(self, state)
        stalls.append(perf_counter() - started)

    keeper.Keeper.keep = timed_keep  # type: ignore[method-assign]
    steps = 20 if is_small() else 50
    often = replace(request, shards=1, epochs=2, checkpoints=str(place), checkpoint_steps=steps)
    started = perf_counter()
    trained = train(often, alone(), report=say)
    keeper.Keeper.keep = real  # type: ignore[method-assign]
    # The second epoch: in the first the network is compiled.
    of_step = (trained.history[1]["seconds"] - sum(stalls[len(stalls) // 2 : -1])) / -(-ROWS // request.batch_rows)
    say(f"checkpoints: {len(stalls)}, {perf_counter() - started:.0f} s")
    share = 100 * median(stalls) / (request.checkpoint_steps * of_step)
    return Measure("a checkpoint's stall, of the steps to the next", share, "%", "<= 2", "", COMMAND)


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

"""make bench-pretraining: scores from a pre-trained body and from scratch, of few labels and of all. SMALL=1: quick.

On Complete Journey, whose training set is built once, as make run builds it. One body is pre-trained; then each score
is fine-tuned on 1, 10 and 100 % of the labels, from that body and from scratch, with the same settings and seeds. Both
are judged by the network alone on the test date.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import mean

from job_runs import ran
from measure import Measure, is_small, publish

SOURCE = ["demo_shop", "--users", "300", "--days", "150"] if is_small() else ["complete_journey"]
SHARES, SEEDS = ((1.0,), (7,)) if is_small() else ((0.01, 0.1, 1.0), (7, 8, 9))
TASKS = {"churn": "auc", "next_categories": "ndcg@10"}
STARTS = ("pretrained", "scratch")
PREPARING = ("ingest_events", "refine_events", "build_training_set", "pretrain_model")
COMMAND = "make bench-pretraining SMALL=1" if is_small() else "make bench-pretraining"

Figures = dict[tuple[str, float, str], list[float]]  # of each task, share and start, a seed after the other


def main() -> int:
    """Exit code 1 where a start from what was pre-trained is worse than one from scratch, the job's where one fails."""
    with tempfile.TemporaryDirectory(prefix="bench-pretraining-") as name:
        folder = Path(name)
        try:
            for step in prepared(folder):
                ran(folder, *step, source=SOURCE)
            figures = {case: list(_tuned(folder, *case)) for case in _cases()}
        except subprocess.CalledProcessError as error:
            print(error.stdout, error.stderr, sep="\n", file=sys.stderr)
            return error.returncode
    return publish("pretraining", list(measures_of(figures)))


def prepared(folder: Path) -> Iterator[list[str]]:
    """Jobs up to the body."""
    shop = [["generate_demo_shop"]] if is_small() else []
    yield from [*shop, *([job] for job in PREPARING)]


def _cases() -> Iterator[tuple[str, float, str]]:
    return ((task, share, start) for task in TASKS for share in SHARES for start in STARTS)


def _tuned(folder: Path, task: str, share: float, start: str) -> Iterator[float]:
    """What the network reaches, seed by seed."""
    for seed in SEEDS:
        print(f"{task}, {share:.0%} of the labels, {start}, seed {seed} ...", file=sys.stderr, flush=True)
        asked = {"task": task, "labels_share": share, "start": start, "seed": seed}
        settings = [f"finetune_model.{key}={value}" for key, value in asked.items()]
        yield ran(folder, "finetune_model", source=SOURCE, settings=settings)["metrics"]["finetune_model"][TASKS[task]]


def measures_of(figures: Figures) -> Iterator[Measure]:
    """Means over seeds, and of their differences seed by seed."""
    for task, share in dict.fromkeys((task, share) for task, share, _ in figures):
        pretrained, scratch = (figures[task, share, start] for start in STARTS)
        name = f"{task} by {share:.0%} of the labels"
        for start, values in zip(STARTS, (pretrained, scratch), strict=True):
            yield Measure(f"{name}: {start}", mean(values), TASKS[task], command=COMMAND)
        gained = [ours - theirs for ours, theirs in zip(pretrained, scratch, strict=True)]
        yield Measure(f"{name}: gained", mean(gained), TASKS[task], ">= 0", "", COMMAND)
        yield Measure(
            f"{name}: seeds that gained", sum(one > 0 for one in gained), f"of {len(gained)}", "", "", COMMAND
        )


if __name__ == "__main__":
    sys.exit(main())

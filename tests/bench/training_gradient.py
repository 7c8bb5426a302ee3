"""One rank of a gradient of one global batch: `horovodrun -np N python training_gradient.py <request.json> <file>`."""

from __future__ import annotations

import sys
from pathlib import Path

import keras
import numpy as np

from userprofile.feed.plan import RowGroup, plan_pass, shards_of_rank
from userprofile.feed.read import batches
from userprofile.tables.row_groups import row_groups
from userprofile.training.collective import of_environment
from userprofile.training.progress import WEIGHT
from userprofile.training.request import TrainingRequest
from userprofile.training.step import WholeStep
from userprofile.training.tasks import task_of


def main(request: TrainingRequest, file: Path) -> None:
    """The mean gradient over the batch, as rank 0 has it: one array."""
    collective = of_environment()
    keras.utils.set_random_seed(1)
    task = task_of(request)
    model = task.model()
    whole = WholeStep(task, model, keras.optimizers.SGD(), collective, parts=1)
    groups = [RowGroup(*group) for group in row_groups(request.table, 0, partition={"split": "train"})]
    plan = plan_pass(groups, shards=request.shards, batch_rows=request.batch_rows, shuffle=(1, 1), buffer_rows=1024)
    shards = shards_of_rank(request.shards, rank=collective.rank, size=collective.size)
    sums, gradients = whole.reduce(*whole.compute(next(batches(plan, shards, task.form()))))
    if collective.rank == 0:
        flat = [np.asarray(gradient).ravel() / float(sums[WEIGHT]) for gradient in gradients]
        np.save(file, np.concatenate(flat))


if __name__ == "__main__":
    main(TrainingRequest.from_json(Path(sys.argv[1]).read_text()), Path(sys.argv[2]))

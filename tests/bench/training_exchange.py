"""Gradients of tables of embeddings, dense and as rows: `horovodrun -np N python training_exchange.py FILE ROWS...`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import tensorflow as tf

from userprofile.training.collective import of_environment
from userprofile.training.sparse import gathered

# Those of a rank's batch of 128 users with 25 events each, of items drawn as those of training_table.py; item_width.
LOOKED_UP, WIDTH = 3_200, 32
WARM, TIMES = 5, 30


def main(file: Path, of_tables: list[int]) -> None:
    """Seconds of the rows over those of the dense gradient, by rows of the table, as rank 0 has them."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    collective = of_environment()
    chance, ratios = np.random.default_rng(collective.rank), {}
    for rows in of_tables:
        indices = tf.constant(chance.zipf(1.3, LOOKED_UP) % rows, tf.int32)
        gradient = tf.IndexedSlices(tf.ones((LOOKED_UP, WIDTH)), indices, tf.constant([rows, WIDTH]))

        @tf.function
        def as_rows(gradient: tf.IndexedSlices) -> tf.Tensor:
            return gathered(gradient, collective)

        @tf.function
        def dense(gradient: tf.IndexedSlices) -> tf.Tensor:
            return collective.allreduce_gradients([tf.convert_to_tensor(gradient)])[0]

        ratios[rows] = seconds(lambda: as_rows(gradient)) / seconds(lambda: dense(gradient))  # noqa: B023
    if collective.rank == 0:
        file.write_text(json.dumps(ratios))


def seconds(work: Callable[[], tf.Tensor]) -> float:
    """Median over calls."""
    found = []
    for _ in range(WARM + TIMES):
        started = perf_counter()
        work().numpy()
        found.append(perf_counter() - started)
    return median(found[WARM:])


if __name__ == "__main__":
    main(Path(sys.argv[1]), [int(rows) for rows in sys.argv[2:]])

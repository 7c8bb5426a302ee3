"""Ours of bench-model, `python model_ours.py <side> <log.npz>`: the library's step, and other ways to compute it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import pyarrow as pa
import tensorflow as tf
from measure import CHECKOUT
from model_child import POOL, THREADS, Side, serve
from model_log import LONGEST, Log, batches_of_users, saved

from userprofile.columns import ACTION_CODE
from userprofile.config.load import load_config
from userprofile.feed.histories import HistorySpec
from userprofile.feed.read import Batch, batch_of
from userprofile.model.next_item import NextItemModel, next_item_loss, states_and_targets
from userprofile.model.positions import Packing, gap_bucket
from userprofile.training.collective import alone
from userprofile.training.progress import WEIGHT
from userprofile.training.step import WholeStep, training_step
from userprofile.training.tasks import NEXT_ITEM, NextItem

PURCHASE = ACTION_CODE["purchase"]
SAMPLED = 1_024


class WholeScores(NextItem):
    """The scores of all events in one table, [N, K], and the softmax's gradient in another."""

    def sums(self, model: NextItemModel, batch: Batch, *, training: bool) -> dict[str, tf.Tensor]:
        states, vectors, target = states_and_targets(model, batch, training)
        loss = next_item_loss(model.scores(states, vectors), target)
        return {WEIGHT: tf.cast(tf.size(target), tf.float32), NEXT_ITEM: tf.reduce_sum(loss)}


def ours(log: Log) -> Side:
    """As conf/base.yaml has it."""
    return side_of(log, task_of(log))


def whole_scores(log: Log) -> Side:
    task = task_of(log)
    return side_of(log, WholeScores(task.spec, task.settings))


def padding(log: Log) -> Side:
    """It counts as an event of no item: all is computed for it but scores."""

    def padded(batch: Batch) -> Batch:
        return {**batch, "action": np.where(batch["action"] == 0, PURCHASE + 1, batch["action"])}

    return side_of(log, task_of(log), padded)


def embedded_events(log: Log) -> Side:
    """As NextItemModel.states, but that padding is left out before the embeddings and not after."""

    def states(model: NextItemModel, inputs: Batch, vectors: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        present, age_days = inputs["action"] != 0, -tf.cumsum(inputs["gap_days"], axis=1)
        packing = Packing(present)
        item, action, gap_days = (packing.pack(inputs[name]) for name in ("item", "action", "gap_days"))  # [N] each
        events = tf.gather(vectors, item) + model.actions(action) + model.gaps(gap_bucket(gap_days))  # [N, W]
        events = packing.unpack(events * model.sizes["width"] ** 0.5)
        return model.encoder(events, present, age_days, training=training)

    NextItemModel.states = states  # type: ignore[method-assign]
    return ours(log)


def sampled(log: Log) -> Side:
    """Not the same numbers: each event is told from so many items of all."""
    task = task_of(log)
    return side_of(log, NextItem(task.spec, {**task.settings, "sampled_items": SAMPLED}))


def bfloat16(log: Log) -> Side:
    """Factors and results of all matrix products, also those of gradients, are rounded to bfloat16."""
    exact = tf.matmul

    def rounded(one: tf.Tensor, other: tf.Tensor, **how: Any) -> tf.Tensor:
        half = exact(tf.cast(one, tf.bfloat16), tf.cast(other, tf.bfloat16), **how)
        return tf.cast(half, tf.float32)

    tf.matmul = rounded
    return ours(log)


def two_operations(log: Log) -> Side:
    tf.config.threading.set_inter_op_parallelism_threads(2)
    return ours(log)


SIDES: dict[str, Callable[[Log], Side]] = {
    "ours": ours,
    "padding": padding,
    "embedded events": embedded_events,
    "sampled": sampled,
    "whole scores": whole_scores,
    "bfloat16": bfloat16,
    "two operations": two_operations,
}


def task_of(log: Log) -> NextItem:
    settings = load_config(CHECKOUT / "conf", source="demo_shop").next_items
    assert settings.sequence_length == LONGEST
    spec = HistorySpec(sequence_length=LONGEST, vocabulary=tuple(range(1, log.items + 1)))
    return NextItem(spec, settings.of_task())


def table(log: Log, users: np.ndarray) -> pa.Table:
    """Rows of gold.history_examples, of which every event but the first is a target."""
    places = [np.arange(log.starts[user], log.starts[user + 1]) for user in users]
    offsets = np.concatenate([[0], np.cumsum([len(some) for some in places])]).astype(np.int32)
    events = np.concatenate(places)

    def lists(values: np.ndarray, kind: pa.DataType) -> pa.Array:
        return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values, kind))

    return pa.table(
        {
            "sequence_item": lists(log.item[events], pa.int32()),
            "sequence_action": lists(np.full(len(events), PURCHASE), pa.int8()),
            "sequence_gap_days": lists(log.gap_days[events], pa.float32()),
            "label_targets": pa.array(np.full(len(users), LONGEST), pa.int32()),
        }
    )


def side_of(log: Log, task: NextItem, changed: Callable[[Batch], Batch] = lambda batch: batch) -> Side:
    """A training of the library, on its own arrays of the users that the peers have too."""
    settings = load_config(CHECKOUT / "conf", source="demo_shop").next_items
    keras.utils.set_random_seed(7)
    model = task.model()
    optimiser = keras.optimizers.AdamW(settings.learning_rate, weight_decay=settings.weight_decay)
    step = training_step(WholeStep(task, model, optimiser, alone()))
    form = task.form()
    pool = [changed(batch_of(form, table(log, users))) for users in islice(batches_of_users(log), POOL)]

    def loss(number: int) -> float:
        sums = step(pool[number])
        return float(sums[NEXT_ITEM] / sums[WEIGHT])

    return Side(loss, float(sum(len(batch["item"]) for batch in pool)))


if __name__ == "__main__":
    tf.config.threading.set_intra_op_parallelism_threads(THREADS)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    serve(lambda: SIDES[sys.argv[1]](saved(Path(sys.argv[2]))))

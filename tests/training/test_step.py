"""One step: parts add up to the whole, a gradient that is no number changes nothing, and the rate warms up."""

from __future__ import annotations

from collections.abc import Mapping

import keras
import numpy as np
import pytest

from userprofile.errors import UsageError
from userprofile.feed.plan import RowGroup, plan_pass
from userprofile.feed.read import batches
from userprofile.tables.row_groups import row_groups
from userprofile.training.collective import Collective, alone
from userprofile.training.loop import warmed_up
from userprofile.training.progress import SKIPPED, WEIGHT
from userprofile.training.request import TrainingRequest
from userprofile.training.step import WholeStep, training_step
from userprofile.training.tasks import task_of

ROWS = 256


@pytest.fixture
def batch(request_for) -> dict[str, np.ndarray]:
    """203 rows, the rest padding."""
    request = request_for()
    groups = [RowGroup(*group) for group in row_groups(request.table, 0, partition={"split": "train"})]
    plan = plan_pass(groups, shards=1, batch_rows=ROWS, shuffle=None, buffer_rows=ROWS)
    return next(batches(plan, (0,), task_of(request).form()))


class Learning:
    """A fresh network, the same each time, and its step."""

    def __init__(
        self, request: TrainingRequest, *, parts: int = 1, half_of_rows: int = 0, collective: Collective | None = None
    ) -> None:
        keras.utils.set_random_seed(1)
        task = task_of(request)
        self.model = task.model()
        self.optimiser = keras.optimizers.AdamW(0.01)
        how = {"parts": parts, "half_of_rows": half_of_rows}
        self.step = training_step(WholeStep(task, self.model, self.optimiser, collective or alone(), **how))

    def after(self, batch: Mapping[str, np.ndarray], *, steps: int) -> tuple[list[np.ndarray], dict[str, float]]:
        sums = [self.step(batch) for _ in range(steps)][-1]
        return self.model.get_weights(), {name: float(value) for name, value in sums.items()}


@pytest.mark.parametrize("parts", [2, 8])
def test_parts_of_a_batch_add_up_to_it(request_for, batch, parts):
    whole, of_whole = Learning(request_for()).after(batch, steps=3)
    cut, of_parts = Learning(request_for(), parts=parts).after(batch, steps=3)
    for left, right in zip(whole, cut, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-5)
    assert of_parts == pytest.approx(of_whole, rel=1e-4)
    assert of_whole[WEIGHT] == 203


def test_in_half_precision_a_step_is_nearly_the_same_and_sends_half_the_bytes(request_for, batch):
    whole, of_whole = Learning(request_for()).after(batch, steps=3)
    sent: list[object] = []
    halved, of_halves = Learning(request_for(), half_of_rows=ROWS, collective=Noted(sent)).after(batch, steps=3)
    assert {kind for kinds in sent for kind in kinds} == {"float16", "float32"}
    assert ["float16"] * len(halved) in sent
    assert of_halves == pytest.approx(of_whole, rel=1e-3)
    assert not all(np.array_equal(left, right) for left, right in zip(whole, halved, strict=True))
    for left, right in zip(whole, halved, strict=True):
        np.testing.assert_allclose(left, right, atol=2e-2)


class Noted:
    """A world of one that notes the types of what it adds up."""

    size = 1

    def __init__(self, sent: list[object]) -> None:
        self._sent = sent

    def allreduce_gradients(self, tensors: list[object]) -> list[object]:
        self._sent.append([tensor.dtype.name for tensor in tensors])
        return list(tensors)


def test_parts_that_are_not_equal_are_refused(request_for):
    with pytest.raises(UsageError, match="cannot be cut into equal parts"):
        request_for(batch_rows=60, shards=2, gradient_accumulation=4)
    assert request_for(batch_rows=60, shards=2, gradient_accumulation=3).gradient_accumulation == 3


def test_a_gradient_that_is_no_number_changes_nothing_and_is_counted(request_for, batch):
    learning = Learning(request_for())
    before, of_first = learning.after(batch, steps=1)
    optimiser = [variable.numpy() for variable in learning.optimiser.variables]
    broken = {**batch, "label_purchase": np.full_like(batch["label_purchase"], np.inf)}
    after, of_broken = learning.after(broken, steps=1)
    for left, right in zip(before, after, strict=True):
        np.testing.assert_array_equal(left, right)
    for left, right in zip(optimiser, learning.optimiser.variables, strict=True):
        np.testing.assert_array_equal(left, right)
    assert of_first[SKIPPED] == 0
    assert of_broken == dict.fromkeys(of_broken, 0.0) | {SKIPPED: 1.0}
    moved, of_next = learning.after(batch, steps=1)
    assert of_next[SKIPPED] == 0
    assert any(not np.array_equal(left, right) for left, right in zip(after, moved, strict=True))


def test_the_rate_grows_with_the_step_and_stays(request_for):
    warm = warmed_up(request_for(learning_rate=0.1, warmup_steps=4))
    assert [float(warm(step)) for step in (0, 1, 2, 3, 4, 99)] == pytest.approx([0.02, 0.04, 0.06, 0.08, 0.1, 0.1])
    assert [float(warmed_up(request_for(learning_rate=0.1))(step)) for step in (0, 9)] == pytest.approx([0.1, 0.1])


def test_a_batch_of_padding_alone_moves_nothing_and_is_no_skipped_step(request_for, batch):
    learning = Learning(request_for())
    before = learning.model.get_weights()
    nothing = {**batch, WEIGHT: np.zeros_like(batch[WEIGHT])}
    assert float(learning.step(nothing)[SKIPPED]) == 0
    for left, right in zip(before, learning.model.get_weights(), strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-4)  # but for the decay of weights

"""Ranks that would not do the same are stopped before they begin, and named; so are weights that drift apart."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import keras
import numpy as np
import pytest

import userprofile.training.here as here
from userprofile.errors import EnvironmentMismatchError, UserprofileError
from userprofile.feed.plan import Plan, RowGroup, plan_pass
from userprofile.training.guards import checksums, digest, of_rank, require_same, require_same_weights, weights_of
from userprofile.training.launch import launch
from userprofile.training.tasks import task_of

ROWS = [RowGroup("a", 0, 90), RowGroup("b", 0, 7)]
PLAN = plan_pass(ROWS, shards=2, batch_rows=10, shuffle=(7, 1), buffer_rows=20)


@dataclass
class Others:
    """Stands for ranks whose values are rank 0's but for what is changed."""

    changes: list[dict[str, Any]] = field(default_factory=list)
    rank: int = 0

    def gather_object(self, value: dict[str, Any]) -> list[dict[str, Any]]:
        return [value, *({**value, **change} for change in self.changes)]


@pytest.fixture
def model(request_for) -> keras.Model:
    keras.utils.set_random_seed(1)
    request = request_for()
    return task_of(request).model()


@pytest.mark.parametrize(
    ("name", "other"),
    [("tensorflow", "1.0"), ("code of userprofile", "older"), ("plan", "another"), ("weights", "00000000")],
)
def test_a_rank_that_would_do_something_else_is_named_with_what_it_is(request_for, model, name, other):
    mine = {**of_rank(request_for(), model), "plan": digest(PLAN), **weights_of(model)}
    require_same(Others([{}, {}]), mine)
    with pytest.raises(
        EnvironmentMismatchError, match=f"rank 2 of the training has another {name} than rank 0"
    ) as raised:
        require_same(Others([{}, {name: other}]), mine)
    assert raised.value.received == other
    assert raised.value.expected not in ("", other)


def test_a_plan_has_the_same_digest_as_itself_alone():
    def planned(rows: list[RowGroup], **changes: Any) -> Plan:
        usual = {"shards": 2, "batch_rows": 10, "shuffle": (7, 1), "buffer_rows": 20}
        return plan_pass(rows, **{**usual, **changes})

    others = [
        planned(ROWS[::-1]), planned([replace(ROWS[0], rows=91), ROWS[1]]), planned(ROWS, shuffle=(7, 2)),
        planned(ROWS, shuffle=None), planned(ROWS, batch_rows=12), planned(ROWS, shards=1),
    ]  # fmt: skip
    assert digest(planned(ROWS)) == digest(PLAN)
    assert len({digest(plan) for plan in (PLAN, *others)}) == 1 + len(others)


def test_weights_that_drift_apart_by_one_bit_are_found_and_named(model):
    require_same_weights(Others([{}]), model, epoch=3, step=20)
    mine = checksums(model)
    moved = model.weights[2]
    values = moved.numpy()
    values.flat[-1] = np.nextafter(values.flat[-1], np.float32(np.inf))
    moved.assign(values)
    theirs = checksums(model)
    assert [name for name in mine if mine[name] != theirs[name]] == [moved.path]
    with pytest.raises(
        UserprofileError, match="rank 1 are no longer those of rank 0, after step 20 of epoch 3"
    ) as raised:
        require_same_weights(Others([mine]), model, epoch=3, step=20)
    assert moved.path in raised.value.received


@pytest.mark.slow
def test_a_rank_with_another_library_is_refused_by_all(request_for, workplace, tmp_path, monkeypatch):
    """A real second rank that finds another version of a library."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os\n"
        "from importlib import metadata\n"
        "real = metadata.version\n"
        "def version(name):\n"
        "    return '0.1' if name == 'pyarrow' and os.environ.get('HOROVOD_RANK') == '1' else real(name)\n"
        "metadata.version = version\n"
    )
    usual = here._environment

    def with_another(*arguments):
        there = usual(*arguments)
        return {**there, "PYTHONPATH": f"{tmp_path}:{there['PYTHONPATH']}"}

    monkeypatch.setattr(here, "_environment", with_another)
    with pytest.raises(
        EnvironmentMismatchError, match="rank 1 of the training has another pyarrow than rank 0"
    ) as raised:
        launch(request_for(), processes=2, spark=None, workplace=workplace, report=print)
    assert raised.value.received == "0.1"

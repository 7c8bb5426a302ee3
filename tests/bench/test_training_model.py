"""The model on paper keeps what its formulas promise, and the page holds what it says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st


@pytest.fixture(scope="module")
def paper() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parent))
        import training_model

        yield training_model


@given(st.integers(2, 1_000), st.integers(1, 10**9))
def test_without_latency_a_ring_sends_each_byte_less_than_twice_and_a_tree_twice(paper, ranks, size):
    free = paper.Network(bytes_per_second=1e9, latency=0.0)
    assert free.ring(size, ranks) == pytest.approx(2 * size * (ranks - 1) / ranks / 1e9)
    assert free.tree(size, ranks) == pytest.approx(2 * size / 1e9)
    assert free.alltoall(size, ranks) < size / 1e9


def test_small_messages_go_by_the_tree_and_large_ones_by_the_ring(paper):
    slow = paper.Network(bytes_per_second=1e9, latency=1e-4)
    assert slow.allreduce(1_000, 512) == slow.tree(1_000, 512) < slow.ring(1_000, 512)
    assert slow.allreduce(10**9, 8) == slow.ring(10**9, 8) < slow.tree(10**9, 8)


def test_the_page_holds_what_the_model_says(paper):
    text = paper.PAGE.read_text(encoding="utf-8")
    assert text.split(paper.BEGIN)[1].split(paper.END)[0].strip() == paper.table()

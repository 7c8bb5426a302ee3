from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from userprofile.demo_shop.draws import Lottery, running_sum

groups_of_weights = st.lists(st.lists(st.floats(0.01, 100), min_size=1, max_size=5), min_size=1, max_size=6)


@given(groups_of_weights, st.floats(0, 1, exclude_max=True), st.data())
def test_a_draw_falls_where_the_accumulated_weight_passes_the_uniform(
    groups: list[list[float]], uniform: float, data: st.DataObject
) -> None:
    group = data.draw(st.integers(0, len(groups) - 1))
    lottery = Lottery.of(np.concatenate([np.array(g) for g in groups]), np.array([len(g) for g in groups]))
    drawn = int(lottery.draw(np.array([group]), np.array([uniform]))[0])
    place = drawn - sum(len(g) for g in groups[:group])
    assert 0 <= place < len(groups[group])
    total = sum(groups[group])
    assert sum(groups[group][:place]) / total <= uniform + 1e-9
    assert sum(groups[group][: place + 1]) / total >= uniform - 1e-9


def test_draws_come_up_as_often_as_their_weights_say() -> None:
    lottery = Lottery.of(np.array([1.0, 3.0, 5.0, 5.0]), np.array([2, 2]))
    uniform = (np.arange(1000) + 0.5) / 1000
    drawn = lottery.draw(np.zeros(1000, int), uniform)
    assert np.bincount(drawn, minlength=4).tolist() == [250, 750, 0, 0]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(-9, 9)), max_size=20))
def test_running_sum_is_what_came_before_in_the_run(pairs: list[tuple[int, int]]) -> None:
    pairs = sorted(pairs, key=lambda pair: pair[0])
    group = np.array([g for g, _ in pairs], dtype=np.int64)
    values = np.array([v for _, v in pairs], dtype=np.float64)
    expected = [sum(v for h, v in pairs[:place] if h == g) for place, (g, _) in enumerate(pairs)]
    assert running_sum(values, group).tolist() == expected

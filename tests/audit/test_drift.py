from __future__ import annotations

import math
import random
from bisect import bisect_left

import polars as pl
import pytest

from userprofile.audit.drift import drifts, stability
from userprofile.selection.bins import edges, matrix


def frame(values):
    return pl.DataFrame({"x": pl.Series(values, dtype=pl.Float64)})


def oracle(before, after):
    """Shares by hand, half a row added to every bin that either side uses."""
    known = sorted(value for value in before if value is not None)
    deciles = {known[tenth * (len(known) - 1) // 10] for tenth in range(10)}
    nexts = {low: min((value for value in known if value > low), default=None) for low in deciles}
    cuts = sorted((low + high) / 2 for low, high in nexts.items() if high is not None)

    def bin_of(value):
        return "null" if value is None else bisect_left(cuts, value)

    bins = sorted({bin_of(value) for value in [*before, *after]}, key=str)
    total = 0.0
    for one in bins:
        shares = [
            (sum(bin_of(value) == one for value in side) + 0.5) / (len(side) + 0.5 * len(bins))
            for side in (before, after)
        ]
        total += (shares[1] - shares[0]) * math.log(shares[1] / shares[0])
    return total


@pytest.mark.parametrize("seed", range(6))
def test_the_index_agrees_with_plain_python(seed):
    rng = random.Random(seed)
    before = [rng.choice([None, 0.0, 0.0, rng.gauss(0, 1)]) for _ in range(200)]
    after = [rng.choice([None, 0.0, rng.gauss(seed / 4, 1)]) for _ in range(150)]
    (found,) = drifts(frame(before), frame(after), names=["x"], between=("a", "b"))
    assert found.index == pytest.approx(oracle(before, after), rel=1e-9)


def test_nothing_moved():
    values = [float(place % 17) for place in range(500)]
    (found,) = drifts(frame(values), frame(values), names=["x"], between=("a", "b"))
    assert (found.index, found.strength) == (0.0, "")


@pytest.mark.parametrize(("shift", "strength"), [(0.0, ""), (0.4, "noticeable"), (1.5, "large")])
def test_a_shift_is_called_by_its_strength(shift, strength):
    rng = random.Random(1)
    before, after = [rng.gauss(0, 1) for _ in range(4_000)], [rng.gauss(shift, 1) for _ in range(4_000)]
    (found,) = drifts(frame(before), frame(after), names=["x"], between=("a", "b"))
    assert found.strength == strength, found


def test_small_samples_are_not_called_drifted_by_chance():
    rng = random.Random(2)
    many = [drift for _ in range(100) for drift in samples_of_one(rng, rows=40)]
    assert max(drift.index for drift in many) > 0.25
    assert sum(drift.strength != "" for drift in many) <= 2


def samples_of_one(rng, rows):
    sides = [frame([rng.gauss(0, 1) for _ in range(rows)]) for _ in range(2)]
    return drifts(*sides, names=["x"], between=("a", "b"))


def test_values_that_become_null_are_a_drift():
    before, after = frame([1.0, 2.0, 3.0] * 300), frame([1.0, 2.0, 3.0] * 100 + [None] * 600)
    assert drifts(before, after, names=["x"], between=("a", "b"))[0].strength == "large"


def test_a_rare_other_value_is_seen_beside_one_that_nearly_all_have():
    before, after = frame([1.0] * 990 + [0.0] * 10), frame([1.0] * 700 + [0.0] * 300)
    assert drifts(before, after, names=["x"], between=("a", "b"))[0].strength == "large"


def test_a_prior_that_many_share_may_move_a_little():
    rng = random.Random(3)
    own = [rng.uniform(0.3, 0.9) for _ in range(300)]
    before, after = frame([0.031] * 700 + own), frame([0.032] * 700 + own)
    assert drifts(before, after, names=["x"], between=("a", "b"))[0].index == 0.0


def test_nothing_known_on_either_side():
    index, by_chance = stability(*(matrix(frame([None] * 5), ["x"])[:, 0] for _ in range(2)))
    assert (index, edges(matrix(frame([None]), ["x"])[:, 0]).size) == (0.0, 0)
    assert by_chance > 0


def test_words_are_bins_of_their_own():
    def words(views, carts, unknown):
        return pl.DataFrame({"x": ["view"] * views + ["cart"] * carts + [None] * unknown})

    (found,) = drifts(words(600, 300, 100), words(300, 600, 100), names=["x"], between=("a", "b"))
    shares = [(600.5, 300.5), (300.5, 600.5)]
    assert found.index == pytest.approx(sum((b - a) / 1001.5 * math.log(b / a) for a, b in shares), rel=1e-9)
    assert found.strength == "large"
    (same,) = drifts(words(6, 3, 1), words(600, 300, 100), names=["x"], between=("a", "b"))
    assert same.strength == ""


def test_no_rows_no_drift():
    assert drifts(frame([]), frame([1.0]), names=["x"], between=("a", "b")) == []

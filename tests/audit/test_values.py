from __future__ import annotations

import pytest

from userprofile.audit.values import same

SAME = [
    (1, 1),
    (None, None),
    (0.3, 0.1 + 0.2),
    (3.0, 3),
    (1e-17, -3e-17),
    (float("nan"), float("nan")),
    ("a", "a"),
    ([{"name": "tea", "score": 0.3}], [{"name": "tea", "score": 0.1 + 0.2}]),
    ([], []),
]
DIFFERENT = [
    (0, None),
    (0.0, None),
    (None, 0.0),
    (1, 2),
    (0.3, 0.30001),
    (0.0, 1e-9),
    (float("nan"), 1.0),
    ([1.0], [1.0, 2.0]),
    ([{"name": "tea", "score": 0.3}], [{"name": "milk", "score": 0.3}]),
    ([{"name": "tea", "score": 0.3}], [{"name": "tea", "score": 0.4}]),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_the_same(one, other):
    assert same(one, other)
    assert same(other, one)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_different(one, other):
    assert not same(one, other)
    assert not same(other, one)

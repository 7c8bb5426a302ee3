from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from userprofile.explain.evidence import Evidence


@pytest.fixture
def reasons(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    import reasons

    return reasons


def evidence(*parts: list[float]) -> Evidence:
    part = np.array(parts)
    code = np.tile(["a", "b", "c", "c"], (len(parts), 1))
    name = np.tile(np.array([None, None, "x", "y"]), (len(parts), 1))
    return Evidence(part, code, code, part, part, part, name)


def test_agreement_is_the_share_of_the_strongest_three_that_are_shared(reasons: ModuleType) -> None:
    one = evidence([4, 3, 2, 1], [4, 3, 2, 1])
    other = evidence([-2, -3, -4, 0], [0, 2, 3, 4])
    assert reasons.agreement_of(one, one) == 1
    assert reasons.agreement_of(one, other) == pytest.approx((1 + 2 / 3) / 2)

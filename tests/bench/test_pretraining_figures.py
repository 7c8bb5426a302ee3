from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def pretraining(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.delenv("SMALL", raising=False)
    import pretraining

    return pretraining


def test_gains_are_means_of_differences_seed_by_seed(pretraining: ModuleType) -> None:
    figures = {("churn", 0.1, "pretrained"): [0.7, 0.8, 0.9], ("churn", 0.1, "scratch"): [0.6, 0.85, 0.8]}
    measures = {one.measure: one for one in pretraining.measures_of(figures)}
    assert measures["churn by 10% of the labels: pretrained"].value == pytest.approx(0.8)
    assert measures["churn by 10% of the labels: scratch"].value == pytest.approx(0.75)
    gained = measures["churn by 10% of the labels: gained"]
    assert gained.value == pytest.approx(0.05)
    assert gained.meets(gained.must)
    assert measures["churn by 10% of the labels: seeds that gained"].value == 2


def test_a_loss_misses_the_must(pretraining: ModuleType) -> None:
    figures = {("churn", 1.0, "pretrained"): [0.7], ("churn", 1.0, "scratch"): [0.8]}
    gained = [one for one in pretraining.measures_of(figures) if one.must]
    assert [one.meets(one.must) for one in gained] == [False]

"""Histories of a few users, as plain events and as arrays, and what they bought next."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from userprofile.interest.vectors import EventVectors, Histories

ITEMS, CATEGORIES, LENGTH = 9, 6, 7  # indices, with none and unknown, and events


@pytest.fixture(scope="session")
def vectors() -> EventVectors:
    chance = np.random.default_rng(1)
    return EventVectors.of_tables(chance.normal(size=(ITEMS, 4)), chance.normal(size=(CATEGORIES, 3)))


@pytest.fixture(scope="session")
def batch_of() -> Callable[..., dict[str, np.ndarray]]:
    """The arrays of feed.examples.to_batch that interests read; the last user has no event."""

    def made(rows: int, seed: int) -> dict[str, np.ndarray]:
        chance = np.random.default_rng(seed)
        present = np.arange(LENGTH) < np.append(chance.integers(1, LENGTH + 1, rows - 1), 0)[:, None]
        draws: dict[str, Any] = {
            "sequence_action": chance.integers(1, 12, (rows, LENGTH)),
            "sequence_item": chance.integers(0, ITEMS, (rows, LENGTH)),
            "sequence_category": chance.integers(0, CATEGORIES, (rows, LENGTH)),
            "sequence_age_days": chance.exponential(40, (rows, LENGTH)).astype(np.float32),
        }
        return {name: np.where(present, values, 0).astype(values.dtype) for name, values in draws.items()}

    return made


@pytest.fixture(scope="session")
def batch(batch_of: Callable[..., dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return batch_of(40, 2)


@pytest.fixture(scope="session")
def histories(batch: dict[str, np.ndarray], vectors: EventVectors) -> Histories:
    return Histories.of_batch(batch, vectors)


@pytest.fixture(scope="session")
def bought() -> np.ndarray:
    """[40, 4] of the known categories."""
    return (np.random.default_rng(3).random((40, CATEGORIES - 2)) < 0.4).astype(np.float64)

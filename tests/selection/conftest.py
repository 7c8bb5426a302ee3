from __future__ import annotations

from collections.abc import Iterator

import pytest
from threadpoolctl import threadpool_limits


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Gradient boosting on a few hundred rows waits for its threads most of the time."""
    with threadpool_limits(limits=1):
        yield

"""What every model of a ladder is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import pyarrow as pa


class Rung(Protocol):
    """A model that was fitted."""

    def predict(self, table: pa.Table) -> np.ndarray:
        """[rows], or [rows, classes]."""
        ...


Fit = Callable[[pa.Table], Rung]

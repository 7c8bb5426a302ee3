"""What interests tell of the categories bought next: one linear read-out, the same for every weighting."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from userprofile.model.metrics import ranking_of_rows

# In rows: what a read-out's weights are drawn towards 0 by.
RIDGE = 1.0


@dataclass(frozen=True)
class ReadOut:
    """[W + 1, C]: scores of categories are interest [B, W] x its first rows + its last, which is popularity."""

    weights: np.ndarray

    @classmethod
    def fit(cls, interest: np.ndarray, bought: np.ndarray) -> ReadOut:
        """Ridge regression of `bought` [B, C] (Hoerl & Kennard 1970); the constant is not drawn to 0."""
        rows = with_constant(interest.astype(np.float64))
        ridge = np.diag([*np.full(interest.shape[1], RIDGE), 1e-9])
        return cls(np.linalg.solve(rows.T @ rows + ridge, rows.T @ bought))

    def scores(self, interest: np.ndarray) -> np.ndarray:
        """[B, C]."""
        return with_constant(interest) @ self.weights


def with_constant(interest: np.ndarray) -> np.ndarray:
    """[B, W + 1], the last of it 1."""
    return np.concatenate([interest, np.ones((len(interest), 1), interest.dtype)], axis=1)


def hits_of_rows(bought: np.ndarray, scores: np.ndarray) -> dict[str, np.ndarray]:
    """[B] by measure, NaN for a user who bought nothing: hr@10, whether any of the first ten was bought; and those of
    model.metrics.ranking_of_rows.
    """
    found = ranking_of_rows(bought, scores)
    return {"hr@10": np.where(np.isnan(found["recall@10"]), np.nan, found["recall@10"] > 0), **found}

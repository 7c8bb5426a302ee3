"""Users and items as vectors whose product says who has what: matrix factorisation of implicit feedback.

Hu, Koren and Volinsky 2008, "Collaborative Filtering for Implicit Feedback Datasets". A user who had an item n times
has the preference 1 for it with the confidence 1 + CONFIDENCE * n; for all others the preference is 0 with the
confidence 1. Items are fitted by the package `implicit`; a user is folded in by the closed form of the paper.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from userprofile.baselines.distributions import shares_of
from userprofile.baselines.item_histories import ItemHistories

# Of four tried on Complete Journey's validation rows the best pair: confidence 0.2, 1 and 10, ridge 0.1, 1 and 10.
FACTORS, ROUNDS, CONFIDENCE, RIDGE, SEED = 32, 15, 1.0, 10.0, 7


@dataclass(frozen=True)
class ImplicitFactors:
    """An item counts the product of its vector and the user's, where that is above 0."""

    items: np.ndarray  # float [K, FACTORS]

    @classmethod
    def fit(cls, histories: ItemHistories, items: int) -> ImplicitFactors:
        """By alternating least squares, each solved exactly; zeros where nobody had anything known."""
        # Here and not above: it takes a while, and most jobs fit nothing.
        from implicit.cpu.als import AlternatingLeastSquares
        from threadpoolctl import threadpool_limits

        confidence = histories.counts(items)
        if not confidence.nnz:
            return cls(np.zeros((items, FACTORS), np.float32))
        confidence.data = 1 + CONFIDENCE * confidence.data
        with threadpool_limits(1, "blas"):  # its own threads and those of BLAS would wait for each other
            model = AlternatingLeastSquares(
                factors=FACTORS, regularization=RIDGE, iterations=ROUNDS, use_cg=False, random_state=SEED
            )
            model.fit(confidence.astype(np.float32), show_progress=False)
        return cls(model.item_factors)

    def distributions(self, histories: ItemHistories) -> np.ndarray:
        scores = self.users(histories) @ self.items.astype(np.float64).T
        return shares_of(np.maximum(scores, 0).astype(np.float32))

    def users(self, histories: ItemHistories) -> np.ndarray:
        """float64 [U, FACTORS]: the least squares of each user by themselves, with the items as they are."""
        items = self.items.astype(np.float64)
        of_all = items.T @ items + RIDGE * np.eye(items.shape[1])
        counts, found = histories.counts(len(items)), np.zeros((len(histories), items.shape[1]))
        for user, (start, end) in enumerate(zip(counts.indptr[:-1], counts.indptr[1:], strict=True)):
            had, beyond = items[counts.indices[start:end]], CONFIDENCE * counts.data[start:end]
            found[user] = np.linalg.solve(of_all + (had.T * beyond) @ had, had.T @ (1 + beyond))
        return found

"""Parts of a score of one user by other methods than the model's own, of what it says without some players."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

# Of coalitions that are asked for.
SAMPLES = 512

Value = Callable[[np.ndarray], np.ndarray]  # [M] of masks [M, G]


def shap_parts(value: Value, players: int, *, seed: int) -> np.ndarray:
    """[G] Shapley values, estimated by weighted least squares: Lundberg & Lee 2017, "A Unified Approach to Interpreting
    Model Predictions" (arXiv:1705.07874). They add up to value(all) - value(none).
    """
    # Here and not above: they take seconds, and most jobs need neither.
    from shap import KernelExplainer

    np.random.seed(seed)
    explainer = KernelExplainer(value, np.zeros((1, players)))
    return np.asarray(explainer.shap_values(np.ones((1, players)), nsamples=SAMPLES, silent=True)[0])


def lime_parts(value: Value, players: int, *, seed: int) -> np.ndarray:
    """[G] weights of a linear model around the user: Ribeiro, Singh & Guestrin 2016, "Why Should I Trust You?"
    (arXiv:1602.04938). They need not add up.
    """
    from lime.lime_base import LimeBase

    random = np.random.RandomState(seed)  # what the library takes
    masks = np.vstack([np.ones((1, players)), random.randint(0, 2, (SAMPLES - 1, players))])
    distances = 1 - np.sqrt(masks.mean(axis=1))  # cosine, from the whole user
    base = LimeBase(lambda away: np.sqrt(np.exp(-(away**2) / 0.25**2)), random_state=random)
    labels = value(masks)[:, None]
    _, weights, *_ = base.explain_instance_with_data(masks, labels, distances, 0, players, feature_selection="none")
    parts = np.zeros(players)
    for place, weight in weights:
        parts[place] = weight
    return parts


METHODS = {"shap": shap_parts, "lime": lime_parts}

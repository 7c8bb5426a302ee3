from __future__ import annotations

import numpy as np

from userprofile.model.fusion import ConcatFusion


def test_an_untrained_embedding_has_mean_0_and_variance_1_whatever_its_parts() -> None:
    random = np.random.default_rng(2)
    parts = [random.normal(size=(3, 4)), 100 * random.normal(size=(3, 5))]
    embedding = np.asarray(ConcatFusion(64, dropout=0.5)([part.astype(np.float32) for part in parts], training=False))
    np.testing.assert_allclose(embedding.mean(axis=1), 0, atol=1e-5)
    np.testing.assert_allclose(embedding.var(axis=1), 1, atol=0.01)

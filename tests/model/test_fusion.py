from __future__ import annotations

import numpy as np
import pytest

from userprofile.model.fusion import FUSIONS, AttentionFusion, GatedFusion

RANDOM = np.random.default_rng(2)
PARTS = [RANDOM.normal(size=(3, 4)).astype(np.float32), 100 * RANDOM.normal(size=(3, 5)).astype(np.float32)]


@pytest.mark.parametrize("fusion", FUSIONS)
def test_an_untrained_embedding_has_mean_0_and_variance_1_whatever_its_parts(fusion: str) -> None:
    embedding = np.asarray(FUSIONS[fusion](64, dropout=0.5)(PARTS, training=False))
    np.testing.assert_allclose(embedding.mean(axis=1), 0, atol=1e-5)
    np.testing.assert_allclose(embedding.var(axis=1), 1, atol=0.02)


def projected(fusion: AttentionFusion | GatedFusion, row: int) -> list[np.ndarray]:
    return [
        part[row] @ np.asarray(layer.kernel) + np.asarray(layer.bias)
        for layer, part in zip(fusion.projections, PARTS, strict=True)
    ]


def test_attention_is_a_softmax_over_parts() -> None:
    fusion = AttentionFusion(6, dropout=0.0)
    fusion(PARTS)
    for parts in (projected(fusion, 0),):
        np.testing.assert_allclose(np.asarray(fusion.joined(PARTS))[0], sum(parts) / 2, rtol=1e-4)
    query = RANDOM.normal(size=6).astype(np.float32)
    fusion.query.assign(query)
    joined = np.asarray(fusion.joined(PARTS))
    for row in range(3):
        parts = projected(fusion, row)
        heights = np.exp([np.tanh(part) @ query for part in parts])
        expected = sum(height * part for height, part in zip(heights / heights.sum(), parts, strict=True))
        np.testing.assert_allclose(joined[row], expected, rtol=1e-3, atol=1e-4)


def test_gates_are_of_each_part_and_number() -> None:
    fusion = GatedFusion(6, dropout=0.0)
    fusion(PARTS)
    joined = np.asarray(fusion.joined(PARTS))
    for row in range(3):
        everything = np.concatenate([part[row] for part in PARTS])
        gates = 1 / (1 + np.exp(-(everything @ np.asarray(fusion.gate.kernel) + np.asarray(fusion.gate.bias))))
        expected = sum(gate * part for gate, part in zip(gates.reshape(2, 6), projected(fusion, row), strict=True))
        np.testing.assert_allclose(joined[row], expected, rtol=1e-3, atol=1e-3)

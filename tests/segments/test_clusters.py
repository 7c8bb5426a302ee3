from __future__ import annotations

import numpy as np
import pytest

from userprofile.segments.clusters import Clusters, fitted, prediction_strength
from userprofile.segments.continuity import adjusted_rand, continued, first

RANDOM = np.random.default_rng(5)


def blobs(*sizes: int) -> tuple[np.ndarray, np.ndarray]:
    centres = np.array([[0, 0], [10, 0], [0, 10], [10, 10]], float)[: len(sizes)]
    label = np.repeat(np.arange(len(sizes)), sizes)
    return centres[label] + RANDOM.normal(0, 0.5, (len(label), 2)), label


HOW = {"most": 8, "least_strength": 0.8, "seed": 1}


def test_as_many_clusters_are_found_as_there_are() -> None:
    vectors, label = blobs(60, 40, 30)
    found = fitted(vectors, least_share=0.05, **HOW)
    place, distance = found.nearest(vectors)
    assert len(found.centres) == 3
    assert found.strengths[3] == 1
    assert max(strength for clusters, strength in found.strengths.items() if clusters > 3) < 0.8
    assert adjusted_rand(table(place, label)) == 1
    assert distance == pytest.approx(np.linalg.norm(vectors - found.centres[place], axis=1))


def test_a_cluster_of_too_few_is_not_allowed() -> None:
    vectors, _ = blobs(60, 60, 12)
    assert len(fitted(vectors, least_share=0.0, **HOW).centres) == 3
    assert len(fitted(vectors, least_share=0.2, **HOW).centres) == 2


def test_a_cloud_without_clusters_is_one() -> None:
    assert len(fitted(RANDOM.normal(size=(400, 6)), least_share=0.0, **{**HOW, "least_strength": 0.9}).centres) == 1


@pytest.mark.parametrize("vectors", [np.zeros((5, 2)), np.ones((1, 3))])
def test_users_who_are_all_alike_are_one_cluster(vectors: np.ndarray) -> None:
    found = fitted(vectors, least_share=0.1, **HOW)
    assert found.centres.tolist() == vectors[:1].tolist()
    assert not found.strengths


def test_the_strength_is_the_least_share_of_pairs_that_stay_together() -> None:
    own, foretold = np.array([0, 0, 0, 0, 1, 1, 2]), np.array([5, 5, 5, 1, 1, 1, 0])
    assert prediction_strength(own, foretold) == pytest.approx(3 / 6)
    assert prediction_strength(own, own) == 1


def test_nearest_is_by_distance() -> None:
    place, distance = Clusters(np.array([[0.0, 0.0], [4.0, 0.0]]), {}).nearest(np.array([[1.0, 0.0], [4.0, 3.0]]))
    assert (place.tolist(), distance.tolist()) == ([0, 1], [1.0, 3.0])


def table(now: np.ndarray, before: np.ndarray) -> np.ndarray:
    shared = np.zeros((now.max() + 1, before.max() + 1))
    np.add.at(shared, (now, before), 1)
    return shared


def test_the_rand_index_is_that_of_scikit_learn() -> None:
    from sklearn.metrics import adjusted_rand_score

    for _ in range(20):
        now, before = RANDOM.integers(0, 4, 50), RANDOM.integers(0, 3, 50)
        assert adjusted_rand(table(now, before)) == pytest.approx(adjusted_rand_score(before, now))


def test_the_first_numbers_are_by_size() -> None:
    assert first(np.array([5, 9, 1])).numbers.tolist() == [2, 1, 3]


def test_a_segment_keeps_its_number_and_a_new_one_gets_its_own() -> None:
    shared = np.array([[1, 40], [30, 2], [10, 0], [0, 12]])
    found = continued(shared, np.array([1, 2]))
    assert found.numbers.tolist() == [2, 1, 4, 3]
    assert found.kept == pytest.approx(70 / 95)
    assert 0 < found.adjusted_rand < 1


def test_segmentations_without_a_common_user_cannot_be_held_together() -> None:
    found = continued(np.zeros((2, 2)), np.array([1, 2]))
    assert (found.kept, found.adjusted_rand) == (None, None)
    assert sorted(found.numbers.tolist()) == [1, 2]

"""Vectors of a later model are turned into the space of the one before, and how well they agree is told."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from userprofile.errors import UsageError
from userprofile.inference.space import Alignment, Space, space_after

CHANCE = np.random.default_rng(1)
PREVIOUS = CHANCE.normal(size=(60, 5)) * [3, 2, 1, 1, 0.5]
TURN = np.linalg.qr(CHANCE.normal(size=(5, 5)))[0]
FIRST = Space("first", "no model was trained before")


def test_vectors_that_were_only_turned_are_turned_back() -> None:
    found = Alignment.fit(PREVIOUS @ TURN.T, PREVIOUS)
    np.testing.assert_allclose(found.rotation, TURN, atol=1e-9)
    assert (found.anchors, found.held_out) == (48, 12)
    assert found.residual == pytest.approx(0, abs=1e-9)
    assert found.cosine_after == pytest.approx(1)
    assert found.cosine_before < 0.9


def test_the_rotation_is_orthogonal_and_none_is_nearer() -> None:
    """By search among rotations of the plane, of which each is an angle, and a reflection or none."""
    new, previous = CHANCE.normal(size=(50, 2)), CHANCE.normal(size=(50, 2))
    kept = np.arange(50) % 5 != 4
    rotation = np.array(Alignment.fit(new, previous).rotation)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(2), atol=1e-12)

    def missed(angle: float, reflected: int) -> float:
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ np.diag([1, reflected])
        return float(np.linalg.norm(new[kept] @ turn - previous[kept]))

    tried = [
        minimize(lambda angle, of=of: missed(float(angle[0]), of), [start]).fun for of in (1, -1) for start in range(7)
    ]
    assert np.linalg.norm(new[kept] @ rotation - previous[kept]) == pytest.approx(min(tried), abs=1e-6)


def test_measures_are_those_of_users_held_out() -> None:
    noisy = PREVIOUS @ TURN.T + CHANCE.normal(size=PREVIOUS.shape)
    found = Alignment.fit(noisy, PREVIOUS)
    missed, whole, cosines = 0.0, 0.0, []
    for user in range(4, 60, 5):
        turned = [sum(noisy[user, k] * found.rotation[k][place] for k in range(5)) for place in range(5)]
        missed += sum((one - other) ** 2 for one, other in zip(turned, PREVIOUS[user], strict=True))
        whole += sum(value**2 for value in PREVIOUS[user])
        cosines.append(turned @ PREVIOUS[user] / np.linalg.norm(turned) / np.linalg.norm(PREVIOUS[user]))
    assert found.residual == pytest.approx((missed / whole) ** 0.5)
    assert found.cosine_after == pytest.approx(np.mean(cosines))


def test_vectors_that_have_nothing_to_do_with_each_other_keep_a_residual() -> None:
    strangers = Alignment.fit(CHANCE.normal(size=(4000, 5)), CHANCE.normal(size=(4000, 5)))
    assert strangers.residual == pytest.approx(2**0.5, abs=0.1)


def test_a_space_is_handed_on_from_model_to_model() -> None:
    pair = {"embedding": (PREVIOUS @ TURN.T, PREVIOUS)}
    second = space_after(FIRST, "first", "second", pair)
    assert (second.name, second.aligned_to) == ("first", "first")
    third = space_after(second, "second", "third", pair)
    assert (third.name, third.aligned_to) == ("first", "second")
    np.testing.assert_allclose(third.rotation("embedding"), TURN, atol=1e-9)
    assert FIRST.rotation("embedding") is None
    assert Space.from_json(third.to_json()) == third
    assert "rotation" not in third.told()["embedding"]


def test_what_nobody_has_by_either_model_is_left_out() -> None:
    nobody = PREVIOUS[:0, :0]
    pairs = {"embedding": (PREVIOUS @ TURN.T, PREVIOUS), "interest_vector": (nobody, nobody)}
    space = space_after(FIRST, "first", "second", pairs)
    assert (space.name, list(space.alignments)) == ("first", ["embedding"])
    assert space_after(FIRST, "first", "second", {"interest_vector": (nobody, PREVIOUS)}).name == "second"


@pytest.mark.parametrize(
    ("new", "why"),
    [
        (PREVIOUS[:, :4], "interest_vector has 4 numbers, that of first 5"),
        (PREVIOUS[:5], "5 users are too few to align the 5 numbers of interest_vector"),
        (PREVIOUS[:0], "0 users are too few"),
        (PREVIOUS[:4, :1], "4 users are too few"),
    ],
)
def test_what_cannot_be_aligned_begins_a_space_for_all_columns(new, why) -> None:
    old = PREVIOUS[: len(new), : 1 if new.shape[1] == 1 else 5]
    pairs = {"embedding": (PREVIOUS, PREVIOUS), "interest_vector": (new, old)}
    space = space_after(FIRST, "first", "second", pairs)
    assert (space.name, space.aligned_to, space.alignments) == ("second", None, {})
    assert why in space.because


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"name": "a", "because": "", "alignments": {"embedding": {}}}'])
def test_what_is_no_space_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="does not say which space"):
        Space.from_json(text)

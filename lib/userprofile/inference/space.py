"""The space that a model's vectors lie in: in every model of one space their coordinates mean the same."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from scipy.linalg import orthogonal_procrustes

from userprofile.errors import UsageError

SPACE_FILE = "space.json"

# Every so many-th anchor only measures how well vectors agree: where few users anchor many numbers, those that the
# rotation was made of agree by construction.
HELD_OUT = 5


@dataclass(frozen=True)
class Alignment:
    """Of one column: the orthogonal `rotation` [W, W] that a network's vectors are multiplied by.

    On users held out, `residual` is |new x rotation - previous| / |previous| by Frobenius norm, 0 where all agree and
    1.41 for vectors of one length that have nothing to do with each other; cosines are means over users.
    """

    rotation: Sequence[Sequence[float]]
    anchors: int  # users that the rotation was made of
    held_out: int  # users by which it was measured
    residual: float
    cosine_before: float
    cosine_after: float

    @classmethod
    def fit(cls, new: np.ndarray, previous: np.ndarray) -> Alignment:
        """Of vectors [users, W] of the same users: orthogonal Procrustes (Schönemann 1966).

        A rotation alone keeps what readers of vectors compare: lengths, distances and dot products.
        """
        measured = np.arange(len(new)) % HELD_OUT == HELD_OUT - 1
        rotation, _ = orthogonal_procrustes(new[~measured], previous[~measured])
        asked, wanted = new[measured], previous[measured]
        turned = asked @ rotation
        return cls(
            rotation.tolist(),
            anchors=int((~measured).sum()),
            held_out=int(measured.sum()),
            residual=float(np.linalg.norm(turned - wanted) / np.linalg.norm(wanted)),
            cosine_before=_mean_cosine(asked, wanted),
            cosine_after=_mean_cosine(turned, wanted),
        )

    def told(self) -> dict[str, float]:
        """All but the rotation."""
        return {name: value for name, value in asdict(self).items() if name != "rotation"}


@dataclass(frozen=True)
class Space:
    """Called after the model that began it; `alignments`, by column, turn a later model's vectors into it."""

    name: str
    because: str
    aligned_to: str | None = None  # the model whose vectors of the same users the rotations were made by
    alignments: Mapping[str, Alignment] = field(default_factory=dict)

    def rotation(self, column: str) -> np.ndarray | None:
        """[W, W]; None in the model that began the space."""
        found = self.alignments.get(column)
        return None if found is None else np.array(found.rotation)

    def told(self) -> dict[str, Any]:
        """For metrics.json: all but rotations."""
        alignments = {column: one.told() for column, one in self.alignments.items()}
        return {"name": self.name, "because": self.because, "aligned_to": self.aligned_to, **alignments}

    def to_json(self) -> str:
        """With rotations."""
        return json.dumps(asdict(self), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Space:
        """Raises UsageError when the text is none."""
        try:
            fields = json.loads(text)
            found = {column: Alignment(**one) for column, one in fields.pop("alignments").items()}
            return cls(**fields, alignments=found)
        except (ValueError, KeyError, TypeError, AttributeError) as reason:
            raise UsageError(
                f"{SPACE_FILE} does not say which space a model's vectors lie in",
                received=str(reason),
                fix="make train_model",
            ) from reason


def space_after(
    previous: Space,
    previous_version: str,
    model_version: str,
    vectors: Mapping[str, tuple[np.ndarray, np.ndarray]],
) -> Space:
    """That of the previous model, of `vectors` by column: new and previous ones [users, W] of the same users.

    A new one where a column has another width, or too few users to tell a rotation by: a space is one for all columns.
    One of width 0, which nobody has by either model, is left out.
    """
    vectors = {column: pair for column, pair in vectors.items() if any(of_model.shape[1] for of_model in pair)}
    for column, (new, old) in vectors.items():
        if new.shape[1] != old.shape[1]:
            why = f"{column} has {new.shape[1]} numbers, that of {previous_version} {old.shape[1]}"
            return Space(model_version, why)
        if len(new) < HELD_OUT or len(new) - len(new) // HELD_OUT < new.shape[1]:
            why = f"{len(new)} users are too few to align the {new.shape[1]} numbers of {column}"
            return Space(model_version, why)
    alignments = {column: Alignment.fit(*pair) for column, pair in vectors.items()}
    return Space(previous.name, f"aligned to {previous_version}", previous_version, alignments)


def _mean_cosine(left: np.ndarray, right: np.ndarray) -> float:
    lengths = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    return float(np.mean((left * right).sum(axis=1) / np.maximum(lengths, 1e-12)))

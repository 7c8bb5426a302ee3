"""What a head is. A new one: a module beside this one, and its line in every.py.

Numbers of users come as arrays by name. A model, network or ladder's rung, says something `raw` of them; calibration
turns that into what is `predicted`; and each row's `judgement` says how good that was.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from userprofile.baselines.rung import Fit, Rung
from userprofile.model.metrics import Metrics
from userprofile.schemas.scores import NAMED_SCORES
from userprofile.spec import FeatureSpec

Arrays = Mapping[str, np.ndarray]
Json = dict[str, Any]
Tensors = Mapping[str, Any]
Words = Mapping[str, Mapping[int, str]]  # names of codes, by kind: category, item


@dataclass(frozen=True)
class LadderSettings:
    """What rungs may read beside the label: dense features; and the seed of what they draw."""

    features: Sequence[str]
    seed: int


class Head(ABC):
    """One thing that is predicted of a user. `by` are the measures that decide what serves it, the first before all."""

    name: ClassVar[str]
    by: ClassVar[tuple[str, ...]]
    label_names: ClassVar[tuple[str, ...]]  # of `arrays`
    decides: ClassVar[bool] = False  # whether a threshold makes yes and no of its judgement's label and predicted

    @property
    def column(self) -> str:
        """Of gold.user_profiles, the one that `columns` fills."""
        return self.name

    @abstractmethod
    def labels(self) -> dict[str, pa.DataType]:
        """The columns of gold.training_examples that hold the label, as `arrays` reads them."""

    def classes(self, train: pa.Table, spec: FeatureSpec, *, most: int) -> tuple[int, ...]:
        """Codes that the head tells apart, of training rows, at most so many; none for a head of numbers."""
        return ()

    @abstractmethod
    def unlearnable(self, train: pa.Table, classes: Sequence[int]) -> str:
        """Why training rows teach nothing; empty where they do."""

    @abstractmethod
    def arrays(self, table: pa.Table, spec: FeatureSpec) -> dict[str, np.ndarray]:
        """The labels of rows, [rows, ...], by names that begin with label_."""

    @abstractmethod
    def outputs(self, user: Any, spec: FeatureSpec) -> dict[str, Any]:
        """What the network says of users, a model.heads.UserState, by names that no other head has."""

    @abstractmethod
    def loss(self, outputs: Tensors, batch: Tensors) -> Any:
        """[B], 0 for a row without a label."""

    def kept(self, outputs: Arrays, labels: Arrays) -> dict[str, np.ndarray]:
        """What of a network's outputs on labelled rows is kept to judge it by; all of the head's own."""
        return {name: outputs[name] for name in self.output_names()} | {name: labels[name] for name in self.label_names}

    @abstractmethod
    def output_names(self) -> tuple[str, ...]:
        """Of `outputs`, those that `raw` reads."""

    @abstractmethod
    def explained(self, outputs: Tensors, place: Any) -> Any:
        """[B] what reasons speak of, of a network's outputs: one number a user, greater where the score is.

        `place` is the class, as explained_place says, at which a head of classes is asked.
        """

    def explained_place(self, outputs: Tensors) -> Any:
        """[B] the class that reasons speak of, the likeliest; None for a head of numbers."""
        return None

    def explained_of_raw(self, raw: np.ndarray) -> np.ndarray:
        """[rows] the same of what a ladder's rung says; not asked of a head of classes."""
        return raw

    @abstractmethod
    def raw(self, outputs: Arrays) -> np.ndarray:
        """[rows, ...] of the network."""

    @abstractmethod
    def raw_of_rung(self, said: np.ndarray) -> np.ndarray:
        """[rows, ...] of a ladder's rung."""

    @abstractmethod
    def calibration(self, raw: np.ndarray, labels: Arrays) -> Json:
        """Fitted on validation rows."""

    def calibration_of_kept(self, kept: Arrays) -> Json:
        """Of the network, from what was `kept` of validation rows."""
        return self.calibration(self.raw(kept), kept)

    def calibration_of_rung(self, rung: Rung, validation: pa.Table, spec: FeatureSpec) -> Json:
        """Of a ladder's rung."""
        return self.calibration(self.raw_of_rung(rung.predict(validation)), self.arrays(validation, spec))

    @abstractmethod
    def predicted(self, raw: np.ndarray, calibration: Json) -> np.ndarray:
        """[rows, ...]; with an empty calibration as the model said it."""

    @abstractmethod
    def judgement(self, labels: Arrays, predicted: np.ndarray) -> dict[str, np.ndarray]:
        """float64 [rows] by name, NaN for a row that does not count."""

    def judgement_of_kept(self, kept: Arrays, calibration: Json) -> dict[str, np.ndarray]:
        """Of what was `kept` of a network."""
        return self.judgement(kept, self.predicted(self.raw(kept), calibration))

    @abstractmethod
    def metrics(self, judgement: Arrays) -> Metrics:
        """Of rows that count; None where a measure is undefined."""

    def claims(self, labels: Arrays, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """What is published as probabilities, [claims], after what came of them, 0 or 1; None where nothing is."""
        return None

    def claims_of_kept(self, kept: Arrays, calibration: Json) -> tuple[np.ndarray, np.ndarray] | None:
        """Of what was `kept` of a network."""
        return self.claims(kept, self.predicted(self.raw(kept), calibration))

    @abstractmethod
    def ladder(self, spec: FeatureSpec, settings: LadderSettings) -> dict[str, Fit]:
        """Simpler models by name, simplest first."""

    def learnt_from(self, train: pa.Table) -> pa.Table:
        """The rows that a ladder is fitted on, with what its rungs read beside features."""
        return train

    @abstractmethod
    def columns(self, predicted: np.ndarray, rows: pa.Table, spec: FeatureSpec, words: Words) -> dict[str, Any]:
        """Columns of gold.user_profiles for rows of features joined with sequences."""


class HeadOfClasses(Head):
    """A head whose first output are logits of classes."""

    def explained(self, outputs: Tensors, place: Any) -> Any:
        from userprofile.model.explained import of_class

        return of_class(outputs[self.output_names()[0]], place)

    def explained_place(self, outputs: Tensors) -> Any:
        from userprofile.model.explained import likeliest

        return likeliest(outputs[self.output_names()[0]])


def mean_of(judgement: Arrays, name: str) -> float | None:
    """Of the rows that count; None without any."""
    values = judgement[name]
    counting = ~np.isnan(values)
    return float(values[counting].mean()) if counting.any() else None


def named_scores(codes: np.ndarray, scores: np.ndarray, names: Mapping[int, str]) -> pa.Array:
    """[rows] lists of (name, score) from [rows, K] codes with a name, and their scores."""
    words = pa.array([names[int(code)] for code in codes.ravel()], pa.string())
    pairs = NAMED_SCORES.value_type
    values = pa.StructArray.from_arrays([words, pa.array(scores.ravel(), pa.float64())], fields=list(pairs))
    offsets = np.arange(len(codes) + 1, dtype=np.int32) * codes.shape[1]
    return pa.ListArray.from_arrays(offsets, values, type=NAMED_SCORES)

"""Events as vectors, and a user's interest as their weighted sum. B users, T events, W numbers per vector."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from userprofile.spec import FIRST_KNOWN_INDEX


@dataclass(frozen=True)
class EventVectors:
    """Of items float32 [I, W] and categories [C, W] by vocabulary index; an event's vector is the sum of its two.

    None and unknown are 0: an event whose item the network does not know is known by its category alone.
    """

    item: np.ndarray
    category: np.ndarray

    @classmethod
    def of_tables(cls, item: np.ndarray, category: np.ndarray) -> EventVectors:
        """From a network's embeddings [I, a] and [C, b], each row to length 1, side by side: W is a + b."""
        return cls(
            np.pad(_known_units(item), ((0, 0), (0, category.shape[1]))),
            np.pad(_known_units(category), ((0, 0), (item.shape[1], 0))),
        )

    @property
    def width(self) -> int:
        """W."""
        return int(self.item.shape[1])

    def turned(self, rotation: np.ndarray) -> EventVectors:
        """Each vector times `rotation` [W, W]; so are the interests made of them."""
        return EventVectors(*((table @ rotation).astype(np.float32) for table in (self.item, self.category)))


@dataclass(frozen=True)
class Histories:
    """Of B users: vectors float32 [B, T, W], action int [B, T] (code + 1, 0 padding), age_days [B, T], known [B, T].

    An event that is not known has no vector, whether it is padding or of no item and category of the vocabularies.
    """

    vectors: np.ndarray
    action: np.ndarray
    age_days: np.ndarray
    known: np.ndarray

    @classmethod
    def of_batch(cls, batch: Mapping[str, np.ndarray], vectors: EventVectors) -> Histories:
        """Of the arrays of feed.examples.to_batch."""
        item, category = batch["sequence_item"], batch["sequence_category"]
        known = (item >= FIRST_KNOWN_INDEX) | (category >= FIRST_KNOWN_INDEX)
        return cls(
            vectors.item[item] + vectors.category[category], batch["sequence_action"], batch["sequence_age_days"], known
        )

    def some(self, rows: np.ndarray | slice) -> Histories:
        """Those of `rows`: places or a slice."""
        return Histories(self.vectors[rows], self.action[rows], self.age_days[rows], self.known[rows])


def interests(histories: Histories, weights: np.ndarray) -> np.ndarray:
    """float32 [B, W]: sum of weight [B, T] x vector over events, to length 1; 0 for a user without a known event."""
    summed = np.einsum("bt,btw->bw", weights.astype(np.float32), histories.vectors)
    return units(summed)


def category_means(histories: Histories, category: np.ndarray, count: int) -> np.ndarray:
    """float32 [count, W]: the mean vector of the known events of each index in `category` [B, T]; 0 without any."""
    of_known = category[histories.known]
    sums = np.zeros((count, histories.vectors.shape[2]), np.float32)
    np.add.at(sums, of_known, histories.vectors[histories.known])
    return sums / np.maximum(np.bincount(of_known, minlength=count), 1)[:, None].astype(np.float32)


def units(vectors: np.ndarray) -> np.ndarray:
    """[..., W] to length 1; 0 stays 0."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)


def _known_units(table: np.ndarray) -> np.ndarray:
    rows = units(np.asarray(table, np.float32))
    rows[:FIRST_KNOWN_INDEX] = 0
    return rows

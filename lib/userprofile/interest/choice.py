"""Which weighting serves a model's interest vectors: the one from which the categories bought next are told best."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa

from userprofile.errors import UsageError
from userprofile.feed.examples import to_batch
from userprofile.feed.lists import multi_hot
from userprofile.heads.categories import LABEL
from userprofile.heads.head import mean_of
from userprofile.interest.fitting import fit_attention, fit_least_squares
from userprofile.interest.readout import ReadOut, hits_of_rows
from userprofile.interest.vectors import EventVectors, Histories, category_means, interests, units
from userprofile.interest.weightings import Rule, Weighting, name_of, restored, stored
from userprofile.model.metrics import Metrics
from userprofile.spec import FIRST_KNOWN_INDEX, FeatureSpec

INTEREST_FILE = "interest.json"

# Numbers of vectors that weights are fitted on at most: 80 MB.
NUMBERS = 20_000_000
ROWS_AT_ONCE = 2_000

BY = ("hr@10", "ndcg@10")
POPULARITY = "popularity"  # beside the weightings: what a read-out tells without any interest

Measures = dict[str, dict[str, Metrics]]  # by split and weighting


@dataclass(frozen=True)
class Interest:
    """How the events of a history are weighed in a profile's interest vector, and why so."""

    weighting: Weighting
    because: str

    @property
    def name(self) -> str:
        """rule, least_squares or attention."""
        return name_of(self.weighting)

    def of_batch(self, batch: Mapping[str, np.ndarray], vectors: EventVectors) -> np.ndarray:
        """float32 [B, W], length 1, of the arrays of feed.examples.to_batch; 0 for a user without a known event."""
        histories = Histories.of_batch(batch, vectors)
        return interests(histories, self.weighting.weights(histories))

    def to_json(self) -> str:
        """The kind of weighting, its numbers and the reason."""
        return json.dumps({**stored(self.weighting), "because": self.because}, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Interest:
        """Raises UsageError when the text is none."""
        try:
            fields = json.loads(text)
            return cls(restored(fields), str(fields["because"]))
        except (ValueError, KeyError, TypeError) as reason:
            raise UsageError(
                "interest.json is not a weighting of events", received=str(reason), fix="make train_model"
            ) from reason


def fit_interest(
    spec: FeatureSpec,
    vectors: EventVectors,
    rows: Mapping[str, pa.Table],
    rule: Rule,
    *,
    say: Callable[[str], None],
) -> tuple[Interest, Measures]:
    """Fitted on rows of train, chosen on validation, and measured on test too; `rows` are by split.

    The rule serves where nothing can be learnt or no row tells weightings apart; a simpler one where they are equal.
    """
    train = _Split.of(spec, vectors, _some(rows["train"], spec, vectors))
    buyers = train.of_buyers()
    if not len(buyers.bought):
        return Interest(rule, "no category that the network knows is bought in the training rows"), {}
    means = category_means(train.histories, train.category, FIRST_KNOWN_INDEX + len(spec.category_vocabulary))
    fitted: dict[str, Weighting] = {
        "rule": rule,
        "least_squares": fit_least_squares(buyers.histories, buyers.bought, means[FIRST_KNOWN_INDEX:]),
        "attention": fit_attention(buyers.histories, buyers.bought),
    }
    tell = {POPULARITY: partial(_popularity, (buyers.bought > 0).mean(axis=0))}
    tell |= {name: partial(_told, one, _read_out(one, buyers)) for name, one in fitted.items()}
    measures = {split: _measures(tell, spec, vectors, rows[split]) for split in ("validation", "test")}
    chosen, because = _chosen(measures["validation"])
    say(f"interest: {chosen} weighs events; {because}")
    return Interest(fitted[chosen], because), measures


@dataclass(frozen=True)
class _Split:
    """Of the rows of a split: histories, sequence_category [B, T], and bought [B, C] of the category vocabulary.

    A row of `bought` has length 1, so that each user counts the same: otherwise weights would tell how much users buy,
    and not what.
    """

    histories: Histories
    category: np.ndarray
    bought: np.ndarray

    @classmethod
    def of(cls, spec: FeatureSpec, vectors: EventVectors, rows: pa.Table) -> _Split:
        batch = to_batch(rows, spec)
        bought = units(multi_hot(rows[LABEL], spec.category_vocabulary))
        return cls(Histories.of_batch(batch, vectors), batch["sequence_category"], bought)

    def of_buyers(self) -> _Split:
        """Who bought a known category and has a known event."""
        some = np.flatnonzero(self.bought.any(axis=1) & self.histories.known.any(axis=1))
        return _Split(self.histories.some(some), self.category[some], self.bought[some])

    def interests(self, weighting: Weighting) -> np.ndarray:
        return interests(self.histories, weighting.weights(self.histories))


def _some(train: pa.Table, spec: FeatureSpec, vectors: EventVectors) -> pa.Table:
    """As many rows as memory takes, from all over the table."""
    most = max(1, NUMBERS // (spec.sequence_length * vectors.width))
    step = -(-train.num_rows // most)
    return train.take(np.arange(0, train.num_rows, step)) if step > 1 else train


def _read_out(weighting: Weighting, buyers: _Split) -> ReadOut:
    return ReadOut.fit(buyers.interests(weighting), buyers.bought)


def _told(weighting: Weighting, read_out: ReadOut, some: _Split) -> np.ndarray:
    """[B, C]."""
    return read_out.scores(some.interests(weighting))


def _popularity(shares: np.ndarray, some: _Split) -> np.ndarray:
    """[B, C]."""
    return np.broadcast_to(shares, some.bought.shape)


def _measures(
    tell: Mapping[str, Callable[[_Split], np.ndarray]], spec: FeatureSpec, vectors: EventVectors, rows: pa.Table
) -> dict[str, Metrics]:
    """By what `tell` has; empty without rows."""
    hits: dict[str, list[dict[str, np.ndarray]]] = {name: [] for name in tell}
    for start in range(0, rows.num_rows, ROWS_AT_ONCE):
        some = _Split.of(spec, vectors, rows.slice(start, ROWS_AT_ONCE))
        for name, scores in tell.items():
            hits[name].append(hits_of_rows(some.bought, scores(some)))
    return {name: _means(parts) for name, parts in hits.items() if parts}


def _means(parts: Sequence[Mapping[str, np.ndarray]]) -> Metrics:
    together = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return {name: mean_of(together, name) for name in together}


def _chosen(validation: Mapping[str, Metrics]) -> tuple[str, str]:
    found = {name: [of_one[by] for by in BY] for name, of_one in validation.items() if name != POPULARITY}
    told = {name: tuple(values) for name, values in found.items() if None not in values}
    if not told:
        return "rule", "no validation row tells weightings apart"
    best = max(told, key=lambda name: told[name])  # the first, so the simplest, where equal
    shown = ", ".join(f"{name} {values[0]:.4f}" for name, values in told.items())
    return best, f"{BY[0]} of the categories bought next on validation: {shown}"

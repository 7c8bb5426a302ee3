"""What the network reads and predicts, fixed on the training rows and stored with the model.

Writer, reader, training and scoring share this one definition, so that a number means the same at each of them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from userprofile.channels import CHANNELS, Channel
from userprofile.columns import CATEGORY_LEVELS
from userprofile.errors import UsageError
from userprofile.numbers import DenseFeature, dense_features

FORMAT_VERSION = 3

# Files of a model folder that scoring needs.
NETWORK_FILE, SPEC_FILE, SERVING_FILE = "network.keras", "spec.json", "serving.json"

# Beside them: names of the codes that scores are about, by kind and code.
WORDS_FILE = "words.json"

NONE_INDEX = 0
UNKNOWN_INDEX = 1
FIRST_KNOWN_INDEX = 2

# Of 64 bits: products spread neighbouring codes evenly (Knuth, The Art of Computer Programming 3, 6.4).
_GOLDEN_RATIO = np.uint64(11400714819323198485)


@dataclass(frozen=True)
class FeatureSpec:
    """Order and meaning of the network's inputs and labels.

    Vocabularies hold codes of silver.codes, most frequent first. An index is 0 for none or padding, 1 for a code
    outside the vocabulary, i + 2 for vocabulary[i]; items outside share `item_buckets` further indices, where there are
    any. `channels` (channels.py) are read of each event too, with a vocabulary each. Heads count the last
    `habit_length` events. Labels are of the days from window_days[0] after the as-of instant on, for window_days[1].
    `heads` are those that the network has, with the codes each tells apart; who bought in `churn_active_days` before
    the instant can leave.
    """

    dense: tuple[DenseFeature, ...]
    sequence_length: int
    category_level: int
    item_vocabulary: tuple[int, ...]
    category_vocabulary: tuple[int, ...]
    window_days: tuple[float, float]
    churn_active_days: int
    habit_length: int = 200
    item_buckets: int = 0
    channels: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    heads: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def dense_names(self) -> tuple[str, ...]:
        return tuple(feature.name for feature in self.dense)

    @property
    def item_indices(self) -> int:
        """How many there are."""
        return FIRST_KNOWN_INDEX + len(self.item_vocabulary) + self.item_buckets

    @property
    def category_column(self) -> str:
        return f"sequence_category_{self.category_level}"

    def to_json(self) -> str:
        """Keys sorted: the same spec is the same text."""
        return json.dumps({"format_version": FORMAT_VERSION, **asdict(self)}, sort_keys=True, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> FeatureSpec:
        """Raises UsageError when the text is no spec or one of another format version."""
        fields = _fields_of(text)
        try:
            fields["dense"] = [_dense_feature(feature) for feature in fields["dense"]]
            for name in ("channels", "heads"):
                fields[name] = {key: tuple(codes) for key, codes in fields[name].items()}
            values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in fields.items()}
            return cls(**values)
        except (KeyError, TypeError, AttributeError) as reason:
            raise _not_a_spec(str(reason)) from reason


def fit_spec(
    train: pa.Table,
    *,
    dense_names: Sequence[str],
    sequence_length: int,
    category_level: int,
    item_vocabulary_size: int,
    window_days: tuple[float, float],
    churn_active_days: int,
    habit_length: int = 200,
    quantiles: bool = False,
    item_buckets: int = 0,
    channels: Sequence[str] = (),
    minimum_count: int = 2,
) -> FeatureSpec:
    """The spec of gold.training_examples rows, without heads; only rows of the train split may be given.

    A dense feature that is all null or constant is dropped. A vocabulary takes codes seen at least `minimum_count`
    times, so that rare ones share, and thereby train, the unknown index. Raises UsageError for a missing column,
    rows of another split, no rows, or a category level that does not exist.
    """
    if category_level not in CATEGORY_LEVELS:
        raise UsageError("no such category level", expected=str(CATEGORY_LEVELS), received=str(category_level))
    category_column = f"sequence_category_{category_level}"
    of_channels = [column for name in channels for column in (CHANNELS[name].column, "as_of_date")]
    _require_columns(train, [*dense_names, "sequence_item", category_column, *of_channels])
    _require_train_rows(train)
    return FeatureSpec(
        dense=tuple(dense_features(train, dense_names, quantiles=quantiles)),
        sequence_length=sequence_length,
        category_level=category_level,
        item_vocabulary=frequent(train["sequence_item"], minimum_count)[:item_vocabulary_size],
        category_vocabulary=frequent(train[category_column], minimum_count),
        window_days=window_days,
        churn_active_days=churn_active_days,
        habit_length=habit_length,
        item_buckets=item_buckets,
        channels={name: _channel_vocabulary(train, CHANNELS[name], minimum_count) for name in sorted(channels)},
    )


def vocabulary_index(codes: np.ndarray, vocabulary: Sequence[int], buckets: int = 0) -> np.ndarray:
    """int32 indices of `codes` >= 0, of any shape: 0 for code 0, place + 2 for one in the vocabulary.

    Another code is 1 or, where there are buckets, one of as many indices above all others, by a hash.

    >>> vocabulary_index(np.array([7, 0, 5, 9]), (5, 7)).tolist()
    [3, 0, 2, 1]
    """
    index_of = _index_of(tuple(vocabulary))
    index = index_of[np.minimum(codes, len(index_of) - 1)]
    if not buckets:
        return index
    bucket = (codes.astype(np.uint64) * _GOLDEN_RATIO >> np.uint64(32)) % np.uint64(buckets)
    return np.where(index == UNKNOWN_INDEX, FIRST_KNOWN_INDEX + len(vocabulary) + bucket.astype(np.int32), index)


def places_of(codes: np.ndarray, classes: Sequence[int]) -> np.ndarray:
    """int of the shape of `codes`: the place of each in `classes`, which are different; -1 for one that is not there.

    >>> places_of(np.array([7, 0, 5, 9]), (5, 7)).tolist()
    [1, -1, 0, -1]
    """
    known = np.asarray(classes, np.int64)
    if not known.size:
        return np.full(codes.shape, -1)
    order = np.argsort(known)
    place = order[np.minimum(np.searchsorted(known[order], codes), known.size - 1)]
    return np.where(known[place] == codes, place, -1)


@lru_cache(maxsize=8)
def _index_of(vocabulary: tuple[int, ...]) -> np.ndarray:
    """int32 index of every code up to one past the greatest known, as which all greater ones count."""
    index = np.full(max(vocabulary, default=0) + 2, UNKNOWN_INDEX, np.int32)
    index[0] = NONE_INDEX
    index[np.asarray(vocabulary, np.int64)] = np.arange(len(vocabulary)) + FIRST_KNOWN_INDEX
    return index


def frequent(lists: pa.ChunkedArray, minimum_count: int) -> tuple[int, ...]:
    """Codes other than 0, most frequent first, the smaller code first among equals."""
    return _frequent(pc.list_flatten(lists).to_numpy(), minimum_count)


def _frequent(listed: np.ndarray, minimum_count: int) -> tuple[int, ...]:
    codes, counts = np.unique(listed, return_counts=True)
    kept = (codes != 0) & (counts >= minimum_count)
    codes, counts = codes[kept], counts[kept]
    return tuple(int(code) for code in codes[np.lexsort((codes, -counts))])


def _channel_vocabulary(train: pa.Table, channel: Channel, minimum_count: int) -> tuple[int, ...]:
    lists = train[channel.column]
    dates = train["as_of_date"].cast(pa.int32()).to_numpy()
    of_events = np.repeat(dates, pc.fill_null(pc.list_value_length(lists), 0).to_numpy())
    codes = channel.codes(pc.list_flatten(lists).to_numpy(), of_events)
    return _frequent(codes, minimum_count)


def _require_columns(table: pa.Table, names: Sequence[str]) -> None:
    missing = sorted(set(names) - set(table.column_names))
    if missing:
        raise UsageError(
            "the training examples lack columns that the spec names",
            expected=", ".join(missing),
            received=", ".join(table.column_names),
            fix="make build_features build_training_set, or name other dense features",
        )


def _require_train_rows(train: pa.Table) -> None:
    splits = set(train["split"].unique().to_pylist()) if "split" in train.column_names else {"train"}
    if not train.num_rows or splits != {"train"}:
        raise UsageError(
            "a spec is fitted on training rows only",
            expected="at least one row, all of split train",
            received=f"{train.num_rows} rows of split {', '.join(sorted(map(str, splits))) or 'none'}",
        )


def _dense_feature(fields: Mapping[str, Any]) -> DenseFeature:
    return DenseFeature(**{**fields, "knots": tuple(fields["knots"]), "levels": tuple(fields["levels"])})


def _fields_of(text: str) -> dict[str, Any]:
    try:
        fields = json.loads(text)
    except json.JSONDecodeError as reason:
        raise _not_a_spec(str(reason)) from reason
    if not isinstance(fields, dict):
        raise _not_a_spec(f"a JSON {type(fields).__name__}")
    version = fields.pop("format_version", None)
    if version != FORMAT_VERSION:
        raise UsageError(
            "the model folder was written in another format",
            expected=f"format_version {FORMAT_VERSION}",
            received=f"format_version {version}",
            fix="make train_model, or read the folder with the code version in its metrics.json",
        )
    return fields


def _not_a_spec(received: str) -> UsageError:
    return UsageError("spec.json is not a feature spec", expected="the fields of FeatureSpec", received=received)

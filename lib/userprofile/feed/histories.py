"""Rows of gold.history_examples as the arrays that a next-item network takes, and what its numbers mean."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from userprofile.errors import DataGateError, UsageError
from userprofile.feed.lists import Events, Take, last_events
from userprofile.feed.read import Batch, require_columns
from userprofile.spec import FIRST_KNOWN_INDEX, vocabulary_index

FORMAT_VERSION = 1
HISTORIES = "histories"
HISTORY_KEYS = ("item", "action", "gap_days")

_SEQUENCES = ("sequence_item", "sequence_action", "sequence_gap_days")
_TARGETS = "label_targets"


@dataclass(frozen=True)
class VectorTables:
    """Pinned versions of silver.item_content and silver.codes, and what of the vectors there a network is given."""

    content: str  # path or URI
    content_version: int
    codes: str
    codes_version: int
    kinds: tuple[str, ...]  # text, image
    width: int  # numbers kept of a vector


@dataclass(frozen=True)
class HistorySpec:
    """Order and meaning of a next-item network's inputs.

    The vocabulary holds codes of silver.codes, most frequent first: index i + 2 is vocabulary[i], 1 any other, 0 none.
    The last `new_items` of it are items that nothing was learnt of: they are known by their contents alone. `contents`
    are pairs (item index, content number) of what is known of items in words, contents numbered from 0 to
    `content_count`; `vectors` says where their texts and images are read as numbers, if they are.
    """

    sequence_length: int
    vocabulary: tuple[int, ...]
    contents: tuple[tuple[int, int], ...] = ()
    content_count: int = 0
    new_items: int = 0
    vectors: VectorTables | None = None

    def to_json(self) -> str:
        """Keys sorted: the same spec is the same text."""
        return json.dumps({"format_version": FORMAT_VERSION, "kind": HISTORIES, **asdict(self)}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> HistorySpec:
        """Raises UsageError when the text is no such spec."""
        try:
            fields: dict[str, Any] = json.loads(text)
            if (fields.pop("format_version"), fields.pop("kind")) != (FORMAT_VERSION, HISTORIES):
                raise KeyError("format_version, kind")
            fields["contents"] = [tuple(pair) for pair in fields["contents"]]
            if vectors := fields.pop("vectors", None):
                fields["vectors"] = VectorTables(**{**vectors, "kinds": tuple(vectors["kinds"])})
            values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in fields.items()}
            return cls(**values)
        except (ValueError, KeyError, TypeError, AttributeError) as reason:
            raise UsageError(
                "this is not a spec of histories", expected="to_json's text", received=str(reason)
            ) from None


def fit_history_spec(
    train: pa.Table,
    *,
    sequence_length: int,
    vocabulary_size: int,
    contents: Sequence[tuple[int, str, int]] = (),
    new_items: Sequence[int] = (),
    vectors: VectorTables | None = None,
) -> HistorySpec:
    """The spec of rows of gold.history_examples: those to be learnt from, and no others.

    `contents` are (item code, kind, value code) of silver; `new_items` are codes of items that no such row has. Raises
    DataGateError where no event has an item.
    """
    require_columns(train.column_names, ["sequence_item"])
    codes, counts = np.unique(pc.list_flatten(train["sequence_item"]).to_numpy(), return_counts=True)
    codes, counts = codes[codes != 0], counts[codes != 0]
    if not codes.size:
        raise DataGateError("no event of the training histories has an item", fix="map item_id, or train another task")
    order = np.lexsort((codes, -counts))[:vocabulary_size]
    vocabulary = tuple(int(code) for code in (*codes[order], *new_items))
    number = {content: place for place, content in enumerate(sorted({(kind, value) for _, kind, value in contents}))}
    items = vocabulary_index(np.array([item for item, *_ in contents], np.int64), vocabulary)
    pairs = {(int(item), number[kind, value]) for item, (_, kind, value) in zip(items, contents, strict=True)}
    return HistorySpec(
        sequence_length=sequence_length,
        vocabulary=vocabulary,
        contents=tuple(sorted(pair for pair in pairs if pair[0] > 1)),
        content_count=len(number),
        new_items=len(new_items),
        vectors=vectors,
    )


@dataclass(frozen=True)
class HistoryForm:
    """As feed.read.Form: every event but the last is read, and the last `label_targets` events are to be predicted.

    item (vocabulary index), action (code + 1) int32 and gap_days float32, all [rows, T]: up to T events, oldest first,
    padded with 0 at the end; target int32 [rows, T], the index of the event after each, 0 where that is not to be
    predicted, unknown or new; weight float32 [rows].
    """

    spec: HistorySpec

    def schema(self) -> pa.Schema:
        return pa.schema(
            {
                "sequence_item": pa.list_(pa.int32()),
                "sequence_action": pa.list_(pa.int8()),
                "sequence_gap_days": pa.list_(pa.float32()),
                _TARGETS: pa.int32(),
            }
        )

    def taker(self, table: pa.Table) -> Take:
        require_columns(table.column_names, self.schema().names)
        item, action, gap = (Events.of(table[name]) for name in _SEQUENCES)
        events = {
            "item": item.meaning(vocabulary_index(item.values, self.spec.vocabulary)),
            "action": action.meaning(action.values.astype(np.int32) + 1),
            "gap_days": gap.meaning(gap.values.astype(np.float32)),
        }
        last, targets = last_events(events, self.spec.sequence_length + 1), table[_TARGETS].to_numpy()
        return lambda rows: self._batch(last(rows), targets[rows])

    def _batch(self, events: Batch, targets: np.ndarray) -> Batch:
        present, item = events["action"] > 0, events["item"]
        reads = present[:, 1:]  # an event after it is there
        # Of the event that follows a cell; it is 1 from the end where it is the last.
        from_end = present.sum(axis=1, keepdims=True) - 1 - np.arange(self.spec.sequence_length)
        learnt = FIRST_KNOWN_INDEX + len(self.spec.vocabulary) - self.spec.new_items
        is_known = (item[:, 1:] >= FIRST_KNOWN_INDEX) & (item[:, 1:] < learnt)
        is_asked = reads & (from_end <= targets[:, None]) & is_known
        return {
            **{name: values[:, :-1] * reads for name, values in events.items()},
            "target": np.where(is_asked, item[:, 1:], 0),
            "weight": np.ones(len(targets), np.float32),
        }

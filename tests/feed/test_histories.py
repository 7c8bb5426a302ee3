"""Arrays of histories equal a loop over rows and events, and the spec says what their numbers mean."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from userprofile.errors import DataGateError, UsageError
from userprofile.feed.histories import HISTORY_KEYS, HistoryForm, HistorySpec, VectorTables, fit_history_spec
from userprofile.feed.read import batch_of

LENGTH = 4
SPEC = HistorySpec(sequence_length=LENGTH, vocabulary=(7, 3, 9))

histories = st.lists(st.lists(st.integers(0, 10), max_size=9), min_size=1, max_size=6)


def table(items: list[list[int]], targets: int = 100) -> pa.Table:
    """Rows of gold.history_examples; actions and gaps follow from the place of an event."""
    return pa.table(
        {
            "sequence_item": pa.array(items, pa.list_(pa.int32())),
            "sequence_action": pa.array([[i % 3 for i in range(len(one))] for one in items], pa.list_(pa.int8())),
            "sequence_gap_days": pa.array([[i / 2 for i in range(len(one))] for one in items], pa.list_(pa.float32())),
            "label_targets": pa.array([targets] * len(items), pa.int32()),
        }
    )


def index(code: int) -> int:
    return 0 if code == 0 else SPEC.vocabulary.index(code) + 2 if code in SPEC.vocabulary else 1


@given(histories, st.integers(1, 9))
def test_events_are_read_up_to_the_last_and_the_last_ones_predicted(items: list[list[int]], targets: int) -> None:
    batch = batch_of(HistoryForm(SPEC), table(items, targets))
    assert set(batch) == {*HISTORY_KEYS, "target", "weight"}
    for row, history in enumerate(items):
        first = max(len(history) - LENGTH - 1, 0)
        read = list(enumerate(history))[first:-1]
        for cell in range(LENGTH):
            found = {name: batch[name][row, cell] for name in (*HISTORY_KEYS, "target")}
            if cell >= len(read):
                assert set(found.values()) == {0}
                continue
            place, item = read[cell]
            following = history[place + 1]
            wanted = index(following) if len(history) - 1 - place <= targets and index(following) > 1 else 0
            assert found == {"item": index(item), "action": place % 3 + 1, "gap_days": place / 2, "target": wanted}


def test_a_vocabulary_is_in_order_of_events_and_contents_are_of_its_items() -> None:
    contents = [(3, "brand", 5), (9, "brand", 5), (3, "kind", 1), (8, "kind", 2), (3, "kind", 1)]
    train = table([[9, 3, 9], [0, 3, 9, 4]])
    spec = fit_history_spec(train, sequence_length=LENGTH, vocabulary_size=2, contents=contents)
    assert spec.vocabulary == (9, 3)
    assert spec.content_count == 3
    assert spec.contents == ((2, 0), (3, 0), (3, 1))  # brand 5 of both, kind 1 of the second; item 8 is not known
    assert HistorySpec.from_json(spec.to_json()) == spec


def test_new_items_are_read_and_never_asked_for() -> None:
    tables = VectorTables("/content", 3, "/codes", 1, kinds=("text", "image"), width=8)
    spec = fit_history_spec(
        table([[9, 3, 9]]),
        sequence_length=LENGTH,
        vocabulary_size=1,
        contents=[(5, "brand", 1)],
        new_items=[5, 8],
        vectors=tables,
    )
    assert (spec.vocabulary, spec.new_items, spec.contents) == ((9, 5, 8), 2, ((3, 0),))
    assert HistorySpec.from_json(spec.to_json()) == spec
    batch = batch_of(HistoryForm(spec), table([[9, 5, 9, 8, 3]]))
    assert batch["item"].tolist() == [[2, 3, 2, 4]]
    assert batch["target"].tolist() == [[0, 2, 0, 0]]


def test_histories_without_items_are_refused() -> None:
    with pytest.raises(DataGateError, match="no event of the training histories has an item"):
        fit_history_spec(table([[0, 0]]), sequence_length=LENGTH, vocabulary_size=9)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format_version": 1, "kind": "histories"}', SPEC.to_json()[:-1]])
def test_what_is_no_spec_of_histories_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not a spec of histories"):
        HistorySpec.from_json(text)


def test_a_missing_column_is_named() -> None:
    with pytest.raises(DataGateError, match="sequence_gap_days"):
        batch_of(HistoryForm(SPEC), table([[1, 2]]).drop_columns(["sequence_gap_days"]))

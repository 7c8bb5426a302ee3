"""Rules of histories as rungs: fitted on each user's latest row, small, with popularity behind."""

from __future__ import annotations

import datetime

import numpy as np
import pyarrow as pa
import pytest
from scipy import sparse

from userprofile.baselines import history_rules
from userprofile.baselines.history_rules import KINDS, HistoryRule, strongest
from userprofile.baselines.item_histories import ItemHistories
from userprofile.baselines.ladder_of_sets import ladder_of_sets

CLASSES = (7, 3, 9, 4)
CODES = pa.list_(pa.int32())
SEQUENCES = [[9, 9, 3], [], [4, 0], [3], [7, 9, 7, 4], [3, 9], [7, 4]]


def rows(sequences: list[list[int]]) -> pa.Table:
    """One a user; the label is what they had last."""
    return pa.table(
        {
            "user_id": [f"user {number}" for number in range(len(sequences))],
            "as_of_date": [datetime.date(2026, 1, 29)] * len(sequences),
            "sequence": pa.array(sequences, CODES),
            "sequence_category_1": pa.array([[1 + code % 2 for code in one] for one in sequences], CODES),
            "label": pa.array([one[-1:] for one in sequences], CODES),
        }
    )


def fitted(rule: str, table: pa.Table) -> HistoryRule:
    return HistoryRule.fit(table, rule=rule, label="label", sequence="sequence", classes=CLASSES)


@pytest.mark.parametrize("rule", KINDS)
def test_a_rung_says_what_its_rule_does_and_popularity_where_that_is_silent(rule: str) -> None:
    found = fitted(rule, rows(SEQUENCES))
    places = [[CLASSES.index(code) if code in CLASSES else -1 for code in one] for one in SEQUENCES]
    histories = ItemHistories(np.concatenate(places).astype(int), np.cumsum([0, *map(len, places)]))
    kind = KINDS[rule]
    learnt = getattr(kind.rule.fit(histories, len(CLASSES)), kind.learnt)
    said = kind.rule(**{kind.learnt: learnt, **kind.settings}).distributions(histories)
    predicted, popularity = found.predict(rows(SEQUENCES)), np.array(found.shares) / sum(found.shares)
    np.testing.assert_allclose(predicted.sum(axis=1), 1)
    for of_rule, of_rung in zip(said, predicted, strict=True):
        expected = of_rule if of_rule.any() else popularity
        np.testing.assert_allclose(of_rung, expected, atol=1e-3)  # four digits are stored
    assert (predicted[:, popularity > 0] > 0).all()


def test_a_rule_learns_from_the_latest_row_of_each_user_alone() -> None:
    before = rows([[3, 7], [4]]).set_column(1, "as_of_date", [[datetime.date(2026, 1, 1)] * 2])
    both = pa.concat_tables([before.slice(1), rows(SEQUENCES), before.slice(0, 1)])
    assert fitted("markov", both).learnt == fitted("markov", rows(SEQUENCES)).learnt
    assert fitted("markov", before).learnt != fitted("markov", rows(SEQUENCES)).learnt


def test_slices_and_no_rows_are_scored_as_the_whole_is() -> None:
    table = rows(SEQUENCES)
    for rule in KINDS:
        found = fitted(rule, table)
        np.testing.assert_allclose(found.predict(table.slice(4, 2)), found.predict(table)[4:6], atol=1e-9)
        assert found.predict(table.slice(0, 0)).shape == (0, len(CLASSES))


def test_the_strongest_of_each_row_are_kept() -> None:
    dense = np.array([[3.0, 1, 3, 2], [0, 0, 0, 0], [0, 5, 0, 4]])
    expected = [[3, 0, 3, 0], [0, 0, 0, 0], [0, 5, 0, 4]]
    assert strongest(sparse.csr_matrix(dense), 2).toarray().tolist() == expected
    assert strongest(sparse.csr_matrix([[1.0, 1, 1]]), 2).toarray().tolist() == [[1, 1, 0]]


def test_what_is_stored_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_rules, "LEADS_TO", 1)
    monkeypatch.setattr(history_rules, "USERS", 3)
    starts, columns, _ = fitted("markov", rows(SEQUENCES)).learnt
    assert len(columns) <= len(CLASSES) == len(starts) - 1
    assert len(fitted("user_user", rows(SEQUENCES)).learnt[0]) == 1 + 3
    assert len(fitted("item_cosine", rows(SEQUENCES)).learnt[1]) <= len(CLASSES)
    assert np.array(fitted("als", rows(SEQUENCES)).learnt).shape[0] == len(CLASSES)


def test_the_ladder_of_sets_has_every_rule_and_categories_only_where_there_are_any() -> None:
    of_sets = {"label": "label", "classes": CLASSES, "sequence": "sequence"}
    simple = ["popularity", "recent_popularity", "last_seen", "own_counts"]
    assert [*ladder_of_sets(**of_sets, of_categories="")] == [*simple, *KINDS]
    ladder = ladder_of_sets(**of_sets, of_categories="sequence_category_1")
    assert [*ladder] == [*simple, "category_popularity", *KINDS]
    for fit in ladder.values():
        assert fit(rows(SEQUENCES)).predict(rows(SEQUENCES)).shape == (len(SEQUENCES), len(CLASSES))

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from userprofile.baselines.sets import OF_THE_REST, LastSeen, Popularity, UserFrequency

CLASSES = (7, 3, 9)
CODES = pa.list_(pa.int32())
LABELS, SEQUENCES = [[3, 7], [7], [], [2, 9], [9, 9]], [[9, 9, 3], [], [4, 0], [3], [7, 9, 7, 4]]
TRAIN = pa.table({"label": pa.array(LABELS, CODES), "sequence": pa.array(SEQUENCES, CODES)})
RULES = [Popularity, UserFrequency, LastSeen]


def fitted(rule, **own):
    of_sequence = {} if rule is Popularity else {"sequence": "sequence"}
    return rule.fit(TRAIN, label="label", classes=CLASSES, **of_sequence)


def share(code: int) -> float:
    return sum(code in row for row in LABELS) / len(LABELS)


def by_hand(rule, events: list[int], code: int) -> float:
    if rule is Popularity:
        return share(code)
    if rule is UserFrequency:
        return events.count(code) + OF_THE_REST * share(code)
    since = [len(events) - 1 - place for place, event in enumerate(events) if event == code]
    return 1 / (1 + min(since)) if since else OF_THE_REST * share(code)


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_scores_classes_as_plain_python_does(rule) -> None:
    expected = [[by_hand(rule, events, code) for code in CLASSES] for events in SEQUENCES]
    np.testing.assert_allclose(fitted(rule).predict(TRAIN), expected)


@pytest.mark.parametrize("rule", RULES)
def test_slices_of_a_table_are_scored_from_their_own_first_row(rule) -> None:
    parts = pa.concat_tables([TRAIN.slice(4), TRAIN.slice(0, 1), TRAIN.slice(0, 0)])
    np.testing.assert_allclose(fitted(rule).predict(parts), fitted(rule).predict(TRAIN)[[4, 0]])


@pytest.mark.parametrize("rule", RULES)
def test_no_rows_have_no_scores(rule) -> None:
    assert fitted(rule).predict(TRAIN.slice(0, 0)).shape == (0, 3)

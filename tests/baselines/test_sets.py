from __future__ import annotations

import datetime
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from userprofile.baselines.sets import (
    HALF_LIFE_DAYS,
    OF_THE_REST,
    CategoryPopularity,
    LastSeen,
    Popularity,
    UserFrequency,
)

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


def test_recent_popularity_halves_a_row_a_month() -> None:
    days = [60, 0, 30, 90, 0]
    dated = TRAIN.append_column("as_of_date", [[datetime.date(2026, 6, 1) - datetime.timedelta(day) for day in days]])
    weights = [0.5 ** (day / HALF_LIFE_DAYS) for day in days]
    expected = [
        sum(weight for weight, row in zip(weights, LABELS, strict=True) if code in row) / sum(weights)
        for code in CLASSES
    ]
    recent = Popularity.fit_recent(dated, label="label", classes=CLASSES)
    np.testing.assert_allclose(recent.predict(TRAIN.slice(0, 2)), [expected] * 2)
    same_day = TRAIN.append_column("as_of_date", [[datetime.date(2026, 6, 1)] * 5])
    assert Popularity.fit_recent(same_day, label="label", classes=CLASSES) == fitted(Popularity)


CATEGORIES = [[2, 2, 1], [], [5, 5], [1], [1, 2, 1, 5]]


def test_popularity_within_the_users_categories_is_what_loops_give() -> None:
    table = TRAIN.append_column("category", pa.array([CATEGORIES], pa.list_(CODES)).flatten())
    of_class: dict[int, Counter[int]] = {code: Counter() for code in CLASSES}
    for events, categories in zip(SEQUENCES, CATEGORIES, strict=True):
        for code, category in zip(events, categories, strict=True):
            if code in CLASSES:
                of_class[code][category] += 1
    category_of = {code: counts.most_common(1)[0][0] for code, counts in of_class.items()}
    assert category_of == {7: 1, 3: 1, 9: 2}
    rule = CategoryPopularity.fit(table, label="label", sequence="sequence", of_categories="category", classes=CLASSES)
    for row, categories in zip(rule.predict(table), CATEGORIES, strict=True):
        known = [category for category in categories if category in category_of.values()]
        for place, code in enumerate(CLASSES):
            within = share(code) / sum(share(other) for other in CLASSES if category_of[other] == category_of[code])
            if known:
                expected = known.count(category_of[code]) / len(known) * within
            else:
                expected = share(code) / sum(map(share, CLASSES))
            assert row[place] == pytest.approx(expected, abs=1e-5)


def test_a_class_of_no_known_category_goes_by_popularity_behind_the_others() -> None:
    table = TRAIN.append_column("category", pa.array([CATEGORIES], pa.list_(CODES)).flatten())
    rule = CategoryPopularity.fit(table, label="label", sequence="sequence", of_categories="category", classes=(7, 2))
    assert rule.categories == (1, 0)
    assert 0 < rule.predict(table)[3, 1] < 1e-5 < rule.predict(table)[3, 0]


@pytest.mark.parametrize("rule", RULES)
def test_no_rows_have_no_scores(rule) -> None:
    assert fitted(rule).predict(TRAIN.slice(0, 0)).shape == (0, 3)

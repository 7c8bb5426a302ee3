from __future__ import annotations

import datetime as dt
from itertools import pairwise

import pytest

from userprofile.errors import UsageError
from userprofile.features.sequences import CODES, sequences_per_user
from userprofile.schemas.gold import UserSequences

LENGTH = 7


def oracle(history, as_of):
    last = history[-LENGTH:]
    lists = {f"sequence_{name}": [event[name] or 0 for event in last] for name in CODES}
    ages = [(as_of.instant - event["event_time"]) / dt.timedelta(days=1) for event in last]
    times = [event["event_time"] for event in history]
    gaps = [0.0, *((later - earlier) / dt.timedelta(days=1) for earlier, later in pairwise(times))][-LENGTH:]
    days = {"sequence_age_days": ages, "sequence_gap_days": gaps}
    return lists | {name: pytest.approx(values, rel=1e-6, abs=1e-9) for name, values in days.items()}


@pytest.mark.parametrize("seed", range(4))
def test_sequences_agree_with_plain_python(random_log, history_of, as_ofs, seed):
    events = random_log(seed)
    rows = sequences_per_user(events, as_ofs=as_ofs, length=LENGTH)
    for row in rows.to_dicts():
        as_of = next(as_of for as_of in as_ofs if as_of.date == row["as_of_date"])
        expected = oracle(history_of(events, row.pop("user_id"), as_of), as_of)
        assert row == expected | {"as_of_date": as_of.date}


def test_rows_are_those_of_the_declared_table(random_log, as_ofs):
    rows = sequences_per_user(random_log(0), as_ofs=as_ofs, length=LENGTH)
    UserSequences.validate(rows, cast=False)
    assert rows.equals(rows.sort("as_of_date", "user_id"))
    assert (rows["sequence_age_days"].list.min() > 0).all()


def test_the_future_and_the_order_of_rows_change_nothing(random_log, as_ofs):
    events, first = random_log(3), as_ofs[0]
    before = sequences_per_user(events, as_ofs=[first], length=LENGTH)
    known = events.filter(first.knows())
    assert sequences_per_user(known.sample(fraction=1, shuffle=True, seed=1), as_ofs=[first], length=LENGTH).equals(
        before
    )


def test_no_events_are_no_rows(random_log, as_ofs):
    empty = UserSequences.create_empty()
    assert sequences_per_user(random_log(0).head(0), as_ofs=as_ofs, length=LENGTH).equals(empty)
    assert sequences_per_user(random_log(0), as_ofs=[], length=LENGTH).equals(empty)


def test_a_sequence_without_length_is_refused(random_log, as_ofs):
    with pytest.raises(UsageError):
        sequences_per_user(random_log(0), as_ofs=as_ofs, length=0)

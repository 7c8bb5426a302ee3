from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from userprofile.errors import UsageError
from userprofile.events.asked import Slice, not_taken, secret, slices_of
from userprofile.events.pages import records_in

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)
LETTERS = st.text("abc", max_size=8)


@given(LETTERS, LETTERS)
def test_of_equal_records_as_many_are_new_as_were_not_taken(records, taken):
    new = not_taken(records, taken)
    assert Counter(new) == Counter(records) - Counter(taken)
    rest = iter(records)
    assert all(record in rest for record in new), "in their order"


@given(st.integers(1, 99), st.dictionaries(st.sampled_from(["from", "to", "last"]), st.text(), min_size=1))
def test_a_slice_is_known_by_its_name(number, reach):
    one = Slice(number, "https://host/v1/events?a=1", reach)
    others = [(1, "file:///log.csv"), (2, "https://host/v1/events#to=9")]
    assert slices_of(one.origin, [*others, (number, one.name)]) == [one]


@given(st.lists(VALUES, max_size=4), VALUES, st.sampled_from([None, 1]))
def test_records_are_cut_out_of_an_answer_as_they_stand_there(records, beside, indent):
    text = json.dumps({"x": beside, "data": {"y": beside, "rows": records}, "z": beside}, indent=indent)
    found = records_in(text, "data.rows")
    assert [json.loads(record) for record in found] == records
    assert all(record in text for record in found)
    assert records_in(json.dumps(records), "") == [json.dumps(record) for record in records]


def test_of_two_values_of_one_name_the_last_counts_as_it_does_for_others():
    assert records_in('{"rows": [1], "rows": [2, 3.10]}', "rows") == ["2", "3.10"]


@pytest.mark.parametrize(("text", "path"), [('{"rows": {}}', "rows"), ("[1]", "rows"), ('{"a": 1}', ""), ("{}", "a.b")])
def test_an_answer_without_such_a_list_is_refused(text, path):
    with pytest.raises(ValueError, match=r"no "):
        records_in(text, path)


def test_a_secret_that_is_not_set_is_named(monkeypatch):
    monkeypatch.setenv("SHOP_TOKEN", "")
    with pytest.raises(UsageError, match=r"events\.http\.token_from names the environment variable SHOP_TOKEN"):
        secret("SHOP_TOKEN", key="events.http.token_from")
    assert secret(None, key="events.http.token_from") == ""

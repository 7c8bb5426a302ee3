from __future__ import annotations

import pytest

from userprofile.config.load import load_config
from userprofile.config.mapping import EVENT_COLUMNS


def test_columns_made_by_refining_cannot_be_mapped():
    made = {"file_number", "event_order", "currency", "is_late", "is_bot", "is_unknown_item", "is_price_outlier"}
    assert not made & set(EVENT_COLUMNS)
    assert {"event_id", "user_id", "action", "event_time", "arrived_at", "amount", "propensity"} <= set(EVENT_COLUMNS)


def changed(mapping, path, value):
    *above, last = path.split(".")
    tree = mapping
    for name in above:
        tree = tree.setdefault(name, {})
    if value is None:
        del tree[last]
    else:
        tree[last] = value
    return mapping


ITEMS = {"columns": {"item_id": "item"}}
STRICT_PRICE = {"columns": {"item_id": "item", "price": {"sql": "p", "required": True}}}
WRONG = [
    ("items", STRICT_PRICE, "items.columns", "only sql, values and fill for price; not required", "'required'"),
    ("timezone", None, "timezone", "a value", "nothing"),
    ("timezone", "London", "timezone", "an IANA time zone such as Europe/London", "'London'"),
    ("horizon", "0d", "horizon", "a duration above 0", "'0d'"),
    ("gap", "a day", "gap", "a duration such as 28d", "'a day'"),
    ("currency", "euro", "currency", "pattern", "'euro'"),
    ("minor_units", 7, "minor_units", "less than or equal to 4", "7"),
    ("row_without_user", "drop", "row_without_user", "'count_and_drop' or 'quarantine'", "'drop'"),
    ("exact_repeats", "maybe", "exact_repeats", "'real' or 'duplicates'", "'maybe'"),
    ("horizn", "28d", "horizn", "a key of conf/base.yaml or, in a mapping file", "'28d'"),
    ("events", None, "events", "a value", "nothing"),
    ("events.columns.user_id", None, "events.columns", "a mapping of user_id", "'action'"),
    ("events.columns.event_tme", "t", "events.columns", "not event_tme", "'event_tme'"),
    ("events.columns.is_bot", "t", "events.columns", "not is_bot", "'is_bot'"),
    ("events.columns.price", 5, "events.columns.price", "an SQL expression", "5"),
    ("events.columns.price", {"sql": "p", "unit": "EUR"}, "events.columns.price.unit", "a key of", "'EUR'"),
    (
        "events.columns.event_time",
        {"sql": "t", "epoch": "days"},
        "events.columns.event_time.epoch",
        "'seconds'",
        "'days'",
    ),
    (
        "events.columns.event_time",
        {"sql": "t", "pattern": "YYYY-MM-dd"},
        "events.columns.event_time.pattern",
        "yyyy",
        "YYYY",
    ),
    ("events.format", "xml", "events.format", "'csv', 'jsonl', 'json_entries', 'parquet' or 'whitespace'", "'xml'"),
    ("events.encoding", "utf-9", "events.encoding", "an encoding with line breaks of one byte", "'utf-9'"),
    ("events.encoding", "utf-16", "events.encoding", "an encoding with line breaks of one byte", "'utf-16'"),
    ("events.delimiter", "", "events.delimiter", "at least 1 character", "''"),
    ("events.header", False, "events", "`fields` naming the columns", "'header': False"),
    ("items", {"columns": {"title": "t"}}, "items.columns", "a mapping of item_id", "'title'"),
    ("items", {"columns": {}}, "items.columns", "at least 1 item", "{}"),
    ("items", {"columns": {"item_id": "i", "category_path": "c"}}, "items.columns", "not category_path", "'item_id'"),
    ("users", {"columns": {"age_band": "t"}}, "users.columns", "a mapping of user_id", "'age_band'"),
    ("users", {"columns": {"user_id": "u", "consent": "c"}}, "users.columns", "not consent", "'user_id'"),
]


@pytest.mark.parametrize(("path", "value", "key", "expected", "received"), WRONG)
def test_what_is_wrong_in_a_mapping_is_told_by_the_key_as_the_file_has_it(
    refused, write, mapping, path, value, key, expected, received
):
    file = write(changed(mapping, path, value))
    error = refused(file)
    assert error.what == f"{file}: {key} is not right"
    assert expected in error.expected
    assert received in error.received
    assert error.fix == f"change {key} in {file}"


def test_an_action_that_is_none_of_ours(refused, write, mapping):
    action = {"sql": "kind", "values": {"pv": "view", "buy": "buys"}}
    error = refused(write(changed(mapping, "events.columns.action", action)))
    assert "events.columns" in error.what
    assert "purchase" in error.expected
    assert error.expected.endswith("not buys")


@pytest.mark.parametrize("name", ["My-log", "9log"])
def test_a_source_takes_its_name_from_the_file_unless_it_has_one(refused, conf, write, mapping, name):
    assert f"{name}.yaml: name is not right" in refused(write(mapping, f"{name}.yaml")).what
    path = write(mapping | {"name": "my_log"}, f"{name}.yaml")
    assert load_config(conf, source=str(path)).source.name == "my_log"


def test_settings_of_a_mapping_are_checked_as_those_of_any_overlay(refused, write, mapping):
    file = write(mapping | {"settings": {"refine_events": {"late_after": "soon"}}})
    error = refused(file)
    assert error.what == f"{file}: refine_events.late_after is not right"
    assert refused(write(mapping | {"settings": ["late_after"]})).received == "['late_after']"


@pytest.mark.parametrize("encoding", ["utf-8", "UTF-8", "latin-1", "cp1252", "gbk", "utf-8-sig"])
def test_encodings_that_are_read(conf, write, mapping, encoding):
    config = load_config(conf, source=str(write(changed(mapping, "events.encoding", encoding))))
    assert config.source.events.encoding == encoding


@pytest.mark.parametrize(
    "pattern", ["yyyy-MM-dd'T'HH:mm:ss.SSSSSSX", "dd/MM/yy h:mm a", "yyyyMMdd", "d MMM yyyy 'at' H"]
)
def test_patterns_that_are_read(conf, write, mapping, pattern):
    column = {"sql": "t", "pattern": pattern}
    config = load_config(conf, source=str(write(changed(mapping, "events.columns.event_time", column))))
    assert config.source.events.columns["event_time"].pattern == pattern

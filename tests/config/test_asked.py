from __future__ import annotations

import re

import pytest

from userprofile.config.asked import Http, Jdbc
from userprofile.config.load import load_config

JDBC = {"url": "jdbc:postgresql://host/shop", "table": "public.events", "incremental_column": "id"}
HTTP = {"url": "https://host/events", "pages": {"parameter": "page"}}
SECRET = "hunter2"


def test_what_is_not_set_has_its_default(conf, mapping, write):
    mapping["events"]["jdbc"] = JDBC
    config = load_config(conf, source=str(write(mapping)))
    assert config.source.events.jdbc == Jdbc(**JDBC)
    assert config.source.events.is_of_its_own


@pytest.mark.parametrize(
    ("kind", "changed", "key", "says"),
    [
        ("jdbc", {"url": "postgresql://host/shop"}, "events.jdbc.url", "a JDBC URL such as"),
        ("jdbc", {"url": f"jdbc:postgresql://me:{SECRET}@host/shop"}, "events.jdbc.url", "without user, password"),
        (
            "jdbc",
            {"url": f"jdbc:postgresql://host/shop?password={SECRET}"},
            "events.jdbc.url",
            "without user, password",
        ),
        ("jdbc", {"url": f"jdbc:oracle:thin:me/{SECRET}@host"}, "events.jdbc.url", "without user, password"),
        ("jdbc", {"table": 'events"; drop table x'}, "events.jdbc.table", "pattern"),
        ("jdbc", {"overlap": "soon"}, "events.jdbc.overlap", "a duration such as 1h, or a number"),
        ("jdbc", {"user_from": "shop user"}, "events.jdbc.user_from", "pattern"),
        ("jdbc", {"password": SECRET}, "events.jdbc.password", "documentation's table"),
        ("http", {"url": "file:///etc/passwd"}, "events.http.url", "begins with http:// or https://"),
        ("http", {"url": f"https://me:{SECRET}@host/events"}, "events.http.url", "without user, password"),
        ("http", {"url": f"https://host/events?token={SECRET}"}, "events.http.url", "belongs to `parameters`"),
        ("http", {"parameters": {"api_key": SECRET}}, "events.http.parameters", "token_from"),
        ("http", {"cursor": {"parameter": "after", "next": "next"}}, "events.http", "either `pages` or `cursor`"),
        ("http", {"requests_per_second": 0}, "events.http.requests_per_second", "greater than 0"),
    ],
)
def test_what_is_wrong_is_named_and_no_secret_is_repeated(mapping, write, refused, kind, changed, key, says):
    mapping["events"][kind] = {**(JDBC if kind == "jdbc" else HTTP), **changed}
    message = str(refused(write(mapping)))
    assert f"{key} is not right" in message
    assert says in message
    assert SECRET not in message


@pytest.mark.parametrize("more", [{"files": ["log.csv"]}, {"http": HTTP}, {"delimiter": ";"}])
def test_rows_have_one_origin(mapping, write, refused, more):
    mapping["events"] |= {"jdbc": JDBC, **more}
    assert "one origin of rows: with `jdbc` no" in str(refused(write(mapping)))


@pytest.mark.parametrize(("heading", "model"), [("## A table", Jdbc), ("## A paged", Http)])
def test_every_key_is_documented(checkout, heading, model):
    text = (checkout / "docs/sources.md").read_text(encoding="utf-8").partition(heading)[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", text, re.MULTILINE))
    assert {name: default == "required" for name, default in rows.items()} == {
        name: field.is_required() for name, field in model.model_fields.items()
    }

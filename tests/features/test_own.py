"""Features of one's own: the right are computed like any other, the wrong refused naming file and feature."""

from __future__ import annotations

import subprocess
import sys

import cloudpickle
import polars as pl
import pytest

from userprofile.errors import UsageError
from userprofile.features.assemble import features_per_user
from userprofile.features.catalogue import compose, dense_names, user_features_schema
from userprofile.features.monetary import monetary
from userprofile.features.own import FeatureFile, own_features
from userprofile.features.rfm import rfm
from userprofile.windows import ALL_HISTORY, Window

CATALOGUE = compose(monetary([Window(30), ALL_HISTORY]), rfm())

HEAD = """
import dataframely as dy
import polars as pl

from userprofile.features import (
    AGE_DAYS, ALL_HISTORY, ORDER, Feature, Helper, Key, Window, did, distinct, statistic, within
)

def own(name, expr, dtype=dy.Int64(nullable=True), **more):
    return Feature(name, "own", expr, dtype, "events", "the row is older", "as the test says", **more)

def following(step):
    same_user = pl.col("user") == pl.col("user").shift(step)
    return Helper("neighbour", pl.when(same_user).then(pl.col("amount").shift(step)), at="call")

def digits(number):
    return sum(map(int, str(number)))

FORTNIGHT = Window(14)
SCORED = dy.List(dy.Struct({"name": dy.String(), "score": dy.Float64()}), nullable=True)
"""


def load(*files, beside=CATALOGUE):
    """The features of files that list these entries."""
    texts = [f"{HEAD}FEATURES = [\n    {entries},\n]\n" for entries in files]
    named = [FeatureFile(f"shop/own_{number}.py", text) for number, text in enumerate(texts, 1)]
    return own_features(named, beside=beside, attributes=["style"])


def refused(*files):
    with pytest.raises(UsageError) as raised:
        load(*files)
    assert f"feature file shop/own_{len(files)}.py" in raised.value.what
    return raised.value


WEEKEND = """own(
    "weekend_purchases_14d",
    (did("purchase") & within(FORTNIGHT) & (pl.col("event_time").dt.weekday() >= 6)).sum(),
    window=FORTNIGHT,
)"""
DIGITS = """own(
    "digits_of_amounts", pl.col("digits").sum(),
    helpers=(Helper("digits", pl.col("amount").map_elements(digits, return_dtype=pl.Int64)),),
)"""


def test_a_feature_of_ones_own_agrees_with_plain_python(agrees):
    def oracle(history, as_of):
        fortnight = [row for row in history if (as_of.instant - row["event_time"]).total_seconds() <= 14 * 86_400]
        weekends = [row for row in fortnight if row["action"] == 4 and row["event_time"].isoweekday() >= 6]
        amounts = [row["amount"] for row in history if row["amount"] is not None]
        digits = sum(int(digit) for amount in amounts for digit in str(amount))
        return {"weekend_purchases_14d": len(weekends), "digits_of_amounts": digits}

    agrees(load(WEEKEND, DIGITS), oracle)


ACCEPTED = {
    "a count": 'own("a", pl.len())',
    "a count in its own width": 'own("a", did("view").any().cast(pl.Int8), dy.Int8(nullable=True))',
    "a wider float": 'own("a", pl.col("rating").cast(pl.Float32).max(), dy.Float64(nullable=True))',
    "a word": 'own("a", pl.col("query").last(), dy.String(nullable=True))',
    "a truth": 'own("a", did("view").any(), dy.Bool(nullable=True))',
    "a time": 'own("a", pl.col("event_time").max(), dy.Datetime(time_unit="us", time_zone="UTC", nullable=True))',
    "a list": 'own("a", pl.col("item").tail(3), dy.List(dy.Int32(), nullable=True))',
    "an attribute": 'own("a", pl.col("attribute_style").n_unique())',
    "a distinct count": 'own("a", distinct(ORDER, ALL_HISTORY), keys=(ORDER,))',
    "the event before": 'own("a", pl.col("neighbour").max(), helpers=(following(1),))',
    "of the row": 'own("a", pl.col("orders_all") > pl.col("orders_30d"), dy.Bool(nullable=True), per="row")',
    "of a score of the row": 'own("a", pl.col("rfm_recency_score") + 1, dy.Int8(nullable=True), per="row")',
    "of a statistic": 'own("a", statistic("rfm_monetary", 0.8) > 9, dy.Bool(nullable=True), per="row")',
    "of another one": 'own("b", pl.len()), own("a", pl.col("b") * 2, per="row")',
    "of values": 'own("a", pl.col("n").max(), per="values", by="colour", pairs=(Helper("n", pl.len()),))',
    "a ranking": 'own("a", pl.col("n"), SCORED, per="ranking", by="brand", pairs=(Helper("n", pl.len()),), top=3)',
}


@pytest.mark.parametrize("entries", ACCEPTED.values(), ids=ACCEPTED)
def test_what_is_accepted_stands_last_in_the_declared_type(random_log, as_ofs, statistics, names, entries):
    own = load(entries)
    whole = compose(CATALOGUE.features, own)
    rows = features_per_user(random_log(1), as_ofs=as_ofs, catalogue=whole, statistics=statistics, names=names)
    assert whole.names == [*CATALOGUE.names, *(feature.name for feature in own)]
    assert rows.schema["a"] == own[-1].dtype.dtype
    assert rows["a"].count()
    built_in = features_per_user(random_log(1), as_ofs=as_ofs, catalogue=CATALOGUE, statistics=statistics, names=names)
    assert rows.select(built_in.columns).equals(built_in)


def test_numbers_are_dense_features_and_the_file_is_the_source():
    own = load('own("a", pl.len()), own("b", pl.col("query").last(), dy.String(nullable=True), source="a book")')
    assert [feature.source for feature in own] == ["own_1.py", "a book"]
    assert dense_names(compose(own)) == ["a"]


REFUSED = {
    "an entry that is none": ("'views'", "FEATURES[0] is no feature", "str"),
    "a type's class": ('own("a", pl.len(), dy.Int64)', "feature a has a wrong dtype", "Int64"),
    "a name no column has": ('own("Views", pl.len())', "feature Views has a name that no column can have", ""),
    "a name of the package": ('own("orders_all", pl.len())', "orders_all has a name that is taken", "the package"),
    "a name of a profile": ('own("tags", pl.len())', "feature tags has a name that is taken", "another table"),
    "a name of the key": ('own("user_id", pl.len())', "feature user_id has a name that is taken", "another table"),
    "a name twice": ('own("a", pl.len()), own("a", pl.len())', "feature a has a name that is taken", "own_1.py"),
    "a fraction as a count": ('own("a", pl.col("amount").mean())', "a gives another type than it declares", "Float64"),
    "a narrow type": ('own("a", pl.len(), dy.Int16(nullable=True))', "a gives another type", "UInt32"),
    "a count as a fraction": ('own("a", pl.len(), dy.Float64(nullable=True))', "a gives another type", "UInt32"),
    "never null": ('own("a", pl.len(), dy.Int64(nullable=False))', "a must be declared nullable=True", "Int64"),
    "no type of a table": ('own("a", AGE_DAYS.max(), dy.Duration(nullable=True))', "tables cannot hold", "Duration"),
    "an unknown column": ('own("a", pl.col("amout").sum())', "a reads a column that is not there: amout", "amout"),
    "what is foretold": ('own("a", pl.col("risk").sum())', "a reads a column that is not there: risk", "risk"),
    "an unknown window": ('own("a", within(FORTNIGHT).sum())', "a column that is not there: within_14d", ""),
    "an unknown key": ('own("a", distinct(ORDER, ALL_HISTORY))', "column that is not there: is_last_of_order", ""),
    "an unknown feature": ('own("a", pl.col("order_all"), per="row")', "that is not there: order_all", "order_all"),
    "an unknown quantile": (
        'own("a", statistic("rfm_monetary", 0.3), dy.Float64(nullable=True), per="row")',
        "a column that is not there: rfm_monetary at 0.3",
        "",
    ),
    "a later feature": ('own("a", pl.col("b"), per="row"), own("b", pl.len())', "a column that is not there: b", "b"),
    "an unknown column of a helper": (
        'own("a", pl.col("h").sum(), helpers=(Helper("h", pl.col("prize") * 2),))',
        "a column that is not there: prize",
        "prize",
    ),
    "several columns": ('own("a", pl.col("amount", "price").sum())', "a has an expression of several columns", ""),
    "words added up": ('own("a", pl.col("query").sum())', "a has an expression that fails", "str"),
    "a function that fails": (
        'own("a", pl.col("query").map_elements(digits, return_dtype=pl.Int64).sum())',
        "a has an expression that fails",
        "ValueError",
    ),
    "a helper in the place of a column": (
        'own("a", pl.col("amount").sum(), helpers=(Helper("amount", pl.col("price") * 2),))',
        "a has a helper that hides the column amount",
        "",
    ),
    "a helper of another meaning": (
        'own("b", pl.col("h").sum(), helpers=(Helper("h", AGE_DAYS),), dtype=dy.Float64(nullable=True)),'
        'own("a", pl.col("h").sum(), helpers=(Helper("h", pl.col("price")),))',
        "the helper column h two meanings",
        "price",
    ),
    "an entry an event": ('own("a", pl.col("amount"))', "a is not per user", "List(Int64)"),
    "a comparison with everyone": (
        'own("a", pl.col("spend_all") / pl.col("spend_all").max(), dy.Float64(nullable=True), per="row")',
        "a is not per user",
        "without half of the other users",
    ),
    "the event of the user before": (
        'own("a", pl.col("h").last(), helpers=(Helper("h", pl.col("amount").shift(1), at="call"),))',
        "a is not per user",
        "without half of the other users",
    ),
    "a running sum over everyone": (
        'own("a", pl.col("h").max(), helpers=(Helper("h", pl.col("amount").cum_sum(), at="as_of"),))',
        "a is not per user",
        "without half of the other users",
    ),
    "the event after": ('own("a", pl.col("neighbour").last(), helpers=(following(-1),))', "a looks ahead", ""),
}


@pytest.mark.parametrize(("entries", "what", "received"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_names_file_and_feature(entries, what, received):
    error = refused(entries)
    assert what in error.what
    assert received in error.received


@pytest.mark.parametrize("part", ["family", "unit", "null", "says"])
def test_a_reader_must_be_told(part):
    error = refused(f'__import__("dataclasses").replace(own("a", pl.len()), {part}="")')
    assert f"feature a has a wrong {part}" in error.what
    assert "not empty" in error.expected


def test_one_name_in_two_files_names_both():
    error = refused('own("a", pl.len())', 'own("a", pl.len())')
    assert error.received == "a of shop/own_1.py"


def test_a_misspelt_column_is_guessed_at_and_a_missing_window_explained():
    assert refused('own("a", pl.col("amout").sum())').fix == "did you mean amount?"
    assert "windows_days" in refused('own("a", within(FORTNIGHT).sum())').fix


ELSEWHERE = """
import sys
import cloudpickle
import polars as pl
from userprofile.features.assemble import features_per_user

with open(sys.argv[1], "rb") as sent:
    arguments = cloudpickle.load(sent)
features_per_user(**arguments).write_parquet(sys.argv[2])
"""


def test_executors_need_nothing_of_the_file(random_log, as_ofs, statistics, names, tmp_path, python_environment):
    """Functions defined in it too travel by value."""
    arguments = {"events": random_log(2), "as_ofs": as_ofs, "statistics": statistics, "names": names}
    arguments["catalogue"] = compose(load(WEEKEND, DIGITS))
    (tmp_path / "sent").write_bytes(cloudpickle.dumps(arguments))
    command = [sys.executable, "-c", ELSEWHERE, "sent", "rows"]
    subprocess.run(command, cwd=tmp_path, env=python_environment, check=True, timeout=120)
    rows = pl.read_parquet(tmp_path / "rows")
    user_features_schema(arguments["catalogue"]).validate(rows)
    assert rows.equals(features_per_user(**arguments))
    assert rows["digits_of_amounts"].sum() > 0

"""The page of all features, and features of one's own on their way through every table."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable

from userprofile.config.load import config_version, load_config
from userprofile.features.catalogue import dense_names
from userprofile.features.entries import Catalogue
from userprofile.pipelines.build_catalogue import _some, build_catalogue
from userprofile.pipelines.build_features import build_features
from userprofile.pipelines.build_training_set import build_training_set
from userprofile.pipelines.engine import feature_catalogue
from userprofile.pipelines.ingest_events import ingest_events
from userprofile.pipelines.refine_events import refine_events
from userprofile.spec import FeatureSpec, fit_spec

CONF = Path(__file__).parents[2] / "conf"
COLUMNS = """
events:
  columns: {user_id: who, item_id: what, action: did, event_time: {sql: at, pattern: yyyy-MM-dd HH:mm}, price: cost}
"""
FEATURES = """
import dataframely as dy
import polars as pl

from userprofile.features import Feature, Window, did, within

WEEK = Window(7)
MORNING = pl.col("event_time").dt.hour() < 12
FEATURES = [
    Feature(
        "morning_views_7d",
        family="own",
        expr=(did("view") & within(WEEK) & MORNING).sum(),
        dtype=dy.Int64(nullable=True),
        unit="events",
        null="the row is older than the feature",
        says="views before noon in the 7 days before as_of",
        window=WEEK,
    ),
]
"""
NAME = "morning_views_7d"


@pytest.fixture
def mapping(tmp_path: Path, shop: str) -> str:
    """A log of thirty days: ann looks every morning, ben every evening; both buy now and then."""
    days = [date(2024, 1, 1) + timedelta(days=number) for number in range(30)]
    rows = [f"ann,i1,view,{day} 09:00,1.00\nben,i2,view,{day} 21:00,1.00" for day in days]
    rows += [
        f"{who},i{number % 3},purchase,{day} 13:00,2.50" for number, day in enumerate(days) for who in ("ann", "ben")
    ]
    (tmp_path / "log.csv").write_text("\n".join(["who,what,did,at,cost", *rows, ""]))
    (tmp_path / "my_shop.yaml").write_text(shop + COLUMNS)
    return str(tmp_path / "my_shop.yaml")


@pytest.fixture
def own(tmp_path: Path) -> list[str]:
    """Arguments that name the feature file."""
    (tmp_path / "own_features.py").write_text(FEATURES)
    return ["--set", f"build_features.own_features=[{tmp_path / 'own_features.py'}]"]


@pytest.fixture
def table(tmp_path: Path):
    def read(name: str) -> pl.DataFrame:
        return pl.DataFrame(DeltaTable(tmp_path / "warehouse" / "my_shop" / "gold" / name).to_pyarrow_table())

    return read


@pytest.mark.slow
def test_a_feature_of_ones_own_goes_everywhere_and_can_be_taken_out_again(job, mapping, own, table, tmp_path):
    def done(pipeline, *arguments):
        ended = job(pipeline.__name__, pipeline, "--source", mapping, *arguments)
        assert ended.code == 0, ended.errors

    done(ingest_events, "--input", str(tmp_path / "log.csv"))
    done(refine_events)
    done(build_features, "--as-of", "2024-01-20,2024-01-31", *own)
    rows = table("user_features").sort("as_of_date", NAME)
    assert rows["as_of_date"].to_list() == [date(2024, 1, 20)] * 2 + [date(2024, 1, 31)] * 2
    assert rows[NAME].to_list() == [0, 7, 0, 7]

    done(build_catalogue, *own)
    page, text = ((tmp_path / "report" / "my_shop" / f"catalogue.{form}").read_text() for form in ("html", "md"))
    assert "as of 2024-01-31; the figures are of all 2 users" in page
    assert f'<tr id="{NAME}">' in page
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {NAME} | own | 7d |")]
    assert line.endswith("| own_features.py | 0 % | █▁▁▁▁▁▁█ 0 … 3.5 … 7 |")

    never = job("build_catalogue", build_catalogue, "--source", mapping, "--as-of", "2024-01-21", *own)
    assert never.code == 3
    assert "make build_features" in never.errors
    assert "AS_OF=2024-01-21" in never.errors

    done(build_training_set, *own)
    train = table("training_examples").filter(pl.col("split") == "train")
    assert sorted(train[NAME].unique()) == [0, 2, 7]
    assert NAME in spec_of(train, catalogue_of(mapping, own)).dense_names

    done(build_features)
    rows = table("user_features").sort("as_of_date", NAME)
    assert rows[NAME].to_list() == [0, 7, None, None]
    assert rows["view_count_7d"].to_list() == [7] * 4


def catalogue_of(mapping: str, own: list[str]) -> Catalogue:
    config = load_config(CONF, source=mapping, settings=own[1:])
    return feature_catalogue(config.build_features, config.source.timezone)


def spec_of(train: pl.DataFrame, catalogue: Catalogue) -> FeatureSpec:
    """The network's inputs, as training fixes them."""
    return fit_spec(
        train.to_arrow(compat_level=pl.CompatLevel.oldest()),
        dense_names=dense_names(catalogue),
        sequence_length=5,
        category_level=1,
        item_vocabulary_size=10,
        window_days=(0, 14),
        churn_active_days=90,
    )


def test_another_content_of_the_file_makes_steps_anew(mapping, own, tmp_path):
    def version(section):
        return config_version(load_config(CONF, source=mapping, settings=own[1:]), section)

    before = [version("build_features"), version("refine_events")]
    (tmp_path / "own_features.py").write_text(FEATURES.replace("< 12", "< 11"))
    assert version("build_features") != before[0]
    assert version("refine_events") == before[1]


def test_without_features_the_job_that_makes_them_is_named(job, mapping):
    ended = job("build_catalogue", build_catalogue, "--source", mapping)
    assert ended.code == 3
    assert "make build_features" in ended.errors


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (("FEATURES = [", "FEATURES = ["), "nowhere.py cannot be read"),
        (("FEATURES = [", "FEATURES = [["), "own_features.py, line 9 does not run"),
        ((f'"{NAME}"', '"orders_all"'), "feature orders_all has a name that is taken"),
        (("dy.Int64", "dy.String"), f"feature {NAME} gives another type"),
        (('did("view")', 'pl.col("vu")'), f"feature {NAME} reads a column that is not there: vu"),
        ((".sum()", ""), f"feature {NAME} is not per user"),
    ],
)
def test_a_wrong_feature_file_is_refused_before_spark(job, mapping, own, tmp_path, monkeypatch, wrong, says):
    monkeypatch.setattr("userprofile.pipelines.job.build_session", lambda **_: pytest.fail("Spark was started"))
    (tmp_path / "own_features.py").write_text(FEATURES.replace(*wrong))
    settings = [own[1].replace("own_features.py", "nowhere.py")] if "nowhere" in says else own[1:]
    ended = job("build_features", build_features, "--source", mapping, "--set", *settings)
    assert ended.code == 2
    assert says in ended.errors
    assert "own_features" in ended.errors
    assert "Traceback" not in ended.errors
    assert not (tmp_path / "warehouse").exists()


def test_of_many_users_some_are_seen_and_always_the_same(spark):
    users = spark.range(3_000).selectExpr("concat('user ', id) AS user_id")
    seen = [
        {row.user_id for row in _some(frame, 3_000, wanted=1_000).collect()} for frame in (users, users.repartition(3))
    ]
    assert seen[0] == seen[1]
    assert 900 < len(seen[0]) < 1_100
    assert _some(users, 3_000, wanted=3_000).count() == 3_000

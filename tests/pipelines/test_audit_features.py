"""The audit as a job, on a small dirty log: what is clean passes, what peeks is named and ends with exit code 3."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import dataframely as dy
import polars as pl
import pytest
from pyspark.sql import SparkSession

from userprofile.features.entries import Catalogue, Feature, Helper
from userprofile.pipelines import audit_features, build_training_set, engine, examples
from userprofile.pipelines.ingest_events import ingest_events
from userprofile.pipelines.job import run_job
from userprofile.pipelines.refine_events import refine_events
from userprofile.windows import ALL_HISTORY

pytestmark = pytest.mark.slow

MAPPING = """
timezone: Europe/London
gap: 0d
horizon: 7d
exact_repeats: duplicates
events:
  columns:
    user_id: who
    item_id: what
    action: did
    event_time: {sql: at, pattern: "yyyy-MM-dd HH:mm:ss"}
    arrived_at: {sql: heard, pattern: "yyyy-MM-dd HH:mm:ss"}
    price: cost
    order_id: basket
"""
HEADER = "who,what,did,at,heard,cost,basket\n"
SMALL = [
    "spark.shuffle_partitions=2",
    "build_training_set.as_of_dates=4",
    "build_features.sequence_length=5",
    "audit_features.pairs=30",
]
USERS = [f"raw-user-{number}" for number in range(25)]


def a_log() -> str:
    """Six weeks of 25 people; some rows are copies, some are no events, and half a weekend is heard of two days later.

    Only that weekend, before the first as-of date: where events arrive late, the engine sees nothing but what is known,
    and a feature that peeks has nothing to see.
    """
    rng, start = random.Random(4), datetime(2024, 1, 1)
    lines = []
    for number in range(1500):
        at = start + timedelta(minutes=rng.randint(0, 42 * 24 * 60))
        heard = at + timedelta(days=rng.choice([0, 2]) if 13 <= at.day <= 14 and at.month == 1 else 0)
        action = rng.choice(["view", "view", "cart", "purchase"])
        basket = f"b{number // 3}" if rng.random() < 0.5 else ""
        fields = [rng.choice(USERS), f"i{rng.randint(1, 20)}", action, at, heard, f"{rng.randint(1, 90)}.50", basket]
        lines.append(",".join(map(str, fields)))
    lines += rng.sample(lines, 60)
    lines += [f"{rng.choice(USERS)},i1,teleport,{start},{start},1.00," for _ in range(20)]
    rng.shuffle(lines)
    return HEADER + "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Ended:
    code: int
    result: dict[str, Any]
    printed: str


@dataclass(frozen=True)
class Shop:
    """A warehouse with a training set, and how to run further jobs on it."""

    folder: Path
    job: Callable[..., Ended]

    @property
    def report(self) -> Path:
        return self.folder / "report" / "my_shop"


def jobs_below(folder: Path, conf: Path) -> Callable[..., Ended]:
    mapping = folder / "my_shop.yaml"
    mapping.write_text(MAPPING)
    (folder / "log.csv").write_text(a_log())
    paths = [f"{part}={folder / part}" for part in ("warehouse", "models", "report", "build")]

    def run(name: str, pipeline: Callable[..., Any], *more: str) -> Ended:
        said: list[str] = []
        settings = ["--set", *paths, f"pseudonym_key={folder / 'key'}", *SMALL]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("builtins.print", lambda line="", **_: said.append(str(line)))
            code = run_job(name, pipeline, conf_folder=conf, arguments=["--source", str(mapping), *settings, *more])
        return Ended(code, json.loads(said[-1]), "\n".join(said))

    return run


@pytest.fixture(scope="module")
def shop(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory, checkout: Path) -> Shop:
    folder = tmp_path_factory.mktemp("audited")
    job = jobs_below(folder, checkout / "conf")
    assert job("ingest_events", ingest_events, "--input", str(folder / "log.csv")).code == 0
    for pipeline in (refine_events, build_training_set.build_training_set):
        ended = job(pipeline.__name__, pipeline)
        assert ended.code == 0, ended.printed
    return Shop(folder, job)


@pytest.fixture(scope="module")
def clean(shop: Shop) -> Ended:
    return shop.job("audit_features", audit_features.audit_features)


def test_our_own_features_do_not_leak(shop, clean):
    assert clean.code == 0, clean.printed
    figures = clean.result["metrics"]["audit_features"]
    assert figures["leaking"] == 0
    assert figures["recomputed_columns"] > 215
    assert 15 <= figures["pairs"] <= 45
    found = json.loads((shop.report / "feature_audit.json").read_text())
    assert (found["leaking"], found["left_out"]) == ([], 0)
    assert "make build_features" in found["unscored"]
    assert "sequence_item" in found["columns"]
    assert found["drifts"]
    assert "**0 of" in (shop.report / "feature_audit.md").read_text()
    assert str(shop.report / "feature_audit.md") in clean.printed


def test_no_raw_id_is_in_the_report_or_in_what_is_printed(shop, clean):
    texts = [clean.printed, *(path.read_text() for path in shop.report.iterdir())]
    assert not [text for text in texts if "raw-user" in text]


def test_an_audit_is_recorded_and_done_once(shop, clean):
    again = shop.job("audit_features", audit_features.audit_features)
    assert (again.code, again.result["steps"]["audit_features"]) == (0, 0.0)


def test_users_with_too_many_events_are_left_out_and_counted(shop, clean):
    ended = shop.job("audit_features", audit_features.audit_features, "--set", "audit_features.events_per_user=55")
    figures = ended.result["metrics"]["audit_features"]
    found = json.loads((shop.report / "feature_audit.json").read_text())
    assert ended.code == 0, ended.printed
    assert found["left_out"] > 0
    assert found["left_out"] + figures["pairs"] == clean.result["metrics"]["audit_features"]["pairs"]


def peeks_a_day_ahead() -> Feature:
    """Whether the user acts again within a day of the last known event: of what is to come, too."""
    time, same = pl.col("event_time"), pl.col("user") == pl.col("user").shift(-1)
    soon = pl.when(same).then((time.shift(-1) - time) <= pl.duration(days=1)).cast(pl.Float64)
    return Feature(
        "back_within_a_day",
        family="planted",
        expr=pl.col("acts_soon").last(),
        dtype=dy.Float64(nullable=True),
        unit="",
        null="",
        says="",
        window=ALL_HISTORY,
        helpers=(Helper("acts_soon", soon, at="call"),),
    )


def counts_what_is_to_come() -> Feature:
    """A name that is known, with another meaning: the raw rows give it away, and so do later events."""
    return Feature(
        "purchase_count_all",
        family="frequency",
        expr=pl.col("purchases_ever").max(),
        dtype=dy.Int64(nullable=False),
        unit="",
        null="",
        says="",
        window=ALL_HISTORY,
        helpers=(Helper("purchases_ever", (pl.col("action") == 4).sum().over("user"), at="call"),),
    )


@pytest.fixture
def with_leaks(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The catalogue as users may have changed it; names of what is computed of the leaking column."""
    sound = engine.feature_catalogue
    below: set[str] = set()

    def leaky(*arguments: Any) -> Catalogue:
        replaced = counts_what_is_to_come()
        others = [one for one in sound(*arguments).features if one.name != replaced.name]
        for one in others:
            if {replaced.name, *below} & set(one.expr.meta.root_names()):
                below.add(one.name)
        return Catalogue((*others, replaced, peeks_a_day_ahead()))

    for module in (build_training_set, audit_features):
        monkeypatch.setattr(module, "feature_catalogue", leaky)
    return below


def test_a_planted_leak_is_named_and_ends_with_code_3_each_time(shop, clean, with_leaks):
    built = shop.job("build_training_set", build_training_set.build_training_set, "--force")
    assert built.code == 0, built.printed
    settings = ["--set", "audit_features.seed=8"]
    for _ in range(2):
        ended = shop.job("audit_features", audit_features.audit_features, *settings)
        assert ended.code == 3, ended.printed
        assert "purchase_count_all, back_within_a_day" in ended.result["error"]
    found = json.loads((shop.report / "feature_audit.json").read_text())
    planted = {"purchase_count_all", "back_within_a_day"}
    assert planted <= set(found["leaking"]) <= planted | with_leaks
    recomputed = {one["feature"] for one in found["differences"]}
    assert {"purchase_count_all", "cart_to_purchase_all"} <= recomputed <= {"purchase_count_all"} | with_leaks
    assert {one["feature"] for one in found["changes"]} == set(found["leaking"])
    assert "raw-user" not in ended.printed


def test_an_audit_of_a_set_of_another_configuration_asks_to_build_it_anew(shop, clean):
    ended = shop.job("audit_features", audit_features.audit_features, "--set", "build_features.affinity_top=3")
    assert ended.code == 3
    assert "make build_training_set" in ended.printed
    assert "the configuration was another one" in ended.printed


def test_a_sample_is_the_same_each_time_and_about_as_large_as_wanted(spark):
    rows = spark.range(2000).selectExpr("cast(id as string) as user_id", "date'2024-01-01' as as_of_date")
    first, second, other = (
        {row["user_id"] for row in examples.sampled(part, of=2000, wanted=200, seed=seed).collect()}
        for part, seed in ((rows, 1), (rows.repartition(7), 1), (rows, 2))
    )
    assert first == second != other
    assert 150 < len(first) < 250
    assert examples.sampled(rows, of=2000, wanted=5000, seed=1).count() == 2000

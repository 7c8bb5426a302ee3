"""A small shop whose profiles have scores: everything that a page can show, without a training."""

from __future__ import annotations

import contextlib
import io
import json
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import DeltaTable
from playwright.sync_api import Browser, sync_playwright
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from userprofile.events.pseudonyms import load_or_make_key, pseudonym
from userprofile.pipelines.build_features import build_features
from userprofile.pipelines.build_report import build_report
from userprofile.pipelines.build_tag_catalogue import build_tag_catalogue
from userprofile.pipelines.check_profiles import check_profiles
from userprofile.pipelines.infer_profiles import PROFILES, infer_profiles
from userprofile.pipelines.ingest_events import ingest_events
from userprofile.pipelines.job import Pipeline, run_job
from userprofile.pipelines.ledger import record_runs
from userprofile.pipelines.refine_events import refine_events
from userprofile.pipelines.segment_users import segment_users
from userprofile.schemas.ops import OpsModels
from userprofile.schemas.profiles import UserProfiles
from userprofile.tables.store import Store, TableVersion, Transaction

CONF = Path(__file__).parents[2] / "conf"
MAPPING = """
about: A shop that <sells> & buys.
timezone: Europe/Paris
currency: EUR
gap: 0d
horizon: 28d
default_consent: [profiling, personalisation]
settings: {refine_events: {max_quarantined_share: 0.5}, build_features: {sequence_length: 20}}
events:
  columns:
    event_id: number
    user_id: who
    item_id: what
    action: did
    event_time: {sql: at, pattern: yyyy-MM-dd HH:mm}
    price: cost
    query: asked
items:
  columns: {item_id: what, title: title, price: cost}
  category_path: [shelf, board]
users:
  files: [users.csv]
  columns: {user_id: who}
  consent: {profiling: profiling = 'yes', personalisation: personalisation = 'yes', marketing: marketing = 'yes'}
"""
HEADER = "number,who,what,did,at,cost,asked,title,shelf,board\n"
FIRST, LAST = datetime(2024, 1, 1, 9), datetime(2024, 5, 30, 20)
EARLIER, NOW = date(2024, 5, 1), date(2024, 5, 31)
NASTY = "<script>alert('x')</script>"
NASTY_USER = f"{NASTY}u3"  # the raw id of one
USERS = 60
MODEL = "my_shop-2024-05-31-0123abcd"


@dataclass(frozen=True)
class Shop:
    """Where its tables and pages are, and how a job is run on it."""

    folder: Path
    run: Callable[..., dict[str, Any]]
    nasty_user: str = NASTY_USER

    def table(self, name: str, version: int | None = None) -> pl.DataFrame:
        path = self.folder / "warehouse" / "my_shop" / name.replace(".", "/")
        return pl.DataFrame(DeltaTable(path, version=version).to_pyarrow_table())

    def user(self, raw: str) -> str:
        """The pseudonym of a raw id."""
        return pseudonym(raw, key=load_or_make_key(self.folder / "key"), kind="user")

    @property
    def pages(self) -> Path:
        return self.folder / "report" / "my_shop"


def log() -> str:
    """Sixty users, more or less keen; duplicates, an unknown action, titles and a user id that are scripts."""
    rng = random.Random(7)
    shelves = [("Kitchen", "Kettles"), ("Kitchen", "Knives"), ("Food", "Tea"), ("Food", "Jam"), (NASTY, NASTY)]
    lines = []
    for user in range(USERS):
        begin, favourite = rng.randrange(100), rng.randrange(5)
        for _ in range(rng.randrange(4, 40)):
            at = FIRST + timedelta(days=rng.randrange(begin, 151), minutes=rng.randrange(600))
            shelf = favourite if rng.random() < 0.6 else rng.randrange(5)
            item = f"{NASTY}{shelf}" if shelf == 4 else f"i{shelf}-{rng.randrange(4)}"
            act = rng.choices(("view", "cart", "purchase", "search", "favourite", "wish"), (9, 3, 5, 2, 1, 0.4))[0]
            cells = (
                f"e{len(lines)}",
                NASTY_USER if user == 3 else f"u{user}",
                item,
                act,
                f"{min(at, LAST):%Y-%m-%d %H:%M}",
                f"{1 + rng.randrange(900) / 10:.2f}",
            )
            asked = "green tea" if act == "search" else ""
            lines.append(",".join([*cells, asked, f"Thing & {item}", *shelves[shelf]]))
    return HEADER + "\n".join([*lines, *lines[:3]]) + "\n"


@pytest.fixture(scope="session")
def shop(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """Profiles as of two dates; those of the later one have scores, by a model whose figures have intervals."""
    folder = tmp_path_factory.mktemp("shop")
    source, rows, users = folder / "my_shop.yaml", folder / "log.csv", folder / "users.csv"
    source.write_text(MAPPING.replace("users.csv", str(users)))
    rows.write_text(log())
    users.write_text("who,profiling,personalisation,marketing\nu0,no,no,no\nu1,yes,no,no\nu2,yes,yes,yes\n")

    def run(pipeline: Pipeline, *arguments: str, code: int = 0) -> dict[str, Any]:
        settings = [f"{part}={folder / part}" for part in ("warehouse", "models", "report", "build")]
        settings += [f"pseudonym_key={folder / 'key'}", "spark.shuffle_partitions=2"]
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            ended = run_job(
                pipeline.__name__, pipeline, conf_folder=CONF,
                arguments=["--source", str(source), "--set", *settings, *arguments],
            )  # fmt: skip
        assert ended == code, said.getvalue()
        return {**json.loads(said.getvalue().splitlines()[-1]), "said": said.getvalue()}

    run(ingest_events, "--input", str(rows))
    run(refine_events)
    for as_of in (EARLIER, NOW):
        run(build_features, "--as-of", str(as_of))
        run(infer_profiles, "--as-of", str(as_of))
    store = Store(spark, str(folder / "warehouse" / "my_shop"))
    give_scores(store)
    for as_of in (EARLIER, NOW):
        run(segment_users, "--as-of", str(as_of))
    run(check_profiles, "--as-of", str(EARLIER))
    return Shop(folder, run)


def give_scores(store: Store) -> None:
    """As if a model had been trained, and had scored both dates."""
    profiles = store.read(store.pin(PROFILES), UserProfiles).localCheckpoint()
    written = store.replace(profiles.transform(with_scores), PROFILES, UserProfiles)
    models = {
        "model_version": MODEL, "trained_at": datetime.now(UTC), "as_of_date": NOW, "training_version": 1,
        "examples": 900, "processes": 2, "metrics": json.dumps(METRICS), "config_version": "c", "code_version": "c",
    }  # fmt: skip
    store.append_small([models], "ops.models", OpsModels, Transaction("model", 1))
    record(store, "train_model", [store.pin("ops.models")], {"examples": 900, "epochs": 2})
    record(store, "infer_profiles", [written], {"profiles": USERS})


METRICS = {
    "test": {
        "purchase": {
            "network": {"auc": 0.8, "log_loss": 0.4}, "base_rate": {"auc": 0.5, "log_loss": 0.6},
            "lightgbm": {"auc": 0.78, "log_loss": 0.41},
        },
        "next_item": {"network": {"ndcg@10": 0.3}, "popularity": {"ndcg@10": 0.2}},
    },
    "intervals": {"purchase": {"network": [0.76, 0.83], "base_rate": [0.5, 0.5]}, "next_item": {}},
    "curves": {"purchase": [{"said": 0.1 * place, "came": 0.09 * place, "rows": 40.0} for place in range(10)]},
    "served_by": {"purchase": "network", "next_item": "network"},
}  # fmt: skip


def with_scores(profiles: DataFrame) -> DataFrame:
    """Scores that hang on the pseudonym alone, higher at the later date."""
    chance = F.pmod(F.xxhash64("user_id"), F.lit(800)) / 1000.0 + F.when(
        F.col("as_of_date") == F.lit(NOW), 0.2
    ).otherwise(0.0)
    items = F.array(
        *(F.struct(F.lit(name).alias("name"), F.lit(score).alias("score")) for name, score in ITEMS.items())
    )
    reasons = [F.struct(*(F.lit(value).alias(key) for key, value in one.items())) for one in REASONS]
    return profiles.withColumns(
        {
            "model_version": F.lit(MODEL),
            "embedding_space": F.lit(MODEL),
            "embedding": embedding().cast(profiles.schema["embedding"].dataType),
            "purchase_probability": chance,
            "churn_probability": F.when(F.col("days_since_purchase") <= 90, 1 - chance),
            "expected_spend": F.round(chance * 20_000).cast("long"),
            "days_to_purchase": F.when(chance > 0.5, 28 * (1 - chance)),
            "next_item": items,
            "next_action": F.array(
                *(F.struct(F.lit(name).alias("name"), F.lit(0.5).alias("score")) for name in ("view", "purchase"))
            ),
            "served_by": F.array(F.struct(F.lit("purchase").alias("score"), F.lit("network").alias("model"))),
            "reasons": F.array(*reasons).cast(profiles.schema["reasons"].dataType),
            "scores_missing_because": F.lit("risk: the log does not say which events are a risk"),
        }
    )


def embedding() -> Column:
    """Three groups of users by their pseudonyms; at the later date one in ten is in another."""
    number = F.pmod(F.xxhash64("user_id"), F.lit(1000))
    moved = ((F.col("as_of_date") == F.lit(NOW)) & (number % 10 == 0)).cast("long")
    numbers = [
        F.when((number + moved) % 3 == place, 10.0).otherwise(0.0)
        + F.pmod(F.xxhash64("user_id", F.lit(place)), F.lit(100)) / 100
        for place in range(3)
    ]
    return F.array(*(F.coalesce(one, F.lit(0.0)) for one in numbers))  # none is null, which the table must know


REASONS = [
    {"score": "purchase", "code": "orders", "direction": direction, "share": share, "value": value, "usual": 1.5,
     "window_days": 90, "name": None, "unit": "count", "text": f"orders in 90 days: {value:g} (usual {NASTY})"}
    for direction, share, value in (("raises", 0.625, 3.0), ("lowers", 0.25, 1.0))
]  # fmt: skip
ITEMS = {"i2-1": 0.4, f"{NASTY}4": 0.3}


def record(
    store: Store, step: str, outputs: list[TableVersion], metrics: dict[str, Any], *, run_id: str = "scored"
) -> None:
    """A row of ops.runs as of now."""
    row = {
        "run_id": run_id, "step": step, "started_at": datetime.now(UTC), "seconds": 1.0, "as_of_date": NOW,
        "inputs": [], "outputs": [vars(pinned) for pinned in outputs], "fingerprint": "", "config_version": "",
        "code_version": "", "metrics": json.dumps(metrics),
    }  # fmt: skip
    record_runs(store, [row])


@pytest.fixture(scope="session")
def profiles(shop: Shop) -> pl.DataFrame:
    """Those that the page is of."""
    return shop.table("gold.user_profiles").filter(pl.col("as_of_date") == NOW)


@pytest.fixture(scope="session")
def report(shop: Shop) -> Path:
    """The page, built, with that of all tags beside it."""
    shop.run(build_tag_catalogue)
    shop.run(build_report)
    return shop.pages / "index.html"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium; .ci/run installs it."""
    if not (chromium := shutil.which("chromium")):
        pytest.skip("there is no chromium to open pages in: apt-get install chromium")
    with sync_playwright() as driver:
        # Without its own sandbox, which needs rights that containers lack: it opens our pages alone.
        opened = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def twice(spark: SparkSession, shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the warehouse in which another run, "rescored", raised half of the chances to buy by 0.05, and gave
    everybody a tag."""
    root = tmp_path_factory.mktemp("twice") / "warehouse"
    shutil.copytree(shop.folder / "warehouse", root)
    store = Store(spark, str(root / "my_shop"))
    rows = store.read(store.pin(PROFILES), UserProfiles).localCheckpoint()
    raised = F.when(F.pmod(F.xxhash64("user_id"), F.lit(2)) == 0, 0.05).otherwise(0.0)
    moved = {"purchase_probability": F.least(F.col("purchase_probability") + raised, F.lit(1.0))}
    moved["tags"] = F.array_append("tags", F.lit("asked | once"))
    later = store.replace(rows.withColumns(moved), PROFILES, UserProfiles)
    record(store, "infer_profiles", [later], {"profiles": USERS}, run_id="rescored")
    return root

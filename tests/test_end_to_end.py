"""The whole path on a dirty demo shop: real Spark, real Delta tables, two real Horovod processes."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml
from deltalake import DeltaTable
from pyspark.sql import SparkSession

from userprofile.demo_shop.disputes import BANK_DAYS
from userprofile.events.pseudonyms import load_or_make_key, pseudonym
from userprofile.heads.every import HEADS
from userprofile.pipelines.build_features import build_features
from userprofile.pipelines.evaluate_model import evaluate_model
from userprofile.pipelines.explain_score import explain_score
from userprofile.pipelines.finetune_model import finetune_model
from userprofile.pipelines.infer_profiles import infer_profiles
from userprofile.pipelines.job import run_job
from userprofile.pipelines.leaderboard import leaderboard
from userprofile.pipelines.pretrain_model import pretrain_model
from userprofile.pipelines.promote_model import promote_model
from userprofile.pipelines.refine_events import refine_events
from userprofile.pipelines.rollback_model import rollback_model
from userprofile.pipelines.run import run_path
from userprofile.pipelines.steps import Run
from userprofile.pipelines.train_model import train_model
from userprofile.report.tracking import mlflow_at
from userprofile.tables.maintenance import tables_below

pytestmark = pytest.mark.slow

SHOP = ["--source", "demo_shop", "--users", "200", "--days", "150", "--seed", "11"]
SMALL = [
    "spark.shuffle_partitions=2",
    "train_model.epochs=2",
    "train_model.batch_rows=64",
    "build_training_set.as_of_dates=5",
    "demo_shop.dispute_share=0.4",  # so that enough users do what the shop plants
]
WAREHOUSE = "demo_shop_u200_d150_s11"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shop")


@pytest.fixture(scope="module")
def once(spark: SparkSession, folder: Path, checkout: Path) -> Callable[..., dict[str, Any]]:
    """Runs the path, or one job of it, and returns the JSON line that it ends with."""

    def run(*more: str, job: Callable[[Run], Any] = run_path) -> dict[str, Any]:
        settings = [f"{part}={folder / part}" for part in ("warehouse", "models", "report", "build")]
        settings += [f"pseudonym_key={folder / 'key'}", *SMALL]
        said: list[str] = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("builtins.print", lambda line="", **_: said.append(str(line)))
            run_job("run", job, conf_folder=checkout / "conf", arguments=[*SHOP, "--set", *settings, *more])
        return json.loads(said[-1])

    return run


@pytest.fixture(scope="module")
def first(once: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    result = once()
    assert result["exit_code"] == 0, result
    return result


def table(folder: Path, name: str, version: int | None = None) -> pl.DataFrame:
    path = folder / "warehouse" / WAREHOUSE / name.replace(".", "/")
    return pl.from_arrow(DeltaTable(path, version=version).to_pyarrow_table())  # type: ignore[return-value]


def test_every_row_is_accounted_for(first, folder):
    made = first["metrics"]["generate_demo_shop"]
    refined = first["metrics"]["refine_events"]
    assert (
        refined["in"]
        == made["events"] + made["duplicates"] + made["malformed"]
        == table(folder, "bronze.events").height
    )
    assert refined["in"] == refined["accepted"] + refined["duplicate"] + refined["quarantined"]
    assert refined["duplicate"] == made["duplicates"]
    assert refined["quarantined"] == made["malformed"]
    assert table(folder, "silver.events")["is_late"].sum() == made["late"]


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("bronze.events", ["file_number", "place"]),
        ("silver.events", ["event_id"]),
        ("silver.items", ["item_id"]),
        ("silver.users", ["user_id"]),
        ("silver.codes", ["kind", "value"]),
        ("gold.user_features", ["user_id", "as_of_date"]),
        ("gold.user_sequences", ["user_id", "as_of_date"]),
        ("gold.training_examples", ["user_id", "as_of_date"]),
        ("gold.user_profiles", ["user_id", "as_of_date", "model_version"]),
    ],
)
def test_keys_are_unique(first, folder, name, key):
    rows = table(folder, name)
    assert rows.height
    assert rows.select(key).is_unique().all()


def test_every_user_seen_has_one_scored_profile(first, folder):
    profiles, events = table(folder, "gold.user_profiles"), table(folder, "silver.events")
    assert set(profiles["user_id"]) == set(events["user_id"])
    assert profiles["purchase_probability"].is_between(0, 1).all()
    assert (profiles["expected_spend"] >= 0).all()
    for name in ("next_action", "window_actions", "next_categories", "next_item", "window_items"):
        assert profiles[name].list.len().min() > 0, name
    chances = profiles["next_action"].list.eval(pl.element().struct.field("score").sum()).list.first()
    assert ((chances - 1).abs() < 1e-6).all()
    can_leave = profiles["days_since_purchase"] <= 90
    assert (profiles["churn_probability"].is_not_null() == can_leave.fill_null(False)).all()
    assert profiles["days_to_purchase"].drop_nulls().is_between(0, 14).all()
    assert profiles["embedding"].list.len().n_unique() == 1
    assert (profiles["tags"].list.len() > 0).mean() > 0.5
    assert profiles["scores_missing_because"].null_count() == profiles.height


def test_a_profile_has_an_interest_vector_by_the_weighting_that_was_best_on_validation(first, folder):
    profiles = table(folder, "gold.user_profiles")
    model = folder / "models" / first["metrics"]["train_model"]["model_version"]
    network = yaml.safe_load((model / "config.yaml").read_text())["train_model"]["network"]
    interests = profiles["interest_vector"].drop_nulls()
    assert set(interests.list.len()) == {network["item_width"] + network["category_width"]}
    lengths = interests.list.eval(pl.element() ** 2).list.sum()
    assert ((lengths - 1).abs() < 1e-4).all()
    sequences = table(folder, "gold.user_sequences")
    seen = sequences.filter(pl.col("sequence_category_1").list.eval(pl.element() > 0).list.any())["user_id"]
    assert set(profiles.filter(pl.col("interest_vector").is_not_null())["user_id"]) <= set(seen)
    assert interests.len() > 0.9 * seen.len()
    told = json.loads((model / "metrics.json").read_text())["interest"]
    of_validation = {name: found["hr@10"] for name, found in told["validation"].items() if name != "popularity"}
    assert set(of_validation) == {"rule", "least_squares", "attention"}
    assert of_validation[told["served_by"]] == max(of_validation.values())
    assert json.loads((model / "interest.json").read_text())["weighting"] == told["served_by"]


def test_a_first_model_begins_a_space(first, folder):
    began = first["metrics"]["train_model"]["model_version"]
    assert set(table(folder, "gold.user_profiles")["embedding_space"]) == {began}
    told = json.loads((folder / "models" / began / "metrics.json").read_text())["embedding_space"]
    assert (told["name"], told["aligned_to"]) == (began, None)
    assert "no model was trained before" in told["because"]


def test_bots_have_a_profile_but_teach_nothing(first, folder):
    events, examples = table(folder, "silver.events"), table(folder, "gold.training_examples")
    bots = set(events.filter("is_bot")["user_id"])
    truth = pl.read_parquet(next((folder / "build").rglob("truth/users.parquet")))
    assert len(bots) == truth["is_bot"].sum() > 0
    assert not bots & set(examples["user_id"])


def test_examples_are_split_by_time_and_only_mature(first, folder):
    examples = table(folder, "gold.training_examples")
    last = examples.group_by("split").agg(
        pl.col("as_of_date").min().alias("low"), pl.col("as_of_date").max().alias("high")
    )
    span = {row["split"]: (row["low"], row["high"]) for row in last.iter_rows(named=True)}
    horizon = 14
    assert (span["validation"][0] - span["train"][1]).days >= horizon
    assert (span["test"][0] - span["validation"][1]).days >= horizon
    as_of = table(folder, "gold.user_profiles")["as_of_date"][0]
    assert (as_of - span["test"][1]).days >= horizon


def test_no_raw_id_leaves_bronze_and_quarantine(first, folder):
    raw = re.compile(r"\b[UDA]\d{7}\b")  # users, devices and addresses of the demo shop
    for name in ("silver.events", "silver.users", "gold.user_features", "gold.user_profiles", "ops.runs"):
        assert not raw.search(table(folder, name).write_ndjson()), name
    for path in [*(folder / "report").rglob("*.html"), *(p for p in (folder / "models").rglob("*.json"))]:
        assert not raw.search(path.read_text()), path
    assert raw.search(table(folder, "bronze.events").head(50).write_ndjson())


def test_the_model_folder_tells_how_it_was_made(first, folder):
    model = folder / "models" / first["metrics"]["train_model"]["model_version"]
    assert {path.name for path in model.iterdir()} >= {
        "network.keras", "spec.json", "metrics.json", "serving.json", "interest.json", "space.json", "history.json",
        "config.yaml",
    }  # fmt: skip
    measures = json.loads((model / "metrics.json").read_text())
    assert set(measures) == {
        "validation", "test", "intervals", "curves", "calibration_error", "served_by", "not_learnt", "interest",
        "embedding_space",
    }  # fmt: skip
    assert measures["not_learnt"] == {}
    assert {"network", "base_rate", "recency_rule", "lightgbm"} <= set(measures["test"]["purchase"])
    assert "popularity" in measures["test"]["next_categories"]
    assert set(measures["served_by"]) == set(HEADS)
    served = table(folder, "gold.user_profiles")["served_by"][0].to_list()
    assert {one["score"]: one["model"] for one in served} == measures["served_by"]


def test_an_evaluation_from_judged_rows_says_what_training_measured(first, once, folder):
    ended = once(job=evaluate_model)
    assert ended["exit_code"] == 0, ended
    rows = table(folder, "gold.model_judgements")
    key = ["model_version", "split", "user_id", "as_of_date", "score", "model"]
    assert rows.select(key).is_unique().all()
    assert rows.height == ended["metrics"]["evaluate_model"]["judgements"]
    version = first["metrics"]["train_model"]["model_version"]
    trained = json.loads((folder / "models" / version / "metrics.json").read_text())
    told = json.loads(next((folder / "report").rglob("evaluation.json")).read_text())
    assert [one["head"] for one in told] == list(HEADS)
    for one in told:
        assert one["served_by"] == trained["served_by"][one["head"]]
        for split in ("validation", "test"):
            for model, measures in trained[split][one["head"]].items():
                shown = {name: one["splits"][split][model][name]["value"] for name in measures}
                assert shown == pytest.approx(measures, rel=1e-3, abs=1e-4), (one["head"], split, model)
        for model, ends in trained["intervals"][one["head"]].items():
            judged = one["splits"]["test"][model][one["decided_by"]]
            # Other draws of the same rows, so that ends differ by a part of the interval.
            assert ends == pytest.approx([judged["low"], judged["high"]], abs=0.3 * (ends[1] - ends[0]) + 1e-4)
    html = next((folder / "report").rglob("evaluation.html")).read_text()
    assert all(f'<section id="{name}">' in html for name in HEADS)
    client = mlflow_at(f"sqlite:///{next((folder / 'report').rglob('mlflow.db'))}")
    (tracked,) = client.search_runs([client.get_experiment_by_name("demo_shop").experiment_id])
    assert tracked.info.run_name == version
    how = {name: tracked.data.params[name] for name in ("epochs", "batch_rows", "training_version", "network.encoder")}
    assert how == {"epochs": "2", "batch_rows": "64", "training_version": "1", "network.encoder": "gru"}
    assert once(job=evaluate_model)["steps"] == {"evaluate_model": 0.0}


def test_every_user_with_an_embedding_is_in_one_segment(first, folder):
    of_users, segments = table(folder, "gold.user_segments"), table(folder, "gold.segments")
    profiles = table(folder, "gold.user_profiles").filter(pl.col("embedding").is_not_null())
    assert sorted(of_users["user_id"]) == sorted(profiles["user_id"])
    counts = dict(of_users.group_by("segment").len().iter_rows())
    assert counts == dict(segments.select("segment", "users").iter_rows())
    assert set(counts) == set(range(1, len(counts) + 1))
    assert segments["share"].sum() == pytest.approx(1)
    assert set(of_users["embedding_space"]) == set(profiles["embedding_space"])
    means = (
        table(folder, "gold.user_features")
        .join(of_users, "user_id")
        .group_by("segment")
        .agg(pl.col("orders_90d").mean())
    )
    for segment in segments.to_dicts():
        for one in segment["features"]:
            if one["name"] == "orders_90d":
                (mean,) = means.filter(pl.col("segment") == segment["segment"])["orders_90d"]
                assert one["mean"] == pytest.approx(mean)


def test_every_score_that_is_known_has_reasons(first, folder):
    profiles = table(folder, "gold.user_profiles")
    reasons = profiles.select("user_id", "reasons").explode("reasons").unnest("reasons")
    assert reasons["text"].str.len_chars().min() > 0
    assert reasons["share"].is_between(0, 1).all()
    of_scores = reasons.group_by("user_id", "score").agg(pl.len(), pl.col("share").sum())
    assert of_scores["len"].max() <= 3
    assert of_scores["share"].max() <= 1 + 1e-9
    for score in ("purchase", "churn", "spend"):
        known = profiles.filter(pl.col(HEADS[score].column).is_not_null())
        assert set(of_scores.filter(pl.col("score") == score)["user_id"]) == set(known["user_id"]) != set()


def test_a_planted_cause_is_the_first_reason_of_those_whom_it_drives(first, folder):
    """Who disputes calls the service, and within so many days the bank takes the money back, which is the risk."""
    truth = pl.read_parquet(next((folder / "build").rglob("truth/users.parquet")))
    key = load_or_make_key(folder / "key")
    planted = {pseudonym(user, key=key, kind="user") for user in truth.filter("disputes")["user_id"]}
    calls = table(folder, "gold.user_features").filter(pl.col("days_since_service_contact") <= BANK_DAYS[1])
    driven = planted & set(calls["user_id"])
    assert len(driven) >= 10
    profiles = table(folder, "gold.user_profiles").filter(pl.col("user_id").is_in(driven))
    reasons = profiles.select("reasons").with_row_index("row").explode("reasons").unnest("reasons")
    strongest = reasons.filter(pl.col("score") == "risk").group_by("row", maintain_order=True).first()
    named = strongest.filter((pl.col("code") == "service") & (pl.col("direction") == "raises"))
    assert named.height >= 0.9 * len(driven)


def test_a_score_of_a_user_is_explained_in_full_where_the_user_consented(first, once, folder):
    profiles = table(folder, "gold.user_profiles").filter(pl.col("churn_probability").is_not_null()).sort("user_id")
    consents = pl.col("consent").list.contains("profiling")
    user, other = (profiles.filter(which)["user_id"][0] for which in (consents, ~consents))
    ended = once("--pseudonym", user, job=explain_score)
    told = ended["metrics"]["explain_score"]
    assert told["gap"] <= 0.01
    (reasons,) = profiles.filter(pl.col("user_id") == user)["reasons"]
    strongest = [one["text"] for one in reasons.to_list() if one["score"] == "churn"]
    if told["model"] != "network":  # the fast way orders a network's parts alike, not the same
        assert list(told["parts"])[: len(strongest)] == strongest
    page = Path(told["page"]).read_text()
    assert user in page
    assert "is a GRU: it has no attention" in page
    assert once("--pseudonym", user, job=explain_score)["steps"] == {"explain_score": 0.0}
    withheld = once("--pseudonym", other, job=explain_score)
    assert withheld["exit_code"] == 3
    assert "has not consented to profiling" in withheld["error"]
    assert once("--pseudonym", user[:-1], job=explain_score)["exit_code"] == 2
    assert once("--pseudonym", user, "--set", "explain_score.score=mood", job=explain_score)["exit_code"] == 2


def test_profiles_are_held_against_the_most_that_can_be_known(first, once, folder):
    ended = once("--data", "demo_shop", job=leaderboard)
    assert ended["exit_code"] == 0, ended
    assert ended["steps"]["train_model"] == 0.0
    rows = ended["metrics"]["leaderboard"]["rows"]
    measures = ["churn_auc", "next_categories_ndcg@10", "affinity_ndcg@10"]
    trained = json.loads(
        (folder / "models" / first["metrics"]["train_model"]["model_version"] / "metrics.json").read_text()
    )
    served = trained["test"]["churn"][trained["served_by"]["churn"]]
    assert rows["profile"]["churn_auc"] == served["auc"]
    assert [rows["share"][name] for name in measures] == [
        rows["profile"][name] / rows["bayes"][name] for name in measures
    ]
    assert 0.5 < rows["profile"]["affinity_ndcg@10"] < rows["bayes"]["affinity_ndcg@10"] < 1
    assert rows["bayes"]["next_categories_ndcg@10"] > 0.3
    assert rows["bayes"]["churn_auc"] > 0.55


def test_every_step_names_its_inputs_and_outputs(first, folder):
    runs = table(folder, "ops.runs").filter(pl.col("run_id") == first["run_id"])
    assert set(runs["step"]) == set(first["steps"])
    examples = runs.filter(pl.col("step") == "train_model")["inputs"][0]
    version = first["tables"]["gold.training_examples"]["version"]
    assert [(pinned["table"], pinned["version"]) for pinned in examples] == [("gold.training_examples", version)]


def test_every_commit_names_its_run(first, folder):
    root = folder / "warehouse" / WAREHOUSE
    commits = [
        (name, one) for name in tables_below(str(root)) for one in DeltaTable(root / name.replace(".", "/")).history()
    ]
    assert {"ops.runs", "gold.user_profiles"} <= {name for name, _ in commits}
    assert [(name, one["operation"]) for name, one in commits if not one.get("userMetadata")] == []


def test_the_page_shows_counts_and_profiles(first, folder):
    html = Path(first["metrics"]["build_report"]["page"]).read_text()
    assert f"{first['metrics']['refine_events']['in']:,}" in html
    assert (
        table(folder, "gold.user_profiles").filter(pl.col("user_id").map_elements(html.__contains__, pl.Boolean)).height
        == 5
    )


def test_a_second_run_changes_nothing(first, once):
    once()  # the page shows what was evaluated since
    second = once()
    assert second["exit_code"] == 0
    assert {name: pinned["version"] for name, pinned in second["tables"].items()} == {
        name: pinned["version"] for name, pinned in first["tables"].items() if name != "ops.serving"
    }  # what serves is decided once
    assert set(second["steps"].values()) == {0.0}


def test_a_forced_rerun_leaves_the_same_rows(first, once, folder):
    names = ("silver.events", "quarantine.events", "silver.codes", "gold.user_features", "gold.user_sequences")
    before = {name: table(folder, name) for name in names}
    for job in (refine_events, build_features):
        assert once("--force", job=job)["exit_code"] == 0
    for name, rows in before.items():
        keys = [
            column
            for column in ("event_id", "user_id", "kind", "value", "file_number", "place")
            if column in rows.columns
        ]
        assert rows.sort(keys).equals(table(folder, name).sort(keys)), name


def test_a_retrained_model_stays_in_the_space_of_the_first_and_says_how_well(first, once, folder):
    began = first["metrics"]["train_model"]["model_version"]
    seed = ("--set", "train_model.seed=8")
    trained = once(*seed, job=train_model)
    assert trained["exit_code"] == 0, trained
    figures = trained["metrics"]["train_model"]
    assert figures["model_version"] != figures["embedding_space"] == began
    told = json.loads((folder / "models" / figures["model_version"] / "metrics.json").read_text())["embedding_space"]
    assert (told["name"], told["aligned_to"]) == (began, began)
    for column in ("embedding", "interest_vector"):
        assert told[column]["anchors"] > 4 * told[column]["held_out"] - 5 > 0
        assert 0 < told[column]["residual"] < 2**0.5
        assert told[column]["cosine_after"] > told[column]["cosine_before"]
    scored = once(*seed, job=infer_profiles)
    assert scored["exit_code"] == 0, scored
    assert scored["metrics"]["promote_model"]["decision"]["promoted"], scored
    profiles = table(folder, "gold.user_profiles")
    assert set(profiles["model_version"]) == {began, figures["model_version"]}
    assert set(profiles["embedding_space"]) == {began}
    of_models = [
        np.array(rows.sort("user_id")["embedding"].to_list()) for rows in profiles.partition_by("model_version")
    ]
    one, other = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True) for vectors in of_models)
    assert (one * other).sum(axis=1).mean() == pytest.approx(told["embedding"]["cosine_after"], abs=0.2)


def serving(folder: Path) -> list[tuple[str, str, str | None]]:
    rows = table(folder, "ops.serving").sort("decided_at")
    return list(rows.select("decision", "serving", "instead_of").iter_rows())


def test_what_serves_goes_back_and_forth_and_a_worse_model_is_declined(first, once, folder):
    """After the test before, which trained a second model."""
    one = first["metrics"]["train_model"]["model_version"]
    trained = [model for _, model, _ in serving(folder)]
    assert trained[0] == one
    two = trained[-1]
    assert serving(folder) == [("promoted", one, None), ("promoted", two, one)]
    assert once(job=promote_model)["tables"] == {}  # nothing new

    back = once("--set", f"rollback_model.model={two}", job=rollback_model)
    assert back["metrics"]["rollback_model"] == {"model_version": one, "instead_of": two}
    assert once(job=infer_profiles)["metrics"]["infer_profiles"]["model_version"] == one
    first_of_all = once("--set", f"rollback_model.model={one}", job=rollback_model)
    assert first_of_all["exit_code"] == 3
    assert "no model to go back to" in first_of_all["error"]

    by_hand = once("--set", f"promote_model.model={two}", job=promote_model)
    assert by_hand["metrics"]["promote_model"]["decision"]["because"] == "promoted by hand"
    unknown = once("--set", "promote_model.model=nobody", job=promote_model)
    assert (unknown["exit_code"], "names no model" in unknown["error"]) == (2, True)

    third = once("--set", "train_model.epochs=1", "train_model.seed=9", job=train_model)
    candidate = third["metrics"]["train_model"]["model_version"]
    spoil(folder / "models" / candidate)
    declined = once(job=promote_model)["metrics"]["promote_model"]
    assert (declined["serves"], declined["decision"]["candidate"]) == (two, candidate)
    assert (declined["decision"]["promoted"], "beyond noise" in declined["decision"]["because"]) == (False, True)
    assert once(job=infer_profiles)["metrics"]["infer_profiles"]["model_version"] == two

    again = once("--set", f"promote_model.model={two}", job=promote_model)  # it serves already
    assert again["metrics"]["promote_model"]["serves"] == two
    back = once("--set", f"rollback_model.model={two}", job=rollback_model)
    assert back["metrics"]["rollback_model"]["model_version"] == one

    shutil.move(folder / "models" / one, folder / "gone")
    last = once("--set", "train_model.seed=10", "train_model.align=false", job=train_model)
    decided = once(job=promote_model)["metrics"]["promote_model"]
    assert decided["serves"] == last["metrics"]["train_model"]["model_version"]
    assert decided["decision"]["because"] == f"the files of {one} are gone"
    shutil.move(folder / "gone", folder / "models" / one)


def spoil(model: Path) -> None:
    """Turn its chances of a purchase round: who would buy would not."""
    path = model / "serving.json"
    heads = json.loads(path.read_text())
    purchase = heads["purchase"]
    purchase["calibrations"][purchase["model"]]["slope"] *= -1
    path.write_text(json.dumps(heads))


def test_a_score_is_finetuned_from_a_body_that_was_pretrained_without_labels(first, once, folder):
    nothing = once("--set", "finetune_model.task=purchase", job=finetune_model)
    assert nothing["exit_code"] == 3
    assert "nothing has been pre-trained" in nothing["error"]
    pretrained = once("--set", "pretrain_model.epochs=2", job=pretrain_model)
    assert pretrained["exit_code"] == 0, pretrained
    assert pretrained["metrics"]["pretrain_model"]["validation_contrast"] > 0
    assert once("--set", "pretrain_model.epochs=2", job=pretrain_model)["steps"] == {"pretrain_model": 0.0}
    frozen = "finetune_model.frozen=[event,history]"
    settings = ["--set", "finetune_model.task=purchase", "finetune_model.epochs=2", frozen]
    tuned = once(*settings, job=finetune_model)
    assert tuned["exit_code"] == 0, tuned
    again = once(*settings, job=finetune_model)
    assert again["steps"] == {"finetune_model": 0.0}
    assert again["metrics"] == tuned["metrics"]
    figures = tuned["metrics"]["finetune_model"]
    model = folder / "models" / figures["model_version"]
    measures = json.loads((model / "metrics.json").read_text())
    assert list(measures["served_by"]) == ["purchase"]
    assert figures["auc"] == measures["test"]["purchase"]["network"]["auc"]
    earlier = set(table(folder, "ops.models")["model_version"])
    whole = once("--set", "train_model.start=pretrained", job=train_model)
    assert whole["exit_code"] == 0, whole
    assert whole["metrics"]["train_model"]["model_version"] != first["metrics"]["train_model"]["model_version"]
    assert whole["metrics"]["train_model"]["embedding_space"] in earlier

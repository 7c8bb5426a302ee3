"""The demo shop: what a profile knows of its users, beside the most that can be known (demo_shop/bayes.py)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from deltalake import DeltaTable
from sklearn.metrics import ndcg_score

from userprofile.columns import CATEGORY_LEVELS
from userprofile.config.leaderboard import PlantedTruthBoard
from userprofile.demo_shop import Shop
from userprofile.demo_shop.bayes import Belief, believe
from userprofile.demo_shop.catalogue import stock
from userprofile.demo_shop.history import history
from userprofile.demo_shop.population import Population, populate
from userprofile.demo_shop.taxonomy import LEAVES
from userprofile.demo_shop.write import label
from userprofile.errors import DataGateError
from userprofile.events.entities import PATH_SEPARATOR
from userprofile.events.pseudonyms import load_or_make_key, pseudonym
from userprofile.heads.every import HEADS
from userprofile.heads.serving import NETWORK
from userprofile.pipelines.build_training_set import build_training_set
from userprofile.pipelines.engine import names_of_codes
from userprofile.pipelines.examples import EXAMPLES
from userprofile.pipelines.steps import Run
from userprofile.pipelines.train_model import split_rows, train_model
from userprofile.spec import SPEC_FILE, FeatureSpec
from userprofile.training.trained import METRICS

Rows = dict[str, dict[str, Any]]

# Of the board, by head: the measure that is compared.
MEASURES = {"churn": "auc", "next_categories": "ndcg@10"}
AFFINITY = "affinity_ndcg@10"
_LOWER_LEVEL_FIRST = 1000.0


def truth_leaderboard(run: Run, board: PlantedTruthBoard) -> Rows:
    """On the test rows of the training set: `profile`, what serves; `network`; `bayes`; and `share`, profile / bayes.

    Affinity is the order of leaves, judged by the affinities that a user truly has. Raises DataGateError where the log
    is too short to train on.
    """
    examples = build_training_set(run)
    trained = train_model(run).outcome.metrics
    if "skipped" in trained:
        raise DataGateError("no model was trained", received=trained["skipped"], fix="make leaderboard with more DAYS")
    folder = Path(run.config.models, trained["model_version"])
    spec = FeatureSpec.from_json((folder / SPEC_FILE).read_text())
    measures = json.loads((folder / METRICS).read_text())
    table = DeltaTable(run.store.path(EXAMPLES), version=examples.output(EXAMPLES).version)
    rows = split_rows(table, "test")
    if missing := [head for head in MEASURES if head not in measures["test"]]:
        raise DataGateError(
            "the shop does not teach every score that is compared",
            expected=", ".join(MEASURES),
            received=f"none of {', '.join(missing)}",
            fix="make leaderboard DATA=demo_shop with more USERS or DAYS",
        )
    shop = Shop(**run.config.demo_shop.model_dump())
    people, users = populate(shop), _users(run, shop, rows)
    truth, belief = people.affinity[users], _belief(shop, people, rows, spec)
    serving = measures["served_by"]
    profile = {**_measured(measures, serving), AFFINITY: _order(truth, _affinities(rows))}
    bayes = {**_of_belief(run, belief, users, rows, spec), AFFINITY: _order(truth, belief.affinity[users])}
    return {
        "profile": {**profile, **{f"{head}_served_by": serving[head] for head in MEASURES}},
        "network": _measured(measures, dict.fromkeys(MEASURES, NETWORK)),
        "bayes": bayes,
        "share": {name: value / bayes[name] for name, value in profile.items()},
    }


def _measured(measures: dict[str, Any], models: dict[str, str]) -> dict[str, float]:
    return {f"{head}_{measure}": measures["test"][head][models[head]][measure] for head, measure in MEASURES.items()}


def _users(run: Run, shop: Shop, rows: pa.Table) -> np.ndarray:
    """int [rows] the shop's number of each row's user."""
    key = load_or_make_key(Path(run.config.pseudonym_key))
    names = pl.select(user=pl.int_range(shop.users)).select(label("U", "user")).to_series()
    number = {pseudonym(name, key=key, kind="user"): user for user, name in enumerate(names)}
    return np.array([number[user] for user in rows["user_id"].to_pylist()])


def _belief(shop: Shop, people: Population, rows: pa.Table, spec: FeatureSpec) -> Belief:
    catalogue = stock(shop)
    day = (rows["as_of_date"][0].as_py() - shop.start).days
    events = history(shop, people, catalogue)
    return believe(shop, people, catalogue, events, day=day, days=round(spec.window_days[1]))


def _of_belief(run: Run, belief: Belief, users: np.ndarray, rows: pa.Table, spec: FeatureSpec) -> dict[str, float]:
    """What is measured of a head, of what is believed."""
    codes = names_of_codes(run).filter(pl.col("kind") == f"category_{spec.category_level}")
    code_of = dict(codes.select("value", "code").iter_rows())
    classes = [code_of.get(name) for name in _leaves(spec.category_level)]
    of_classes = np.array([[code == one for one in spec.heads["next_categories"]] for code in classes], np.float64)
    said = {
        "churn": belief.nothing_bought[users],
        "next_categories": -np.expm1(-belief.purchases[users] @ of_classes),
    }
    measured = {}
    for name, measure in MEASURES.items():
        head = HEADS[name]
        measured[f"{name}_{measure}"] = head.metrics(head.judgement(head.arrays(rows, spec), said[name]))[measure]
    return {name: float(value or 0.0) for name, value in measured.items()}


def _leaves(level: int) -> list[str]:
    """The path of each leaf down to a level."""
    paths = [(leaf.department, leaf.category, leaf.subcategory) for leaf in LEAVES]
    return [PATH_SEPARATOR.join(path[:level]) for path in paths]


def _affinities(rows: pa.Table) -> np.ndarray:
    """[rows, leaves] that order them: by the affinity to the leaf, then to its category, then to its department."""
    order = np.zeros((rows.num_rows, len(LEAVES)))
    for level in CATEGORY_LEVELS:
        paths = np.array(_leaves(level))
        for row, listed in enumerate(rows[f"category_{level}_affinity"].to_pylist()):
            for one in listed:
                order[row, paths == one["name"]] += one["score"] * _LOWER_LEVEL_FIRST**level
    return order


def _order(truth: np.ndarray, said: np.ndarray) -> float:
    """Mean NDCG@10 of the leaves as `said` orders them, by what they are truly worth to each user."""
    return float(ndcg_score(truth, said, k=10))

"""Next items under a published protocol: the network, mixed with simple rules as validation decides, and the rules."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from userprofile.baselines.next_item import RULES, ItemHistories, Popularity
from userprofile.baselines.next_item_places import Forecast, NetworkStates, fitted_temperature, fitted_weights
from userprofile.baselines.serving import served
from userprofile.config.leaderboard import LeaveOneOutBoard
from userprofile.errors import DataGateError
from userprofile.feed.histories import HistorySpec, fit_history_spec
from userprofile.feed.lists import list_array
from userprofile.labels.next_event import REFIT, TEST, TRAIN, VALIDATION, LeaveOneOut
from userprofile.model.metrics import NDCG, Metrics, over_seeds, place_metrics
from userprofile.pipelines.build_histories import HISTORIES, build_histories, contents_of_items
from userprofile.pipelines.steps import Run
from userprofile.pipelines.training_request import launched, training_request
from userprofile.schemas.arrow import arrow_schema
from userprofile.schemas.gold import HistoryExamples
from userprofile.tables.row_groups import read_row_groups, row_groups
from userprofile.tables.store import TableVersion
from userprofile.training.checkpoint import Checkpoints
from userprofile.training.request import TrainingRequest
from userprofile.training.trained import ITEMS, PREDICTIONS, Trained

Rows = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class _Asked:
    """What comes after each history, and what did."""

    histories: ItemHistories
    target: np.ndarray  # places in the vocabulary, -1 for an item that is not in it
    other_day: np.ndarray  # whether on another day than the event before

    @classmethod
    def of(cls, rows: pa.Table, spec: HistorySpec) -> _Asked:
        whole = ItemHistories.of(list_array(rows["sequence_item"]), spec.vocabulary)
        return cls(*whole.without_last(), ~rows["label_is_same_day"].to_numpy())


def next_item_leaderboard(run: Run, board: LeaveOneOutBoard) -> Rows:
    """Per model hr@10 and ndcg@10 of the test events, over all items but those that the user had.

    For each seed a network learns from the train parts and stops by validation, which also gives the weights of the
    mixture, and says which model serves a profile; a second network learns as many epochs from all that is known before
    the test event, as do the rules. Measures are means over seeds. `<measure>_other_day` and `_same_day` are of users
    whose last two events fall on different days, or on one.
    """
    table = build_histories(run, LeaveOneOut()).output(HISTORIES)
    parts = {split: _part(run, table, split) for split in (TRAIN, REFIT, VALIDATION, TEST)}
    settings = run.config.pretrain_model
    spec = fit_history_spec(
        parts[REFIT],
        sequence_length=settings.sequence_length,
        vocabulary_size=settings.item_vocabulary,
        contents=contents_of_items(run),
    )
    request = training_request(run, table, spec, settings)
    by_seed = [_judged(run, replace(request, seed=settings.seed + seed), spec, parts) for seed in range(board.seeds)]
    return {model: over_seeds([rows[model] for rows in by_seed]) for model in by_seed[0]}


def _judged(run: Run, request: TrainingRequest, spec: HistorySpec, parts: Mapping[str, pa.Table]) -> dict[str, Metrics]:
    run.say(f"seed {request.seed}: learning from the train parts, until validation says enough")
    first = _trained(run, request)
    validation = _Asked.of(parts[VALIDATION], spec)
    forecast = _forecast(parts[TRAIN], validation, first, VALIDATION, spec)
    temperature = fitted_temperature(forecast, validation.target)
    forecast = forecast.tempered(temperature)
    weights = fitted_weights(forecast, validation.target)
    places = forecast.places(validation.target, weights)
    validated = {model: {NDCG: place_metrics(of_model)[NDCG] or 0.0} for model, of_model in places.items()}
    chosen = served(validated, head="mixture", by=[NDCG])
    epochs = max(first.history, key=lambda entry: entry["validation"][NDCG])["epoch"]
    models = ", ".join(f"{name} {weight:.2f}" for name, weight in zip(forecast.models, weights, strict=True))
    run.say(f"seed {request.seed}: {chosen.because}; of the mixture {models}")
    run.say(f"seed {request.seed}: {epochs} epochs from all that is known before the test event")
    second = _trained(run, replace(request, learnt=REFIT, validated="", epochs=epochs))
    test = _Asked.of(parts[TEST], spec)
    forecast = _forecast(parts[REFIT], test, second, TEST, spec).tempered(temperature)
    places = forecast.places(test.target, weights)
    return {model: _measures(of_model, test) for model, of_model in {"profile": places[chosen.model], **places}.items()}


def _measures(places: np.ndarray, asked: _Asked) -> Metrics:
    of_users = {"": places, "_other_day": places[asked.other_day], "_same_day": places[~asked.other_day]}
    return {f"{name}{users}": value for users, some in of_users.items() for name, value in place_metrics(some).items()}


def _forecast(known: pa.Table, asked: _Asked, trained: Trained, split: str, spec: HistorySpec) -> Forecast:
    """Of rules that saw the `known` parts, and of the network that learnt from them."""
    histories = ItemHistories.of(list_array(known["sequence_item"]), spec.vocabulary)
    items = len(spec.vocabulary)
    states, scoring = (_arrays(trained.files[name]) for name in (PREDICTIONS.format(split), ITEMS))
    return Forecast(
        {name: rule.fit(histories, items) for name, rule in RULES.items()},
        Popularity.fit(histories, items),
        NetworkStates(states["state"], scoring["vectors"], scoring["bias"]),
        asked.histories,
        only_new=True,
    )


def _trained(run: Run, request: TrainingRequest) -> Trained:
    """On ranks as train_model's; begun again, it goes on from its last checkpoint, or is found done."""
    checkpoints = Checkpoints.made(f"{run.store.root}/checkpoints/{request.identity()[:16]}")
    processes = run.config.train_model.processes
    return launched(run, replace(request, checkpoints=checkpoints.root), processes=processes)


def _part(run: Run, table: TableVersion, split: str) -> pa.Table:
    """The rows of a split, in the order in which a network's predictions of it come."""
    groups = row_groups(run.store.path(table.table), table.version, partition={"split": split})
    columns = arrow_schema(HistoryExamples)
    if not sum(rows for *_, rows in groups):
        raise DataGateError(
            f"no history has a part to {split} on",
            expected="users of three events and more",
            received="none in silver.events",
            fix="a longer log, or another protocol",
        )
    return read_row_groups(groups, pa.schema([columns.field(name) for name in ("sequence_item", "label_is_same_day")]))


def _arrays(content: bytes) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(content)) as arrays:
        return dict(arrays)

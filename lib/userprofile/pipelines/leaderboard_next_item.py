"""Next items under a published protocol: the network, mixed with simple rules as validation decides, and the rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from userprofile.baselines.item_histories import ItemHistories
from userprofile.baselines.next_item import RULES, LastSeen, Popularity
from userprofile.baselines.next_item_places import Forecast, NetworkStates, fitted_temperature, fitted_weights
from userprofile.baselines.serving import served
from userprofile.config.leaderboard import LeaveOneOutBoard
from userprofile.feed.histories import HistorySpec
from userprofile.feed.lists import list_array
from userprofile.labels.next_event import REFIT, SPLITS, TEST, TRAIN, VALIDATION
from userprofile.model.metrics import NDCG, Metrics, over_seeds, place_metrics
from userprofile.pipelines.build_histories import HISTORIES, build_histories
from userprofile.pipelines.next_item_judging import Asked, arrays_of, part_of
from userprofile.pipelines.next_item_training import NextItemTrainings
from userprofile.pipelines.steps import Run
from userprofile.training.trained import ITEMS, PREDICTIONS, Trained

Rows = dict[str, dict[str, Any]]


def next_item_leaderboard(run: Run, board: LeaveOneOutBoard) -> Rows:
    """Per model hr@10 and ndcg@10 of the test events, among all items but, with only_new, those that the user had.

    For each seed a network learns from the train parts and stops by validation. Half of the validation users also give
    the temperature and the weights of the mixture, the other half says which model serves a profile. A second network
    learns as many epochs from all that is known before the test event, as do the rules. Measures are means over seeds.
    `<measure>_other_day` and `_same_day` are of users whose last two events fall on different days, or on one.
    """
    table = build_histories(run).output(HISTORIES)
    parts = {split: part_of(run, table, split) for split in SPLITS}
    trainings = NextItemTrainings(run, table, run.config.next_items)
    seeds = [run.config.next_items.seed + number for number in range(board.seeds)]
    by_seed = [_judged(run, board, trainings, parts, seed) for seed in seeds]
    trainings.clear()
    return {model: over_seeds([rows[model] for rows in by_seed]) for model in by_seed[0]}


def _judged(
    run: Run, board: LeaveOneOutBoard, trainings: NextItemTrainings, parts: Mapping[str, pa.Table], seed: int
) -> dict[str, Metrics]:
    run.say(f"seed {seed}: learning from the train parts, until validation says enough")
    spec = trainings.spec(parts[TRAIN])
    first = trainings.of(spec, seed=seed)
    validation = Asked.of(parts[VALIDATION], spec, only_new=board.only_new)
    fitting, deciding = validation.part(slice(0, None, 2)), validation.part(slice(1, None, 2))
    forecast = _forecast(board, parts[TRAIN], fitting, first, VALIDATION, spec)
    temperature = fitted_temperature(forecast, fitting.target)
    weights = fitted_weights(forecast.tempered(temperature), fitting.target)
    forecast = _forecast(board, parts[TRAIN], deciding, first, VALIDATION, spec).tempered(temperature)
    places = forecast.places(deciding.target, weights)
    validated = {model: {NDCG: place_metrics(of_model)[NDCG] or 0.0} for model, of_model in places.items()}
    chosen = served(validated, head="mixture", by=[NDCG])
    models = ", ".join(f"{name} {weight:.2f}" for name, weight in zip(forecast.models, weights, strict=True))
    run.say(f"seed {seed}: {chosen.because}; of the mixture {models}")
    epochs = max(first.history, key=lambda entry: entry["validation"][NDCG])["epoch"]
    run.say(f"seed {seed}: {epochs} epochs from all that is known before the test event")
    spec = trainings.spec(parts[REFIT])
    second = trainings.of(spec, seed=seed, learnt=REFIT, validated="", epochs=epochs)
    test = Asked.of(parts[TEST], spec, only_new=board.only_new)
    places = _forecast(board, parts[REFIT], test, second, TEST, spec).tempered(temperature).places(test.target, weights)
    users = {"users": float(len(test.users)), "users_left_out": float(parts[TEST].num_rows - len(test.users))}
    by_model = {"profile": places[chosen.model], **places}
    return {model: {**_measures(of_model, test), **users} for model, of_model in by_model.items()}


def _measures(places: np.ndarray, asked: Asked) -> Metrics:
    of_users = {"": places, "_other_day": places[asked.other_day], "_same_day": places[~asked.other_day]}
    return {f"{name}{users}": value for users, some in of_users.items() for name, value in place_metrics(some).items()}


def _forecast(
    board: LeaveOneOutBoard, known: pa.Table, asked: Asked, trained: Trained, split: str, spec: HistorySpec
) -> Forecast:
    """Of rules that saw the `known` parts, and of the network that learnt from them."""
    histories = ItemHistories.of(list_array(known["sequence_item"]), spec.vocabulary)
    items = len(spec.vocabulary)
    states, scoring = (arrays_of(trained.files[name]) for name in (PREDICTIONS.format(split), ITEMS))
    rules = {name: rule for name, rule in RULES.items() if not (board.only_new and rule is LastSeen)}
    return Forecast(
        {name: rule.fit(histories, items) for name, rule in rules.items()},
        Popularity.fit(histories, items),
        NetworkStates(states["state"][asked.users], scoring["vectors"], scoring["bias"]),
        asked.histories,
        only_new=board.only_new,
    )

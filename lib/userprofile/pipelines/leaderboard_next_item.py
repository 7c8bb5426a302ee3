"""Next items under a published protocol: the network, mixed with simple rules as validation decides, and the rules."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from userprofile.baselines.next_item import RULES, ItemHistories, LastSeen, Popularity
from userprofile.baselines.next_item_places import Forecast, NetworkStates, fitted_temperature, fitted_weights
from userprofile.baselines.serving import served
from userprofile.config.leaderboard import LeaveOneOutBoard
from userprofile.errors import DataGateError
from userprofile.feed.histories import HistorySpec
from userprofile.feed.lists import list_array
from userprofile.labels.next_event import REFIT, SPLITS, TEST, TRAIN, VALIDATION
from userprofile.model.metrics import NDCG, Metrics, over_seeds, place_metrics
from userprofile.pipelines.build_histories import HISTORIES, build_histories
from userprofile.pipelines.next_item_training import NextItemTrainings
from userprofile.pipelines.steps import Run
from userprofile.schemas.arrow import arrow_schema
from userprofile.schemas.gold import HistoryExamples
from userprofile.tables.row_groups import read_row_groups, row_groups
from userprofile.tables.store import TableVersion
from userprofile.training.trained import ITEMS, PREDICTIONS, Trained

Rows = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class _Asked:
    """What comes after each history, and what did; of `users`, those of all rows that are judged by."""

    users: np.ndarray
    histories: ItemHistories
    target: np.ndarray  # places in the vocabulary, -1 for an item that is not in it
    other_day: np.ndarray  # whether on another day than the event before

    @classmethod
    def of(cls, rows: pa.Table, spec: HistorySpec, *, only_new: bool) -> _Asked:
        before, target = ItemHistories.of(list_array(rows["sequence_item"]), spec.vocabulary).without_last()
        had = np.zeros(len(target), bool)
        np.logical_or.at(had, before.users(), before.items == np.repeat(target, np.diff(before.starts)))
        users = np.flatnonzero(~(had & (target >= 0)) if only_new else np.ones(len(target), bool))
        other_day = ~rows["label_is_same_day"].to_numpy(zero_copy_only=False)
        return cls(users, before.of_users(users), target[users], other_day[users])

    def part(self, kept: slice) -> _Asked:
        """Some of the users."""
        places = np.arange(len(self.users))[kept]
        return _Asked(self.users[kept], self.histories.of_users(places), self.target[kept], self.other_day[kept])


def next_item_leaderboard(run: Run, board: LeaveOneOutBoard) -> Rows:
    """Per model hr@10 and ndcg@10 of the test events, among all items but, with only_new, those that the user had.

    For each seed a network learns from the train parts and stops by validation. Half of the validation users also give
    the temperature and the weights of the mixture, the other half says which model serves a profile. A second network
    learns as many epochs from all that is known before the test event, as do the rules. Measures are means over seeds.
    `<measure>_other_day` and `_same_day` are of users whose last two events fall on different days, or on one.
    """
    table = build_histories(run).output(HISTORIES)
    parts = {split: _part(run, table, split) for split in SPLITS}
    trainings = NextItemTrainings(run, table, run.config.pretrain_model)
    seeds = [run.config.pretrain_model.seed + number for number in range(board.seeds)]
    by_seed = [_judged(run, board, trainings, parts, seed) for seed in seeds]
    trainings.clear()
    return {model: over_seeds([rows[model] for rows in by_seed]) for model in by_seed[0]}


def _judged(
    run: Run, board: LeaveOneOutBoard, trainings: NextItemTrainings, parts: Mapping[str, pa.Table], seed: int
) -> dict[str, Metrics]:
    run.say(f"seed {seed}: learning from the train parts, until validation says enough")
    spec = trainings.spec(parts[TRAIN])
    first = trainings.of(spec, seed=seed)
    validation = _Asked.of(parts[VALIDATION], spec, only_new=board.only_new)
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
    test = _Asked.of(parts[TEST], spec, only_new=board.only_new)
    places = _forecast(board, parts[REFIT], test, second, TEST, spec).tempered(temperature).places(test.target, weights)
    users = {"users": float(len(test.users)), "users_left_out": float(parts[TEST].num_rows - len(test.users))}
    by_model = {"profile": places[chosen.model], **places}
    return {model: {**_measures(of_model, test), **users} for model, of_model in by_model.items()}


def _measures(places: np.ndarray, asked: _Asked) -> Metrics:
    of_users = {"": places, "_other_day": places[asked.other_day], "_same_day": places[~asked.other_day]}
    return {f"{name}{users}": value for users, some in of_users.items() for name, value in place_metrics(some).items()}


def _forecast(
    board: LeaveOneOutBoard, known: pa.Table, asked: _Asked, trained: Trained, split: str, spec: HistorySpec
) -> Forecast:
    """Of rules that saw the `known` parts, and of the network that learnt from them."""
    histories = ItemHistories.of(list_array(known["sequence_item"]), spec.vocabulary)
    items = len(spec.vocabulary)
    states, scoring = (_arrays(trained.files[name]) for name in (PREDICTIONS.format(split), ITEMS))
    rules = {name: rule for name, rule in RULES.items() if not (board.only_new and rule is LastSeen)}
    return Forecast(
        {name: rule.fit(histories, items) for name, rule in rules.items()},
        Popularity.fit(histories, items),
        NetworkStates(states["state"][asked.users], scoring["vectors"], scoring["bias"]),
        asked.histories,
        only_new=board.only_new,
    )


def _part(run: Run, table: TableVersion, split: str) -> pa.Table:
    """The rows of a split, in the order in which a network's predictions of it come."""
    groups = row_groups(run.store.path(table.table), table.version, partition={"split": split})
    columns = arrow_schema(HistoryExamples)
    if not sum(rows for *_, rows in groups):
        raise DataGateError(
            f"no history has a part to {split} on",
            expected="users of four events with an item and more",
            received="none in silver.events",
            fix="a longer log, or another protocol",
        )
    return read_row_groups(groups, pa.schema([columns.field(name) for name in ("sequence_item", "label_is_same_day")]))


def _arrays(content: bytes) -> dict[str, np.ndarray]:
    with np.load(io.BytesIO(content)) as arrays:
        return dict(arrays)

"""New items: how often a network foresees an item that nothing was learnt of, by what it reads of items."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import ValidationError

from userprofile.baselines.next_item_places import places_of
from userprofile.config.leaderboard import NewItemsBoard
from userprofile.config.learning import NextItems
from userprofile.errors import UsageError
from userprofile.feed.histories import HistorySpec
from userprofile.labels.next_event import TEST, TRAIN
from userprofile.model.metrics import Metrics, over_seeds, place_metrics
from userprofile.pipelines.build_new_item_histories import NEW_ITEM_HISTORIES, build_new_item_histories, drawn_items
from userprofile.pipelines.next_item_judging import Asked, arrays_of, part_of
from userprofile.pipelines.next_item_training import NextItemTrainings
from userprofile.pipelines.steps import Run
from userprofile.training.trained import ITEMS, PREDICTIONS, Trained

Rows = dict[str, dict[str, Any]]

_USERS_AT_ONCE = 1000


def new_items_leaderboard(run: Run, board: NewItemsBoard) -> Rows:
    """Per row of the board hr@10 and ndcg@10, among all items, new and known, that the user had not before.

    `<measure>_new` is of users whose test event is of a new item, `_known` of the others. A network learns from the
    train parts, without any event of a new item, and stops by validation, which has none either. An item is new by the
    board's seed alone, so that all rows are asked the same.
    """
    settings = settings_of_rows(run, board)
    new_items = drawn_items(run, share=board.share, seed=board.seed)
    table = build_new_item_histories(run, new_items).output(NEW_ITEM_HISTORIES)
    learnt, tested = (part_of(run, table, split) for split in (TRAIN, TEST))
    rows: Rows = {}
    for name, of_row in settings.items():
        run.say(f"{name}: contents {', '.join(of_row.contents) or 'none'}")
        trainings = NextItemTrainings(run, table, of_row)
        spec = trainings.spec(learnt, new_items=new_items)
        seeds = [of_row.seed + number for number in range(board.seeds)]
        rows[name] = over_seeds([_judged(board, trainings.of(spec, seed=seed), spec, tested) for seed in seeds])
        trainings.clear()
    return rows


def settings_of_rows(run: Run, board: NewItemsBoard) -> dict[str, NextItems]:
    """What each row trains with. Raises UsageError naming a row that cannot be."""
    return {name: _settings(run, name, keys) for name, keys in board.rows.items()}


def _settings(run: Run, name: str, keys: Mapping[str, Any]) -> NextItems:
    plain = run.config.next_items.model_dump()
    network = keys.get("network", {})
    if isinstance(network, Mapping):
        network = {**plain["network"], **network}
    try:
        return NextItems.model_validate({**plain, **keys, "network": network})
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(
            f"row {name} of the leaderboard is not right",
            expected=f"keys of next_items: {first['msg']}",
            received=f"{'.'.join(map(str, first['loc']))}: {first['input']!r}"[:200],
            fix=f"change rows.{name} of the leaderboard's file",
        ) from error


def _judged(board: NewItemsBoard, trained: Trained, spec: HistorySpec, tested: pa.Table) -> Metrics:
    asked = Asked.of(tested, spec, only_new=board.only_new)
    states = arrays_of(trained.files[PREDICTIONS.format(TEST)])["state"][asked.users]
    scoring = arrays_of(trained.files[ITEMS])
    places = _places(states, scoring["vectors"], scoring["bias"], asked, only_new=board.only_new)
    is_new = asked.target >= len(spec.vocabulary) - spec.new_items
    of_users = {"new": places[is_new], "known": places[~is_new]}
    measures: Metrics = {}
    for which, some in of_users.items():
        measures |= {f"{name}_{which}": value for name, value in place_metrics(some).items()}
        measures[f"users_{which}"] = float(len(some))
    return measures


def _places(states: np.ndarray, vectors: np.ndarray, bias: np.ndarray, asked: Asked, *, only_new: bool) -> np.ndarray:
    """int [users]: other items that score as high, but for those that the user had where these are not ranked."""
    found = []
    for first in range(0, len(states), _USERS_AT_ONCE):
        end = min(first + _USERS_AT_ONCE, len(states))
        scores, part = states[first:end] @ vectors.T + bias, asked.histories.part(first, end)
        if only_new:
            known = part.items >= 0
            scores[part.users()[known], part.items[known]] = -np.inf
        found.append(places_of(scores, asked.target[first:end]))
    return np.concatenate(found) if found else np.zeros(0, np.int64)

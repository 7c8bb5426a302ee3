"""The log of bench-features: the same at every run, in order of time, with users who differ."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import polars as pl
import pytest

from userprofile.columns import ACTION_CODE, ACTIONS
from userprofile.features.sequences import CODES


@pytest.fixture
def log_module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    import features_log

    monkeypatch.setattr(features_log, "EVENTS_PER_FILE", 5_000)
    return features_log


def whole(module: ModuleType, **changes: float) -> pl.DataFrame:
    log = module.Log(**{"events": 20_001, "users": 400, **changes})
    assert log.files == 4
    return pl.concat(module.drawn(log, number) for number in range(log.files))


def test_the_same_at_every_run_and_another_with_another_seed(log_module: ModuleType) -> None:
    events = whole(log_module)
    assert events.equals(whole(log_module))
    assert not events.equals(whole(log_module, seed=8))
    assert log_module.Log(10, 1).name != log_module.Log(10, 2).name


def test_files_follow_each_other_in_time_and_no_event_is_lost(log_module: ModuleType) -> None:
    events = whole(log_module)
    assert events.height == 20_001
    assert events["event_time"].is_sorted()
    assert events["event_order"].is_unique().all()
    assert (events["event_time"].max() - events["event_time"].min()).days == 179
    assert not events["user_id"].is_sorted()


def test_some_arrive_late_and_none_early(log_module: ModuleType) -> None:
    lag = whole(log_module)["known_at"] - whole(log_module)["event_time"]
    assert lag.min().total_seconds() == 0
    assert 0.005 < (lag.dt.total_seconds() > 0).mean() < 0.02
    assert whole(log_module, late=0).select((pl.col("known_at") == pl.col("event_time")).all()).item()


def test_activity_has_a_heavy_tail(log_module: ModuleType) -> None:
    counts = whole(log_module).group_by("user_id").len()["len"].sort(descending=True)
    assert counts[0] > 15 * counts.median()
    assert counts.head(len(counts) // 10).sum() > 0.4 * counts.sum()


def test_one_user_takes_his_events_from_the_others(log_module: ModuleType) -> None:
    even, skewed = whole(log_module), whole(log_module, of_one_user=5_000)
    largest = skewed.group_by("user_id").len().sort("len").row(-1)
    assert 5_000 <= largest[1] < 5_200
    assert skewed.height == even.height
    assert skewed["event_time"].equals(even["event_time"])
    others = (skewed["user_id"] != largest[0]) & (even["user_id"] != largest[0])
    assert (skewed["user_id"] == even["user_id"]).filter(others).all()


def test_each_action_has_the_values_that_it_can_have(log_module: ModuleType) -> None:
    events = whole(log_module, events=20_000)
    assert sorted(events["action"].unique()) == sorted(ACTION_CODE.values())
    of = {action: events.filter(pl.col("action") == ACTION_CODE[action]) for action in ACTIONS}
    assert of["search"]["item"].null_count() == of["search"].height
    assert of["view"]["item"].null_count() == 0
    assert of["purchase"]["order"].null_count() == 0
    assert of["view"]["order"].null_count() == of["view"].height
    assert 0 < of["purchase"]["amount"].null_count() < 0.02 * of["purchase"].height
    assert (of["purchase"]["amount"].drop_nulls() > 0).all()


def test_every_code_has_a_word(log_module: ModuleType) -> None:
    import features_shop

    events, names = whole(log_module), features_shop.names()
    for kind in ("category_1", "category_2", "category_3", "brand", "colour", "channel", "price_band"):
        words = names.filter(pl.col("kind") == kind)["code"]
        assert set(events[kind].drop_nulls()) <= set(words), kind
    assert set(CODES) < set(events.columns)

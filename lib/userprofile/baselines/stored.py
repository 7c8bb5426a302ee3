"""Fitted baselines as text, so that one may serve a score long after it was fitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from userprofile.baselines.actions import ActionHabits, ActionMarkov, ActionRates, ActionShares
from userprofile.baselines.boosting import BoostedTrees
from userprofile.baselines.btyd import BgNbdPurchase, BgNbdSpend
from userprofile.baselines.history_rules import HistoryRule
from userprofile.baselines.purchase import BaseRate, RecencyRule
from userprofile.baselines.regression import RfmLogistic
from userprofile.baselines.rung import Rung
from userprofile.baselines.sets import CategoryPopularity, LastSeen, Popularity, UserFrequency
from userprofile.baselines.spend import LastWindowSpend, MeanSpend
from userprofile.baselines.waiting import WaitingByRecency, WaitingCurve
from userprofile.errors import UsageError

Fields = dict[str, Any]


KINDS: dict[str, type[Any]] = {
    kind.__name__: kind
    for kind in (
        ActionHabits, ActionMarkov, ActionRates, ActionShares, BaseRate, BgNbdPurchase, BgNbdSpend, BoostedTrees,
        CategoryPopularity, HistoryRule, LastSeen, LastWindowSpend, MeanSpend, Popularity, RecencyRule, RfmLogistic,
        UserFrequency, WaitingByRecency, WaitingCurve,
    )
}  # fmt: skip


def fields_of(rung: Any) -> Fields:
    """Of a dataclass of numbers, text, and tuples of these: what JSON can hold, and `rung_of` reads."""
    # Not asdict, which copies number by number.
    return {"kind": type(rung).__name__, **{field.name: getattr(rung, field.name) for field in fields(rung)}}


def rung_of(stored: Mapping[str, Any]) -> Rung:
    """Raises UsageError where the fields are of no rung."""
    try:
        values = {name: _tuples(value) for name, value in stored.items() if name != "kind"}
        rung: Rung = KINDS[stored["kind"]](**values)
    except (KeyError, TypeError) as reason:
        raise UsageError(
            "this is no fitted baseline", expected="what fields_of gave", received=str(reason), fix="make train_model"
        ) from reason
    return rung


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value

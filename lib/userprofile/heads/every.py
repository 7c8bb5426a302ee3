"""All heads, and which of them a training can learn."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pyarrow as pa

from userprofile.errors import DataGateError
from userprofile.heads.action import NextAction, WindowActions
from userprofile.heads.binary import Churn, Purchase, Risk
from userprofile.heads.categories import NextCategories
from userprofile.heads.head import Head
from userprofile.heads.items import NextItem, WindowItems
from userprofile.heads.spend import Spend
from userprofile.heads.waiting import DaysToPurchase
from userprofile.spec import FeatureSpec

HEADS: dict[str, Head] = {
    head.name: head
    for head in (
        Purchase(), Churn(), Spend(), DaysToPurchase(), NextAction(), WindowActions(), NextCategories(), NextItem(),
        WindowItems(), Risk(),
    )
}  # fmt: skip


def heads_of(spec: FeatureSpec) -> list[Head]:
    """Those that a model of the spec has."""
    return [HEADS[name] for name in spec.heads]


def with_heads(
    spec: FeatureSpec, train: pa.Table, wanted: Iterable[str], *, most_classes: int
) -> tuple[FeatureSpec, dict[str, str]]:
    """The spec with those of the wanted heads that training rows teach; and of the others, why they do not.

    Raises DataGateError where nothing can be learnt.
    """
    learnt: dict[str, tuple[int, ...]] = {}
    reasons: dict[str, str] = {}
    for name in wanted:
        classes = HEADS[name].classes(train, spec, most=most_classes)
        if reason := HEADS[name].unlearnable(train, classes):
            reasons[name] = reason
        else:
            learnt[name] = classes
    if not learnt:
        raise DataGateError(
            "no head of the profile can be learnt",
            expected="labels that differ from row to row",
            received="; ".join(f"{name}: {reason}" for name, reason in reasons.items()) or "no head at all",
            fix="a longer log, another horizon, or other train_model.network.heads",
        )
    return replace(spec, heads=learnt), reasons


def label_schema(heads: Iterable[Head]) -> pa.Schema:
    """Columns of gold.training_examples that hold their labels."""
    return pa.schema({name: kind for head in heads for name, kind in head.labels().items()})

"""How good a model is, as a page: every score beside its ladder, with intervals, calibration, slices and fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from userprofile.report.page import template_of
from userprofile.report.words import figure


def evaluation_page(
    evaluations: Sequence[Mapping[str, Any]], *, model: Mapping[str, Any], source: str, largest_gap: float
) -> str:
    """HTML with everything inside it. `evaluations` are heads.evaluation.evaluated; `model` is a row of ops.models."""
    template = template_of("evaluation.html", measured=measured)
    return template.render(evaluations=evaluations, model=model, source=source, limit=largest_gap)


def measured(value: Mapping[str, Any] | None) -> str:
    """A measure, with its interval where it has one."""
    if value is None or value["value"] is None:
        return "-"
    shown = _plain(value["value"])
    return f"{shown} [{_plain(value['low'])}, {_plain(value['high'])}]" if "low" in value else shown


def figures(evaluations: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Every measure of every model as <split>/<score>/<model>/<measure>."""
    return {
        f"{split}/{one['head']}/{model}/{name}": value["value"]
        for one in evaluations
        for split, models in one["splits"].items()
        for model, measures in models.items()
        for name, value in measures.items()
        if value["value"] is not None
    }


def _plain(value: float) -> str:
    return figure(value) if abs(value) >= 100 else f"{value:.4f}"

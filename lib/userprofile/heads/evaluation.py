"""How good the models of a head are, from the judgement of each row: measures with intervals, curves, slices, fit.

A judgement is what Head.judgement gives, by split and model. Everything here is plain numbers, as a report shows them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from userprofile.baselines.serving import LARGER_IS_BETTER
from userprofile.heads.head import Arrays, Head
from userprofile.heads.serving import NETWORK, HeadServing, Serving, judged_by_head
from userprofile.model.intervals import best_f1_threshold
from userprofile.model.metrics import Metrics, decision_metrics
from userprofile.spec import FeatureSpec

Judgements = Mapping[tuple[str, str], Arrays]  # by split and model
Measured = dict[str, dict[str, Any]]

SPLITS = TRAIN, VALIDATION, TEST = "train", "validation", "test"
CURVE_BINS = 10
ROWS_DRAWN = 10_000  # at most, by which an interval is told


@dataclass(frozen=True)
class Asking:
    """How intervals are drawn, and from which share on a gap between splits is told as a bad fit."""

    draws: int
    largest_gap: float
    seed: int


def evaluated(
    head: Head, judgements: Judgements, serving: HeadServing, segments: Mapping[str, np.ndarray], how: Asking
) -> dict[str, Any]:
    """All of one head; `segments` [rows] of each split name the slice that a row is in."""
    models, served_by = list(serving.calibrations), serving.model
    thresholds = _thresholds(head, judgements, models)

    def measure(judgement: Arrays, model: str) -> Metrics:
        decided = decision_metrics(judgement["label"], judgement["predicted"], thresholds[model]) if thresholds else {}
        return {**head.metrics(judgement), **decided}

    def drawn(split: str, model: str) -> Measured:
        measured = partial(measure, model=model)
        return with_intervals(measured, judgements[split, model], draws=how.draws, seed=how.seed)

    splits = {split: {model: drawn(split, model) for model in models} for split in (VALIDATION, TEST)}
    splits[TRAIN] = {model: _alone(measure(judgements[TRAIN, model], model)) for model in models}
    return {
        "head": head.name,
        "served_by": served_by,
        "decided_by": head.by[0],
        "rows": {split: len(next(iter(judgements[split, models[0]].values()))) for split in SPLITS},
        "splits": splits,
        "thresholds": thresholds,
        "curves": {model: curve(judgements[TEST, model]) for model in models if thresholds},
        "slices": _slices(head, judgements, segments[TEST], sorted({served_by, NETWORK})),
        "fit": fit_in_words(head, splits, models, how.largest_gap),
    }


def told_of_test(
    serving: Serving, spec: FeatureSpec, rows: pa.Table, kept: Arrays, *, draws: int, seed: int
) -> dict[str, Any]:
    """What training tells of the test split, out of what heads.serving.measured is asked.

    `test` are all measures by head and model; `intervals`, likewise, the ends of that of the measure that decides,
    where it has any; `curves`, by head of yes and no, the curve of what serves it.
    """
    told: dict[str, Any] = {TEST: {}, "intervals": {}, "curves": {}}
    for head, of_head in judged_by_head(serving, spec, rows, kept):
        name = head.name
        told[TEST][name] = {model: head.metrics(judgement) for model, judgement in of_head.items()}
        deciding = partial(_deciding, head)
        found = {
            model: with_intervals(deciding, judgement, draws=draws, seed=seed)[head.by[0]]
            for model, judgement in of_head.items()
        }
        told["intervals"][name] = {model: [one["low"], one["high"]] for model, one in found.items() if "low" in one}
        if head.decides:
            told["curves"][name] = curve(of_head[serving.heads[name].model])
    return told


def with_intervals(measure: Callable[[Arrays], Metrics], judgement: Arrays, *, draws: int, seed: int) -> Measured:
    """Each measure with the ends of its 95 % interval by the bootstrap over rows, one row a user.

    The same seed draws the same users for every model. Of many rows fewer are drawn, and what draws differ by is told
    smaller in turn: the m out of n bootstrap (Bickel, Goetze & van Zwet 1997) of a measure whose error falls with the
    root of the rows. No interval where a measure is undefined on some draw.
    """
    rng, rows = np.random.default_rng(seed), len(next(iter(judgement.values())))
    size = min(rows, ROWS_DRAWN)
    drawn = [rng.integers(rows, size=size) for _ in range(draws)] if rows else []
    of_draws = [measure({name: values[places] for name, values in judgement.items()}) for places in drawn]
    measured = _alone(measure(judgement))
    for name, of_measure in measured.items():
        values = [value for one in of_draws if (value := one[name]) is not None]
        if values and len(values) == len(of_draws):
            off = (np.quantile(values, (0.025, 0.975)) - of_measure["value"]) * np.sqrt(size / rows)
            low, high = of_measure["value"] + off
            of_measure |= {"low": float(low), "high": float(high)}
    return measured


def curve(judgement: Arrays) -> list[dict[str, float]]:
    """Of bins of equally many rows in the order of what was said: the mean of that, the share that came, and rows."""
    known = ~np.isnan(judgement["label"])
    label, said = judgement["label"][known], judgement["predicted"][known]
    order = np.argsort(said, kind="stable")
    bins = [rows for rows in np.array_split(order, CURVE_BINS) if len(rows)]
    return [
        {"said": float(said[rows].mean()), "came": float(label[rows].mean()), "rows": float(len(rows))} for rows in bins
    ]


def fit_in_words(
    head: Head, splits: Mapping[str, Mapping[str, Measured]], models: Sequence[str], limit: float
) -> dict[str, Any]:
    """The network's gap from train to validation and test as a share of its measure on train, and what it tells."""
    by = head.by[0]
    sign = 1 if LARGER_IS_BETTER[by] else -1
    of_network = {split: splits[split][NETWORK][by]["value"] for split in SPLITS}
    simplest = next(model for model in models if model != NETWORK)
    base = splits[TRAIN][simplest][by]["value"]
    if any(value is None for value in (*of_network.values(), base)):
        return {"measure": by, **of_network, "gap": None, "verdict": f"{by} is undefined on a split"}
    train = of_network[TRAIN]
    gap = sign * (train - of_network[VALIDATION]) / max(abs(train), 1e-9)
    if sign * (train - base) <= 0:
        verdict = f"underfitted: on what it learnt from no better than {simplest}, {train:.4f} against {base:.4f}"
    else:
        kind = "overfitted" if gap > limit else "sound"
        verdict = f"{kind}: {by} is {max(gap, 0):.0%} worse on validation than on what it learnt from"
    return {"measure": by, **of_network, "gap": gap, "verdict": verdict}


def _thresholds(head: Head, judgements: Judgements, models: Sequence[str]) -> dict[str, float]:
    """Of a head of yes and no, from which probability each model says yes: that of the best F1 on validation."""
    if not head.decides:
        return {}
    found = {}
    for model in models:
        judgement = judgements[VALIDATION, model]
        known = ~np.isnan(judgement["label"])
        found[model] = best_f1_threshold(judgement["label"][known], judgement["predicted"][known])
    return found


def _slices(head: Head, judgements: Judgements, segments: np.ndarray, models: Sequence[str]) -> list[dict[str, Any]]:
    by, rows = head.by[0], []
    for segment in sorted(set(segments.tolist())):
        inside = segments == segment
        measures = {
            model: head.metrics({name: values[inside] for name, values in judgements[TEST, model].items()})[by]
            for model in models
        }
        rows.append({"segment": segment, "rows": int(inside.sum()), **measures})
    return rows


def _deciding(head: Head, judgement: Arrays) -> Metrics:
    return {head.by[0]: head.metrics(judgement)[head.by[0]]}


def _alone(metrics: Metrics) -> Measured:
    return {name: {"value": value} for name, value in metrics.items()}

"""Which model serves each head of a profile: the network where it beats its ladder on validation, else the ladder."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from userprofile.baselines.rung import Rung
from userprofile.baselines.serving import Served, served
from userprofile.baselines.stored import fields_of, rung_of
from userprofile.calibration.error import calibration_error_above_chance
from userprofile.errors import DataGateError, UsageError
from userprofile.heads.every import HEADS, heads_of
from userprofile.heads.head import Arrays, Head, Json, LadderSettings
from userprofile.model.metrics import Metrics
from userprofile.spec import FeatureSpec

NETWORK = "network"

# Rows that a rung scores at once, and that a ladder is fitted on at most: numbers of all items a row.
ROWS_AT_ONCE, LADDER_ROWS = 2_000, 50_000

# Probabilities that a calibration error is measured by at most, and draws of labels that tell what chance does.
CLAIMS, SIMULATIONS = 100_000, 50

Measures = dict[str, dict[str, Metrics]]  # by head and model


@dataclass(frozen=True)
class HeadServing:
    """The `model` that serves a head and why; of each model its calibration, and of the ladder its rungs as stored."""

    model: str
    because: str
    calibrations: Mapping[str, Json]
    rungs: Mapping[str, Json]

    def rung(self, name: str) -> Rung:
        """As it was fitted."""
        return rung_of(self.rungs[name])


@dataclass(frozen=True)
class Serving:
    """Of every head that a model has."""

    heads: Mapping[str, HeadServing]

    def to_json(self) -> str:
        """Heads in their order, each ladder from the simplest rung up."""
        of_heads = {name: vars(one) for name, one in self.heads.items()}
        return json.dumps(of_heads, allow_nan=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Serving:
        """Raises UsageError when the text is none."""
        try:
            return cls({name: HeadServing(**fields) for name, fields in json.loads(text).items()})
        except (ValueError, TypeError, AttributeError) as reason:
            raise UsageError(
                "serving.json does not say what serves the heads",
                expected="the fields of HeadServing by head",
                received=str(reason),
                fix="make train_model",
            ) from reason


def fit_serving(
    spec: FeatureSpec,
    train: pa.Table,
    validation: pa.Table,
    kept: Arrays,
    settings: LadderSettings,
    *,
    say: Callable[[str], None],
) -> Serving:
    """From rows of two splits, and what training kept of the network's predictions on validation."""
    return Serving(
        {head.name: _head_serving(head, spec, train, validation, kept, settings, say) for head in heads_of(spec)}
    )


def measured(serving: Serving, spec: FeatureSpec, rows: pa.Table, kept: Arrays) -> Measures:
    """Every model of every head on the rows of a split, and what training kept of the network's predictions on it."""
    return {
        head.name: {model: head.metrics(judgement) for model, judgement in of_head.items()}
        for head, of_head in judged_by_head(serving, spec, rows, kept)
    }


def judged_by_head(
    serving: Serving, spec: FeatureSpec, rows: pa.Table, kept: Arrays
) -> Iterator[tuple[Head, dict[str, Arrays]]]:
    """The same before it is measured, by model; a head at a time, as each may be large."""
    for name, of_head in serving.heads.items() if rows.num_rows else ():
        head = HEADS[name]
        found: dict[str, Arrays] = {NETWORK: head.judgement_of_kept(kept, of_head.calibrations[NETWORK])}
        for rung in of_head.rungs:
            found[rung] = judgement_of_rung(head, of_head.rung(rung), of_head.calibrations[rung], rows, spec)
        yield head, found


def calibration_errors(serving: Serving, spec: FeatureSpec, rows: pa.Table, kept: Arrays) -> dict[str, float | None]:
    """By head, how far the probabilities that are published are from what came, above what chance would do."""
    errors: dict[str, float | None] = {}
    for name, one in serving.heads.items():
        head = HEADS[name]
        if rows.num_rows and (claims := _claims(head, one, spec, rows, kept)) is not None:
            step = 1 + len(claims[0]) // CLAIMS
            label, claimed = (values[::step] for values in claims)
            errors[name] = calibration_error_above_chance(label, claimed, simulations=SIMULATIONS)
    return errors


def _claims(
    head: Head, one: HeadServing, spec: FeatureSpec, rows: pa.Table, kept: Arrays
) -> tuple[np.ndarray, np.ndarray] | None:
    calibration = one.calibrations.get(one.model, {})
    if one.model == NETWORK:
        return head.claims_of_kept(kept, calibration)
    predicted = head.predicted(head.raw_of_rung(one.rung(one.model).predict(rows)), calibration)
    return head.claims(head.arrays(rows, spec), predicted)


def judgement_of_rung(
    head: Head, rung: Rung, calibration: Json, rows: pa.Table, spec: FeatureSpec
) -> dict[str, np.ndarray]:
    """As Head.judgement; some rows at a time."""
    parts = []
    for start in range(0, rows.num_rows, ROWS_AT_ONCE):
        some = rows.slice(start, ROWS_AT_ONCE)
        predicted = head.predicted(head.raw_of_rung(rung.predict(some)), calibration)
        parts.append(head.judgement(head.arrays(some, spec), predicted))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _head_serving(
    head: Head,
    spec: FeatureSpec,
    train: pa.Table,
    validation: pa.Table,
    kept: Arrays,
    settings: LadderSettings,
    say: Callable[[str], None],
) -> HeadServing:
    calibrations: dict[str, Json] = {NETWORK: {}}
    measures: dict[str, Metrics] = {}
    rungs = _fitted(head, spec, train, settings, say)
    if validation.num_rows:
        calibrations[NETWORK] = head.calibration_of_kept(kept)
        measures[NETWORK] = head.metrics(head.judgement_of_kept(kept, calibrations[NETWORK]))
        for name, rung in rungs.items():
            calibrations[name] = head.calibration_of_rung(rung, validation, spec)
            judged = judgement_of_rung(head, rung, calibrations[name], validation, spec)
            measures[name] = head.metrics(judged)
    chosen = _chosen(measures, head)
    say(f"{head.name}: {chosen.model} serves; {chosen.because}")
    stored = {name: fields_of(rung) for name, rung in rungs.items()}
    return HeadServing(chosen.model, chosen.because, calibrations, stored)


def _fitted(
    head: Head, spec: FeatureSpec, train: pa.Table, settings: LadderSettings, say: Callable[[str], None]
) -> dict[str, Rung]:
    rows = head.learnt_from(train)
    step = 1 + rows.num_rows // LADDER_ROWS
    rows = rows.take(np.arange(0, rows.num_rows, step)) if step > 1 else rows
    rungs: dict[str, Rung] = {}
    for name, fit in head.ladder(spec, settings).items():
        try:
            rungs[name] = fit(rows)
        except DataGateError as reason:
            say(f"{head.name}: no {name} on the ladder, {reason.what}")
    return rungs


def _chosen(measures: Mapping[str, Metrics], head: Head) -> Served:
    by = [name for name in head.by if measures and all(of_model[name] is not None for of_model in measures.values())]
    if not by:
        return Served(NETWORK, "no validation row tells models apart")
    told: dict[str, dict[str, float]] = {
        model: {name: float(of_model[name] or 0.0) for name in by} for model, of_model in measures.items()
    }
    return served(told, head=NETWORK, by=by)

"""A model and one user's row -> why one score of the user is what it is: told, and as a page."""

from __future__ import annotations

import json
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyspark.sql import functions as F

from userprofile.channels import CHANNELS
from userprofile.columns import ACTIONS
from userprofile.errors import DataGateError, UsageError
from userprofile.features.catalogue import user_features_schema
from userprofile.pipelines.dates import log_range, scoring_date
from userprofile.pipelines.engine import KEY, feature_catalogue
from userprofile.pipelines.infer_profiles import wording_of, words_of
from userprofile.pipelines.models import model_files, no_model
from userprofile.pipelines.serving_models import serving_model
from userprofile.pipelines.steps import Outcome, Run, Step
from userprofile.report.attention import Looked
from userprofile.report.attribution import Attributed, attribution_page
from userprofile.report.consent import Purpose, granted, withheld
from userprofile.schemas.entities import SilverUsers
from userprofile.schemas.gold import UserSequences
from userprofile.spec import SPEC_FILE, WORDS_FILE, FeatureSpec
from userprofile.tables.store import TableVersion

FOLDER = "explanations"
PARTS_TOLD = 10
_CHANNELS = ("item", "category", "action")


def explain_score(run: Run) -> Step:
    """Of the user and the score that are named, by the model that scores the as-of date.

    Raises UsageError for an unknown user, score or method and a score that is null, and DataGateError where there is no
    model, or the user has not consented to profiling.
    """
    settings = run.config.explain_score
    as_of = scoring_date(run, log_range(run, run.pinned("silver.events", made_by="refine_events"))).date
    model, reason = serving_model(run, as_of)
    if model is None:
        raise no_model(run, as_of, reason)
    inputs = [run.pinned(f"gold.{name}", made_by="build_features") for name in ("user_features", "user_sequences")]
    users = run.pinned("silver.users", made_by="refine_events")
    name = f"{run.pseudonym}-{settings.score}-{settings.method}.html"
    path = Path(run.config.report, Path(run.store.root).name, FOLDER, name)
    return run.step(
        "explain_score",
        partial(_explain, run, model, [*inputs, users], as_of, path),
        inputs=[*inputs, users],
        sections=["source", "language", "explain_score"],
        parameters={"pseudonym": run.pseudonym, "model": model["model_version"]},
        as_of=as_of,
        again=not path.exists(),
    )


def _explain(run: Run, model: dict[str, Any], inputs: list[TableVersion], as_of: date, path: Path) -> Outcome:
    # Here and not above: other jobs' drivers never load TensorFlow.
    from userprofile.explain.attention import attentions
    from userprofile.explain.explanation import explained
    from userprofile.explain.reasons import cached_reasoner
    from userprofile.inference.score import cached_scorer

    row, settings, files = _row(run, inputs, as_of), run.config.explain_score, model_files(run, model)
    spec = FeatureSpec.from_json(files[SPEC_FILE].decode())
    words = words_of(run, spec)
    scorer = cached_scorer(model["model_version"], lambda: {**files, WORDS_FILE: json.dumps(words).encode()})
    reasoner = cached_reasoner(scorer, wording_of(run))
    found = explained(reasoner, row, settings.score, method=settings.method, seed=settings.seed)
    events = _events(row, spec, words["category"])
    attributed = Attributed(
        source=run.config.source.name,
        user=run.pseudonym,
        as_of=str(as_of),
        score=found.score,
        model=found.model,
        method=found.method,
        parts=found.parts.to_dicts(),
        gap=found.gap,
        channels=[*_CHANNELS, *spec.channels, "age"],
        heat=[] if found.heat is None else found.heat[: len(events)].tolist(),
        events=events,
        looked=Looked(**vars(attentions(scorer, row))),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(attribution_page(attributed), encoding="utf-8")
    _tell(run, attributed)
    told = {"score": found.score, "model": found.model, "method": found.method, "gap": found.gap}
    parts = {part["text"]: round(part["part"], 6) for part in attributed.parts}
    return Outcome([], {"page": str(path.resolve()), **told, "parts": parts})


def _row(run: Run, inputs: list[TableVersion], as_of: date) -> pa.Table:
    """The user's features and sequence, where they may be looked at."""
    features, sequences, users = inputs
    of_user = F.col("user_id") == run.pseudonym
    of_date = of_user & (F.col("as_of_date") == F.lit(as_of))
    catalogue = feature_catalogue(run.config.build_features, run.config.source.timezone)
    rows = run.store.read(features, user_features_schema(catalogue)).where(of_date)
    row = rows.join(run.store.read(sequences, UserSequences).where(of_date), KEY).toArrow()
    if not row.num_rows:
        raise UsageError(
            f"no user {run.pseudonym or 'is named, so none'} has features as of {as_of}",
            expected="a user_id of gold.user_features, in full",
            received=run.pseudonym or "none",
            fix="PSEUDONYM=<pseudonym>; make pseudonym tells that of a raw id",
        )
    consent = run.store.read(users, SilverUsers).where(of_user).select("consent").collect()
    if Purpose.PROFILING not in granted(consent[0]["consent"] if consent else []):
        raise DataGateError(withheld(Purpose.PROFILING), fix="another user")
    return row


def _events(row: pa.Table, spec: FeatureSpec, words: dict[int, str]) -> list[str]:
    """The events that the network read, oldest first."""
    actions, categories, ages = (
        row[name][0].as_py()[-spec.sequence_length :]
        for name in ("sequence_action", spec.category_column, CHANNELS["hour"].column)
    )
    return [
        f"{ACTIONS[action]} {words.get(category, '')}, {age:.0f} days ago".replace(" ,", ",")
        for action, category, age in zip(actions, categories, ages, strict=True)
    ]


def _tell(run: Run, attributed: Attributed) -> None:
    for part in attributed.parts[:PARTS_TOLD]:
        run.say(f"{part['part']:+9.4f} {100 * part['share']:5.1f} %  {part['text']}")
    more = len(attributed.parts) - PARTS_TOLD
    sums = "" if attributed.gap is None else f"; the parts miss their sum by {100 * attributed.gap:.3f} %"
    run.say(f"{attributed.score} by {attributed.model}, {attributed.method}: {max(more, 0)} more{sums}")

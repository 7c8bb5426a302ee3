"""A new model beside the one that serves, on the test users of the new one: is it worse?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import polars as pl
from pyspark.sql import DataFrame

from userprofile.heads.comparison import Compared, compared
from userprofile.heads.every import HEADS
from userprofile.heads.head import Arrays
from userprofile.heads.serving import Serving
from userprofile.pipelines.engine import feature_catalogue
from userprofile.pipelines.examples import EXAMPLES, examples_schema, sampled
from userprofile.pipelines.judgements import arrays_of
from userprofile.pipelines.models import files_are_there, model_files
from userprofile.pipelines.scoring import judged
from userprofile.pipelines.steps import Run
from userprofile.spec import SERVING_FILE, SPEC_FILE, WORDS_FILE, FeatureSpec
from userprofile.tables.store import TableVersion


def against(run: Run, new: dict[str, Any], old: dict[str, Any]) -> tuple[str, bool]:
    """How a model does beside the one before, in words, and whether it is worse beyond noise; both are rows of
    ops.models. One that could not serve any more is no measure.
    """
    before = old["model_version"]
    if not files_are_there(run, before):
        return f"the files of {before} are gone", False
    files = [model_files(run, model) for model in (new, old)]
    new_spec, old_spec = (FeatureSpec.from_json(one[SPEC_FILE].decode()) for one in files)
    schema = examples_schema(feature_catalogue(run.config.build_features, run.config.source.timezone))
    if lost := sorted(set(old_spec.dense_names) - set(schema.column_names())):
        return f"{before} reads features that are no longer built: {', '.join(lost[:3])}", False
    settings = run.config.promote_model
    examples = run.store.read(TableVersion(EXAMPLES, new["training_version"], 0), schema).where("split = 'test'")
    rows = sampled(examples, of=examples.count(), wanted=settings.examples, seed=settings.seed)
    one, other = (
        _judgements(run, rows, model["model_version"], of) for model, of in zip((new, old), files, strict=True)
    )
    shared = [name for name, classes in new_spec.heads.items() if old_spec.heads.get(name) == classes]
    how = {"among": len(shared), "draws": settings.draws, "seed": settings.seed}
    found = [compared(HEADS[name], one[name], other[name], **how) for name in shared]
    return _in_words([one for one in found if one], before)


def _judgements(run: Run, rows: DataFrame, version: str, files: Mapping[str, bytes]) -> dict[str, Arrays]:
    """By score, of the model that serves it, in the order of users."""
    heads = Serving.from_json(files[SERVING_FILE].decode()).heads
    alone = {
        name: replace(
            head,
            calibrations={head.model: head.calibrations[head.model]},
            rungs={rung: stored for rung, stored in head.rungs.items() if rung == head.model},
        )
        for name, head in heads.items()
    }
    sent = {**files, SERVING_FILE: Serving(alone).to_json().encode(), WORDS_FILE: b"{}"}
    partitions = -(-run.config.promote_model.examples // run.config.evaluate_model.examples_per_partition)
    told = judged(rows.repartition(partitions, "user_id"), f"{version} as it serves", sent)
    frame = pl.DataFrame(told.toArrow()).sort("user_id", "as_of_date")
    return {str(name): arrays_of(part) for (name,), part in frame.partition_by("score", as_dict=True).items()}


def _in_words(found: list[Compared], before: str) -> tuple[str, bool]:
    worse = [one.told() for one in found if one.is_worse]
    if worse:
        return f"worse than {before} beyond noise at {'; '.join(worse)}", True
    told = "; ".join(one.told() for one in found) or "no score of both tells the same classes apart"
    return f"not worse than {before} beyond noise: {told}", False

"""gold.training_examples -> models/<warehouse>/selected_features.json: the dense features worth training on."""

from __future__ import annotations

import json
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from userprofile.features.catalogue import dense_names
from userprofile.pipelines.build_training_set import SECTIONS as BUILT_BY
from userprofile.pipelines.dates import log_range, scoring_date
from userprofile.pipelines.engine import feature_catalogue
from userprofile.pipelines.examples import built_examples, examples_schema, sampled
from userprofile.pipelines.selected_features import list_path, read_list
from userprofile.pipelines.steps import Outcome, Run, Step
from userprofile.selection.bins import matrix
from userprofile.selection.judge import Rows
from userprofile.selection.select import Selection, select
from userprofile.tables.store import TableVersion

LABEL = "label_purchase"
SPLITS = ("train", "validation", "test")


def select_features(run: Run) -> Step:
    """Write the list, of the examples that were built as of this run's date."""
    as_of = scoring_date(run, log_range(run, run.pinned("silver.events", made_by="refine_events"))).date
    examples = built_examples(run, as_of)
    work = partial(_select, run, examples, as_of)
    sections = [*BUILT_BY, "select_features"]
    written = read_list(run)
    gone = written is None or written["as_of_date"] != str(as_of)
    return run.step("select_features", work, inputs=[examples], sections=sections, as_of=as_of, again=gone)


def _select(run: Run, examples: TableVersion, as_of: date) -> Outcome:
    settings = run.config.select_features
    catalogue = feature_catalogue(run.config.build_features, run.config.source.timezone)
    names = dense_names(catalogue)
    rows = run.store.read(examples, examples_schema(catalogue))
    some = sampled(rows, of=examples.rows, wanted=settings.examples, seed=settings.seed)
    # In one order, however the table is stored: the model that judges sees rows in turn.
    judged = pl.DataFrame(some.select("user_id", "as_of_date", "split", LABEL, *names).toArrow())
    parts = judged.sort("user_id", "as_of_date").partition_by("split", as_dict=True)
    of_split = {split: parts.get((split,), judged.clear()) for split in SPLITS}
    chosen = select(
        {split: Rows(matrix(part, names), part[LABEL].to_numpy()) for split, part in of_split.items()},
        names,
        correlation=settings.correlation,
        repeats=settings.permutations,
        seed=settings.seed,
    )
    written = {"as_of_date": str(as_of), "examples_version": examples.version, **_in_words(chosen)}
    list_path(run).parent.mkdir(parents=True, exist_ok=True)
    list_path(run).write_text(json.dumps(written, indent=1), encoding="utf-8")
    return Outcome([], _figures(chosen, judged.height, list_path(run)))


def _in_words(chosen: Selection) -> dict[str, Any]:
    auc = {"all": chosen.before, "selected": chosen.after}
    return {"features": list(chosen.features), "dropped": chosen.dropped, "auc": auc}


def _figures(chosen: Selection, examples: int, path: Path) -> dict[str, Any]:
    figures = {"examples": examples, "selected": len(chosen.features), "dropped": len(chosen.dropped)}
    auc = {
        f"{split}_auc_{which}": measured[split]
        for split in ("validation", "test")
        for which, measured in (("all", chosen.before), ("selected", chosen.after))
    }
    return {**figures, **auc, "list": str(path.resolve())}

"""gold.training_examples -> models/<warehouse>/selected_features.json: the dense features worth training on."""

from __future__ import annotations

import json
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from userprofile.errors import UsageError
from userprofile.features.catalogue import dense_names
from userprofile.pipelines.build_training_set import SECTIONS as BUILT_BY
from userprofile.pipelines.dates import log_range, scoring_date
from userprofile.pipelines.engine import feature_catalogue
from userprofile.pipelines.examples import built_examples, examples_schema, sampled
from userprofile.pipelines.steps import Outcome, Run, Step
from userprofile.selection.bins import matrix
from userprofile.selection.judge import Rows
from userprofile.selection.select import Selection, select
from userprofile.tables.store import TableVersion

LIST = "selected_features.json"
LABEL = "label_purchase"
SPLITS = ("train", "validation", "test")


def select_features(run: Run) -> Step:
    """Write the list, of the examples that were built as of this run's date."""
    as_of = scoring_date(run, log_range(run, run.pinned("silver.events", made_by="refine_events"))).date
    examples = built_examples(run, as_of)
    work = partial(_select, run, examples, as_of)
    sections = [*BUILT_BY, "select_features"]
    written = _read(run)
    gone = written is None or written["as_of_date"] != str(as_of)
    return run.step("select_features", work, inputs=[examples], sections=sections, as_of=as_of, again=gone)


def features_to_train(run: Run, as_of: date) -> list[str]:
    """The dense features that a model as of this date reads, by `train_model.features`.

    Raises UsageError where they are to be selected and no list is there, or one that has seen later labels or names
    features that are no longer in the catalogue.
    """
    names = dense_names(feature_catalogue(run.config.build_features, run.config.source.timezone))
    if run.config.train_model.features == "all":
        return names
    written = _read(run)
    if written is None:
        raise _unusable(run, as_of, "no list there")
    if written["as_of_date"] > str(as_of):
        raise _unusable(run, as_of, f"features selected as of {written['as_of_date']}, by labels of after {as_of}")
    if gone := sorted(set(written["features"]) - set(names)):
        raise _unusable(run, as_of, f"features that the catalogue lacks: {', '.join(gone)}")
    return list(written["features"])


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
    _path(run).parent.mkdir(parents=True, exist_ok=True)
    _path(run).write_text(json.dumps(written, indent=1), encoding="utf-8")
    return Outcome([], _figures(chosen, judged.height, _path(run)))


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


def _path(run: Run) -> Path:
    return Path(run.config.models, Path(run.store.root).name, LIST)


def _read(run: Run) -> dict[str, Any] | None:
    """The list as it was written, or mended by hand; none where there is no file, or one that is no list."""
    try:
        written = json.loads(_path(run).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return written if isinstance(written, dict) and {"features", "as_of_date"} <= set(written) else None


def _unusable(run: Run, as_of: date, received: str) -> UsageError:
    return UsageError(
        "train_model.features is `selected`, and there is no list to train by",
        expected=f"{_path(run)}, selected as of {as_of} or before",
        received=received,
        fix=f"make select_features SOURCE={run.source} AS_OF={as_of}, or SET=train_model.features=all",
    )

"""models/<warehouse>/selected_features.json: the dense features worth training on, as select_features found them."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

from userprofile.errors import UsageError
from userprofile.features.catalogue import dense_names
from userprofile.pipelines.engine import feature_catalogue
from userprofile.pipelines.steps import Run


def features_to_train(run: Run, as_of: date) -> list[str]:
    """The dense features that a model as of this date reads, by `train_model.features`.

    Raises UsageError where they are to be selected and no list is there, or one that has seen later labels or names
    features that are no longer in the catalogue.
    """
    names = dense_names(feature_catalogue(run.config.build_features, run.config.source.timezone))
    if run.config.train_model.features == "all":
        return names
    written = read_list(run)
    if written is None:
        raise _unusable(run, as_of, "no list there")
    if written["as_of_date"] > str(as_of):
        raise _unusable(run, as_of, f"features selected as of {written['as_of_date']}, by labels of after {as_of}")
    if gone := sorted(set(written["features"]) - set(names)):
        raise _unusable(run, as_of, f"features that the catalogue lacks: {', '.join(gone)}")
    return list(written["features"])


def list_path(run: Run) -> Path:
    """Where the list is, or is to be."""
    return Path(run.config.models, Path(run.store.root).name, "selected_features.json")


def read_list(run: Run) -> dict[str, Any] | None:
    """The list as it was written, or mended by hand; none where there is no file, or one that is no list."""
    try:
        written = json.loads(list_path(run).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return written if isinstance(written, dict) and {"features", "as_of_date"} <= set(written) else None


def _unusable(run: Run, as_of: date, received: str) -> UsageError:
    return UsageError(
        "train_model.features is `selected`, and there is no list to train by",
        expected=f"{list_path(run)}, selected as of {as_of} or before",
        received=received,
        fix=f"make select_features SOURCE={run.source} AS_OF={as_of}, or SET=train_model.features=all",
    )

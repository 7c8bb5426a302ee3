"""What ends a training: nothing to learn from, or losses and gradients that are no finite numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from userprofile.errors import DataGateError, UserprofileError
from userprofile.feed.plan import RowGroup
from userprofile.training.progress import losses_in_words
from userprofile.training.request import TrainingRequest
from userprofile.training.skipped import Culprit
from userprofile.training.state import Losses

# Steps that an error names at most, the last ones.
TOLD = 3


def require_rows(rows: Sequence[RowGroup], request: TrainingRequest) -> None:
    """Raises DataGateError where there is none."""
    if not sum(group.rows for group in rows):
        raise DataGateError(
            "there is nothing to learn from",
            expected=f"at least one row of split {request.learnt}",
            received=f"none in version {request.version} of {request.table}",
            fix="build the table with an earlier as-of date, whose label window is complete, or of a longer log",
        )


def require_few_skipped(culprits: Sequence[Culprit], *, skipped: int, steps: int, limit: int, epoch: int) -> None:
    """Raises UserprofileError past the limit. `skipped` of the first `steps` steps of the epoch were; `culprits` are
    those since the training began or went on.
    """
    if skipped > limit:
        raise UserprofileError(
            f"the gradients of {skipped:,} of {steps:,} steps are no finite numbers in epoch {epoch}",
            expected=f"at most {limit:,}, which are skipped",
            received=" | ".join(map(str, culprits[-TOLD:])),
            fix=_fix(sorted({name for culprit in culprits for name in culprit.features})),
        )


def require_finite(losses: Losses, epoch: int, culprit: Callable[[], Culprit | None]) -> Losses:
    """The same losses. Raises UserprofileError where one is no finite number, with what `culprit` then finds."""
    if not all(map(math.isfinite, losses.values())):
        found = culprit()
        raise UserprofileError(
            f"the validation loss is no longer a finite number in epoch {epoch}",
            expected="finite losses",
            received=f"{losses_in_words(losses)}; {found or 'no input is infinite'}",
            fix=_fix(found.features if found else []),
        )
    return losses


def _fix(features: Sequence[str]) -> str:
    if not features:
        return "lower train_model.learning_rate"
    return f"mend {', '.join(features)} where it is made, or train without it; the last checkpoint stands"

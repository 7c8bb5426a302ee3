"""What ends a training: nothing to learn from, or losses and gradients that are no finite numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

from userprofile.errors import DataGateError, UserprofileError
from userprofile.feed.plan import RowGroup
from userprofile.training.progress import losses_in_words
from userprofile.training.request import TrainingRequest
from userprofile.training.state import Losses


def require_rows(rows: Sequence[RowGroup], request: TrainingRequest) -> None:
    """Raises DataGateError where there is none."""
    if not sum(group.rows for group in rows):
        raise DataGateError(
            "there is nothing to learn from",
            expected=f"at least one row of split {request.learnt}",
            received=f"none in version {request.version} of {request.table}",
            fix="build the table with an earlier as-of date, whose label window is complete, or of a longer log",
        )


def require_few_skipped(skipped: int, steps: int, limit: int, epoch: int) -> None:
    """Raises UserprofileError past the limit, or where no step of the epoch was learnt from."""
    if skipped > min(limit, steps - 1):
        raise UserprofileError(
            f"the gradients of {skipped:,} of {steps:,} steps are no finite numbers in epoch {epoch}",
            expected=f"at most {min(limit, steps - 1):,}, which are skipped",
            fix="lower train_model.learning_rate, and look for infinite values among the features",
        )


def require_finite(losses: Losses, epoch: int) -> Losses:
    """The same losses. Raises UserprofileError where one is no finite number."""
    if not all(map(math.isfinite, losses.values())):
        raise UserprofileError(
            f"the validation loss is no longer a finite number in epoch {epoch}",
            expected="finite losses",
            received=losses_in_words(losses),
            fix="lower train_model.learning_rate, and look for infinite values among the features",
        )
    return losses

"""Every key of a file in conf/leaderboard: a log, how predictions of it are judged, and what others reached."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from userprofile.config.values import Duration, Horizon, Section


class PublishedRow(Section):
    """What a model of others reached on the same protocol."""

    model: str
    measures: Annotated[dict[str, float], Field(min_length=1)]
    source: Annotated[str, Field(alias="from")]  # where that is written


class Board(Section):
    """What every protocol needs. `source` is a mapping's name or path; none: the command line gives it."""

    about: str
    source: str | None = None
    protocol: str
    published: list[PublishedRow] = Field(default_factory=list)


class LeaveOneOutBoard(Board):
    """The last item of every user is predicted from those before."""

    protocol: Literal["leave_one_out"]
    seeds: Annotated[int, Field(ge=1)] = 1  # trainings, one after the other
    only_new: bool = True  # items that a user had before are not ranked, and users who end with one are left out


class NewItemsBoard(Board):
    """Some items are kept out of all that is learnt from; how often are they foreseen where they came next?

    A row is a network whose settings are those of `next_items` but for the keys that it names.
    """

    protocol: Literal["new_items"]
    share: Annotated[float, Field(gt=0, lt=1)] = 0.2  # of the catalogue's items
    seed: int = 7  # which items these are
    seeds: Annotated[int, Field(ge=1)] = 1  # trainings of each row, one after the other
    only_new: bool = True  # as in leave_one_out: items that a user had before are not ranked
    rows: Annotated[dict[str, dict[str, Any]], Field(min_length=1)]


class PlantedTruthBoard(Board):
    """What profiles know of users, beside the most that can be known where it is known how users are made."""

    protocol: Literal["planted_truth"]
    source: Literal["demo_shop"]


class TemporalBoard(Board):
    """What users do in a window after a cut is predicted from what they did before it."""

    MEASURES: ClassVar = {
        "buys": ("auc", "f1", "calibration_error"),
        "purchase_days": ("mae", "correlation"),
        "spend": ("mae", "correlation"),
    }

    protocol: Literal["temporal"]
    cut: date | None = None  # the start of this day; none: the latest whose window the log holds to its end
    gap: Duration = timedelta(0)
    horizon: Horizon | None = None  # none: the mapping's
    # In the window: at least one purchase, how many days with one, or the sum of their amounts in minor units.
    outcome: Literal["buys", "purchase_days", "spend"]
    eligible: Literal["seen", "bought"]  # before the cut: any event, or a purchase
    # Labels to learn from: of windows that end by the cut, or of the same window and other users.
    learn_from: Literal["earlier_dates", "other_users"]
    every: Horizon = timedelta(days=30)  # from one earlier date to the next
    threshold: Literal["half", "best_f1"] = "half"  # above which a probability counts as "buys"; best on validation

    @model_validator(mode="after")
    def _measurable(self) -> TemporalBoard:
        known = self.MEASURES[self.outcome]
        if unknown := {name for row in self.published for name in row.measures} - set(known):
            raise ValueError(f"measures among {', '.join(known)}; not {', '.join(sorted(unknown))}")
        return self


BOARDS: dict[str, type[Board]] = {
    "leave_one_out": LeaveOneOutBoard,
    "new_items": NewItemsBoard,
    "planted_truth": PlantedTruthBoard,
    "temporal": TemporalBoard,
}

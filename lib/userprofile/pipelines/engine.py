"""What is computed of whole users in one pass: features, sequences and, for training, labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import dataframely as dy
import polars as pl

from userprofile.columns import CATEGORY_LEVELS
from userprofile.config.settings import BuildFeatures
from userprofile.errors import UserprofileError
from userprofile.events.price_bands import price_band_names
from userprofile.features.assemble import features_per_user
from userprofile.features.catalogue import catalogue, user_features_schema
from userprofile.features.entries import Catalogue
from userprofile.features.own import own_features
from userprofile.features.sequences import CODES, sequences_per_user
from userprofile.labels.assemble import labels_per_user
from userprofile.pipelines.steps import Run
from userprofile.schemas.entities import SilverCodes
from userprofile.schemas.gold import Labels, UserSequences
from userprofile.windows import ORDER, AsOf, LabelWindow, Window, in_time_order

KEY = ["user_id", "as_of_date"]


@dataclass(frozen=True)
class Labelling:
    """Which labels to take; without it only what lies before the as-of dates is computed."""

    window: LabelWindow
    category_level: int
    active: Window  # who bought in it can churn
    log_end: AsOf
    tells_risk: bool = False  # whether the log says which events are fraud, chargebacks or abuse


@dataclass(frozen=True)
class Engine:
    """The pure function of whole users, with all that it needs; pickled once per task."""

    as_ofs: Sequence[AsOf]
    catalogue: Catalogue
    sequence_length: int
    statistics: pl.DataFrame
    names: pl.DataFrame
    labelling: Labelling | None = None

    def __call__(self, events: pl.DataFrame) -> pl.DataFrame:
        """UserEvents of whole users -> one row per user and as-of date, in the columns of `schema()`."""
        ordered = in_time_order(events)
        sequences = sequences_per_user(ordered, as_ofs=self.as_ofs, length=self.sequence_length)
        return _side_by_side([self.features(ordered), sequences, *self._labels(ordered)])

    def _labels(self, ordered: pl.DataFrame) -> Iterator[pl.DataFrame]:
        if self.labelling is not None:
            yield labels_per_user(
                ordered,
                as_ofs=self.as_ofs,
                label_window=self.labelling.window,
                category_level=self.labelling.category_level,
                active=self.labelling.active,
                log_end=self.labelling.log_end.instant,
                tells_risk=self.labelling.tells_risk,
            )

    def features(self, ordered: pl.DataFrame) -> pl.DataFrame:
        """Rows of gold.user_features, of events in order."""
        return features_per_user(
            ordered, as_ofs=self.as_ofs, catalogue=self.catalogue, statistics=self.statistics, names=self.names
        )

    def reads(self) -> set[str]:
        """The columns of events that are needed; nothing else has to be moved."""
        risk = {"risk"} if self.labelling and self.labelling.tells_risk else set()
        return {*ORDER, "known_at", *CODES, "amount", *risk, *self.catalogue.reads()}

    def schema(self) -> type[dy.Schema]:
        """The columns of all that is computed."""
        more: list[type[dy.Schema]] = [Labels] if self.labelling else []
        return type("UserRows", (*more, UserSequences, user_features_schema(self.catalogue)), {})


def _side_by_side(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Rows of the same users and dates in the same order: a join would copy every list."""
    first, *others = frames
    for other in others:
        if not first.select(KEY).equals(other.select(KEY)):
            raise UserprofileError("functions of whole users gave rows of other users or dates, or in another order")
    return pl.concat([first, *(other.drop(KEY) for other in others)], how="horizontal")


def feature_catalogue(settings: BuildFeatures, timezone: str) -> Catalogue:
    """The catalogue as configured; features of one's own stand last, and are checked here."""
    built_in = partial(
        catalogue,
        timezone=timezone,
        windows=[Window(days) for days in settings.windows_days],
        half_life_days=settings.affinity_half_life_days,
        affinity_top=settings.affinity_top,
        session_gap=settings.session_gap,
        item_attributes=settings.item_attributes,
    )
    own = own_features(settings.own_features, beside=built_in(), attributes=settings.item_attributes)
    return built_in(extra=own)


def names_of_codes(run: Run) -> pl.DataFrame:
    """The words behind the codes that features rank, small enough to travel to every worker."""
    codes, kind = run.store.small(run.pinned("silver.codes", made_by="refine_events"), SilverCodes), pl.col("kind")
    attributes = [f"attribute_{name}" for name in run.config.build_features.item_attributes]
    travelling = (kind != "item") & (~kind.str.starts_with("attribute_") | kind.is_in(attributes))
    return pl.concat([codes.filter(travelling), price_band_names(run.config.source.minor_units)])


def category_level(names: pl.DataFrame, wanted: int) -> int:
    """The wanted level, or the deepest one that the source has."""
    kinds = set(names["kind"])
    deepest = max((level for level in CATEGORY_LEVELS if f"category_{level}" in kinds), default=1)
    return min(wanted, deepest)

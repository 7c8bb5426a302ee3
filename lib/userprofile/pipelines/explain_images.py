"""silver.item_content and one user's profile -> where in the pictures of items lies what the user has met."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from userprofile.content.sources import image_place, read_image
from userprofile.errors import DataGateError, UsageError
from userprofile.pipelines.dates import log_range, scoring_date
from userprofile.pipelines.embed_items import ITEM_CONTENT, image_folder
from userprofile.pipelines.explain_score import FOLDER
from userprofile.pipelines.infer_profiles import PROFILES
from userprofile.pipelines.profile_changes import profiles_as_of
from userprofile.pipelines.steps import Outcome, Run, Step
from userprofile.report.consent import Purpose, granted, withheld
from userprofile.report.image_maps import ImageMap, image_maps_page
from userprofile.schemas.entities import SilverItemContent, SilverItems
from userprofile.schemas.events import SilverEvents
from userprofile.tables.store import TableVersion
from userprofile.windows import AsOf

_JOBS = {PROFILES: "infer_profiles", "silver.events": "refine_events", "silver.items": "refine_events"}


@dataclass(frozen=True)
class _Taste:
    """What pictures of items met have in common, beside those of others: float32 [1280] each."""

    towards: np.ndarray  # of length 1
    middle: np.ndarray


def explain_images(run: Run) -> Step:
    """A page of the items that are likely next, then those met last, as far as their pictures are known.

    Raises UsageError for an unknown user, and DataGateError where no picture is known of what the user met, or the user
    has not consented to personalisation.
    """
    tables = {name: run.pinned(name, made_by=job) for name, job in {**_JOBS, ITEM_CONTENT: "embed_items"}.items()}
    as_of = scoring_date(run, log_range(run, tables["silver.events"]))
    path = Path(run.config.report, Path(run.store.root).name, FOLDER, f"{run.pseudonym}-images.html")
    return run.step(
        "explain_images",
        partial(_explain, run, tables, as_of, path),
        inputs=list(tables.values()),
        sections=["source", "explain_images"],
        parameters={"pseudonym": run.pseudonym},
        as_of=as_of.date,
        again=not path.exists(),
    )


def _explain(run: Run, tables: dict[str, TableVersion], as_of: AsOf, path: Path) -> Outcome:
    # Here and not above: other jobs' drivers never load TensorFlow.
    from userprofile.content.activation import ImageActivations, thumbnail

    likely, met = _likely(run, tables[PROFILES], as_of), _met(run, tables["silver.events"], as_of)
    content = run.store.read(tables[ITEM_CONTENT], SilverItemContent).where("image_vector is not null")
    taste = _taste(run, content, met)
    rows, folder = _pictured(run, tables["silver.items"], content, [*likely, *met]), image_folder(run)
    files = [read_image(image_place(row["image"].strip(), folder) or "") or b"" for row in rows]
    maps = ImageActivations.cached().maps(files, taste.towards, taste.middle)
    shown = [
        ImageMap(
            title=row["title"] or row["item_id"],
            why="likely next" if row["item_id"] in likely else "met",
            picture=b64encode(picture).decode(),
            places=found.tolist(),
            likeness=float(found.mean()),
        )
        for row, file, found in zip(rows, files, maps, strict=True)
        if found is not None and (picture := thumbnail(file)) is not None
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    page = image_maps_page(shown, user=run.pseudonym, source=run.config.source.name, as_of=str(as_of.date))
    path.write_text(page, encoding="utf-8")
    return Outcome([], {"page": str(path.resolve()), "pictures": len(shown), "items_met": len(met)})


def _likely(run: Run, profiles: TableVersion, as_of: AsOf) -> list[str]:
    """Items that the profile says are likely next, best first; none where no model says."""
    rows = profiles_as_of(run, profiles, as_of.date).where(F.col("user_id") == run.pseudonym)
    found = rows.select("consent", "next_item", "window_items").collect()
    if not found:
        raise UsageError(
            f"no user {run.pseudonym or 'is named, so none'} has a profile as of {as_of.date}",
            expected="a user_id of gold.user_profiles, in full",
            received=run.pseudonym or "none",
            fix="PSEUDONYM=<pseudonym>; make pseudonym tells that of a raw id",
        )
    if Purpose.PERSONALISATION not in granted(found[0]["consent"]):
        raise DataGateError(withheld(Purpose.PERSONALISATION), fix="another user")
    return [one["name"] for column in ("next_item", "window_items") for one in found[0][column] or []]


def _met(run: Run, events: TableVersion, as_of: AsOf) -> list[str]:
    """Items of the user's events before the date, the last met first."""
    known = F.greatest("event_time", "arrived_at") < F.lit(as_of.instant)
    of_user = run.store.read(events, SilverEvents).where((F.col("user_id") == run.pseudonym) & known)
    last = of_user.where("item_id is not null").groupBy("item_id").agg(F.max("event_order").alias("last"))
    return [row["item_id"] for row in last.orderBy(F.desc("last")).limit(run.config.explain_images.history).collect()]


def _taste(run: Run, content: DataFrame, met: list[str]) -> _Taste:
    """From the mean picture of other items, chosen by hash, to that of those met."""
    settings, of_met = run.config.explain_images, F.col("item_id").isin(met)
    by_hash = F.xxhash64(F.lit(settings.seed), "item_id")
    own = _vectors(content.where(of_met))
    others = _vectors(content.where(~of_met).orderBy(by_hash).limit(settings.others))
    if not (len(own) and len(others)):
        raise DataGateError(
            "there are no pictures to compare",
            expected=f"image vectors in {ITEM_CONTENT} of items that the user met, and of others",
            received=f"{len(own)} of items met, {len(others)} of others",
            fix=f"make embed_items SOURCE={run.source}, once the catalogue names images",
        )
    middle = others.mean(axis=0)
    apart = own.mean(axis=0) - middle
    return _Taste(apart / max(float(np.linalg.norm(apart)), 1e-12), middle)


def _vectors(content: DataFrame) -> np.ndarray:
    return np.array(pl.DataFrame(content.select("image_vector").toArrow())["image_vector"].to_list(), np.float32)


def _pictured(run: Run, items: TableVersion, content: DataFrame, wanted: list[str]) -> list[dict[str, Any]]:
    """Rows (item_id, title, image) of the first that have a picture, in the order given."""
    places = {item: place for place, item in reversed(list(enumerate(wanted)))}
    known = run.store.read(items, SilverItems).where(F.col("item_id").isin(list(places)))
    rows = known.join(content.select("item_id"), "item_id", "left_semi").select("item_id", "title", "image").collect()
    ordered = sorted((row.asDict() for row in rows), key=lambda row: places[row["item_id"]])
    return ordered[: run.config.explain_images.items]

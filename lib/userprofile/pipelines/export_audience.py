"""apps.audiences -> a file of those who consented to what they are asked for, and how many were withheld."""

from __future__ import annotations

import difflib
from functools import partial
from pathlib import Path

import polars as pl
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from userprofile.errors import UsageError
from userprofile.pipelines.ask_profiles import ASKED, AUDIENCES
from userprofile.pipelines.steps import Outcome, Run, Step
from userprofile.schemas.apps import AppsAudiences
from userprofile.schemas.entities import SilverUsers
from userprofile.schemas.ops import OpsAudiences
from userprofile.tables.store import TableVersion

FORMATS = ("csv", "parquet")
WITHHELD = {"other": "consented to other purposes only", "none": "consented to nothing"}


def export_audience(run: Run) -> Step:
    """Write AUDIENCE for a PURPOSE below the report's folder, `user_id` and `as_of_date`, as a FORMAT.

    Consent is that of silver.users now. Raises UsageError for an audience that is not saved, a purpose that no user of
    this log can have consented to, or another format.
    """
    audiences = run.pinned(AUDIENCES, made_by="ask_profiles")
    asked = run.store.small(run.pinned(ASKED, made_by="ask_profiles"), OpsAudiences)
    _require_one_of(run.audience, sorted(asked["audience"]), what="audience", fix="make ask_profiles saves one")
    users = run.pinned("silver.users", made_by="refine_events")
    _require_one_of(run.purpose, _purposes(run), what="purpose", fix="the mapping's users.consent names purposes")
    _require_one_of(run.file_format, FORMATS, what="format", fix="FORMAT=csv")
    folder = Path(run.config.report, Path(run.store.root).name, "audiences")
    path = folder / f"{run.audience}_{run.purpose}.{run.file_format}"
    parameters = {"audience": run.audience, "purpose": run.purpose, "format": run.file_format}
    work = partial(_export, run, audiences, users, path)
    return run.step(
        "export_audience",
        work,
        inputs=[audiences, users],
        sections=["source"],
        parameters=parameters,
        again=not path.exists(),
    )


def _export(run: Run, audiences: TableVersion, users: TableVersion, path: Path) -> Outcome:
    members = run.store.read(audiences, AppsAudiences).where(F.col("audience") == run.audience)
    consent = run.store.read(users, SilverUsers).select("user_id", "consent")
    rows = members.join(consent, "user_id", "left").withColumn("withheld", _withheld(run.purpose)).cache()
    withheld = _counts(rows)
    allowed = rows.where("withheld is null").select("user_id", "as_of_date").orderBy("user_id")
    exported = pl.DataFrame(allowed.toArrow())
    rows.unpersist()
    path.parent.mkdir(parents=True, exist_ok=True)
    if run.file_format == "csv":
        exported.write_csv(path)
    else:
        exported.write_parquet(path)
    for reason, count in withheld.items():
        run.say(f"withheld {count:,} users: {reason}")
    figures = {"exported": exported.height, "withheld": sum(withheld.values())}
    return Outcome([], {"file": str(path.resolve()), **figures, "withheld_because": withheld})


def _withheld(purpose: str) -> Column:
    """Why a user is withheld; null where not."""
    consent = F.coalesce("consent", F.array().cast("array<string>"))
    nothing = F.when(F.size(consent) == 0, F.lit("none")).otherwise(F.lit("other"))
    return F.when(~F.array_contains(consent, purpose), nothing)


def _counts(rows: DataFrame) -> dict[str, int]:
    counted = rows.where("withheld is not null").groupBy("withheld").count().collect()
    return {WITHHELD[row["withheld"]]: row["count"] for row in sorted(counted)}


def _purposes(run: Run) -> list[str]:
    """That a user of this log can have consented to."""
    source = run.config.source
    declared = source.users.consent if source.users else {}
    return sorted({*declared, *source.default_consent})


def _require_one_of(given: str, known: list[str] | tuple[str, ...], *, what: str, fix: str) -> None:
    if given in known:
        return
    near = difflib.get_close_matches(given, known, n=1)
    raise UsageError(
        f"no {what} is called {given!r}" if given else f"no {what} is named",
        expected=f"one of {', '.join(known) or 'none'}",
        received=given or "nothing",
        fix=f"{what.upper()}={near[0]}" if near else fix,
    )

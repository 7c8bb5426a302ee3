"""gold.user_profiles and ops.checks -> the page of all tags: how many have each, who kept it, what came true."""

from __future__ import annotations

from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from userprofile.pipelines.infer_profiles import PROFILES
from userprofile.pipelines.scorings import scorings
from userprofile.pipelines.steps import Outcome, Run, Step
from userprofile.pipelines.table_checks import CHECKS
from userprofile.pipelines.tag_counts import counts_of
from userprofile.report.tags import Checked, Page, given, tags_page
from userprofile.schemas.ops import OpsChecks
from userprofile.schemas.profiles import UserProfiles
from userprofile.tables.store import TableVersion

PAGE = "tags.html"


def build_tag_catalogue(run: Run) -> Step:
    """Write tags.html beside the report's page: of AS_OF, else of the latest date that has profiles."""
    profiles = run.pinned(PROFILES, made_by="infer_profiles")
    checks = run.store.pin(CHECKS) if run.store.exists(CHECKS) else None
    path = Path(run.config.report, Path(run.store.root).name, PAGE)
    work = partial(_write, run, profiles, checks, path)
    inputs = [profiles, *([checks] if checks else [])]
    sections = ["source", "tags"]
    again = not path.exists()
    return run.step("build_tag_catalogue", work, inputs=inputs, sections=sections, as_of=run.as_of, again=again)


def _write(run: Run, profiles: TableVersion, checks: TableVersion | None, path: Path) -> Outcome:
    rows = run.store.read(profiles, UserProfiles)
    now, *others = scorings(run, rows)
    earlier = [one for one in others if one.as_of < now.as_of] or others
    before = earlier[0] if earlier else None
    file, of_now = run.config.tags.file, now.rows(rows)
    counts = counts_of(of_now, before.rows(rows) if before else None, file)
    checked_as_of, found = _checks(run, checks)
    told = given(file.tags, users=counts.users, having=counts.having, both=counts.both, kept=counts.kept, checks=found)
    page = Page(
        source=run.config.source.name,
        file=file.path,
        as_of=now.as_of,
        users=counts.users,
        unknown=counts.having.get("", 0),
        before=before.as_of if before else None,
        checked_as_of=checked_as_of,
        given=told,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(tags_page(page), encoding="utf-8")
    never = sum(one.users == 0 for one in told)
    return Outcome([], {"page": str(path.resolve()), "tags": len(told), "never_fire": never, "users": counts.users})


def _checks(run: Run, pinned: TableVersion | None) -> tuple[date | None, dict[str, Checked]]:
    """What the last check said, by tag; only tags that are in the file as they were."""
    if pinned is None:
        return None, {}
    rows = run.store.small(pinned, OpsChecks).filter(pl.col("check") == "tags")
    last = rows.filter(pl.col("checked_at") == pl.col("checked_at").max())
    found: dict[str, dict[str, Any]] = {}
    for row in last.to_dicts():
        of_tag = found.setdefault(row["subject"], {})
        of_tag[row["measure"]] = row["value"]
        if row["measure"] == "precision":
            of_tag |= {key: row[key] for key in ("low", "high", "base_rate", "rows", "passed")}
    dates = last["as_of_date"].to_list()
    return (dates[0] if dates else None), {name: Checked(**of_tag) for name, of_tag in found.items()}

"""What a reader of the page sees first: who, as of when, how many."""

from __future__ import annotations

from typing import Any

from userprofile.pipelines.report_moment import PATH, Moment
from userprofile.pipelines.steps import Run
from userprofile.report.report import Head, Key
from userprofile.report.words import days, figure, money, percent
from userprofile.tables.commits import commit_of
from userprofile.versions import code_version


def head_of(run: Run, moment: Moment, told: dict[str, Any]) -> Head:
    """`told` are the figures of report_profiles.headline, empty where no profiles are there."""
    source = run.config.source
    events = commit_of(run.store, moment.tables["silver.events"]).rows if "silver.events" in moment.tables else 0
    keys = [*_of_profiles(run, told)] if told else []
    keys.insert(min(1, len(keys)), Key("Events", figure(events), "accepted"))
    users = f"{figure(told['users'])} users" if told else "No profiles yet"
    as_of = f" as of {moment.as_of}" if moment.as_of else ""
    by = f", scored by {told['model_version']}" if told and told["model_version"] != "none" else ""
    last = next(row for row in reversed(moment.rows) if row["step"] in PATH)
    return Head(
        source=source.name,
        title=f"User profiles of {source.name.replace('_', ' ')}",
        says=f"{users}{as_of}{by}.",
        about=source.about,
        keys=keys,
        made_of=f"Run {moment.run_id or last['run_id']}, begun {last['started_at']:%Y-%m-%d at %H:%M UTC}; "
        f"warehouse {run.store.root.rsplit('/', 1)[-1]}; page by code {code_version()}. "
        "All figures are of saved tables; null is said to be not known, never taken for zero.",
    )


def _of_profiles(run: Run, told: dict[str, Any]) -> list[Key]:
    users, currency = told["users"], told["currency"] or ""
    horizon = days(run.config.source.horizon.days)
    minor_units = run.config.source.minor_units
    keys = [
        Key("Users", figure(users)),
        Key("Active", percent(told["active"] / users), f"{figure(told['active'])} in the last 30 days"),
        Key("Buyers", percent(told["buyers"] / users), f"{figure(told['buyers'])} in the last 30 days"),
    ]
    if told["will_buy"] is not None:
        keys.append(Key("Will buy", figure(round(told["will_buy"])), f"expected within {horizon}"))
    if told["will_leave"] is not None:
        keys.append(Key("Will leave", figure(round(told["will_leave"])), f"expected to buy nothing in {horizon}"))
    if told["expected_spend"] is not None:
        spend = money(told["expected_spend"], minor_units).split(".")[0]
        keys.append(Key("Will spend", spend, f"{currency} expected within {horizon}"))
    return keys

"""Each table of a comparison of two runs."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from userprofile.pipelines.report_changes import tags_moved
from userprofile.pipelines.report_moment import PATH, Moment
from userprofile.pipelines.report_quality import judged_scores, model_of
from userprofile.pipelines.report_sections import Profiled
from userprofile.pipelines.steps import Run
from userprofile.report.comparison import Compared, Difference, share_difference
from userprofile.report.quality import Judged
from userprofile.report.score_plots import Measured
from userprofile.report.words import figure, money, words
from userprofile.schemas.scores import NUMBERS, PROBABILITIES
from userprofile.tables.commits import commit_of

TAGS_SHOWN = 30
SAME = "no difference"


def steps_table(first: Moment, second: Moment) -> Compared:
    """Steps that were done by other code or with other settings."""
    rows = []
    for step in PATH:
        then, now = first.latest(step), second.latest(step)
        if then is None or now is None:
            if then is not now:
                rows.append([step, "done" if then else "not reached", "done" if now else "not reached"])
            continue
        rows += [
            [f"{step}, {words(name)}", then[name], now[name]]
            for name in ("as_of_date", "code_version", "config_version")
            if then[name] != now[name]
        ]
    shown = [[str(cell) for cell in row] for row in rows]
    says = "Steps done as of another date, by other code, or with other settings." if rows else f"Steps: {SAME}."
    return Compared("steps", "Steps", says, ("Step", "First", "Second"), shown)


def tables_table(run: Run, first: Moment, second: Moment) -> Compared:
    """Versions and rows of tables that are not the same."""
    rows = []
    for table in dict.fromkeys([*first.tables, *second.tables]):
        sides = [moment.tables.get(table) for moment in (first, second)]
        if sides[0] == sides[1]:
            continue
        told = [
            f"v{pinned.version}, {commit_of(run.store, pinned).rows:,} rows" if pinned else "none" for pinned in sides
        ]
        rows.append([table, *told])
    says = "Tables of another version." if rows else f"Versions of tables: {SAME}."
    return Compared("tables", "Tables", says, ("Table", "First", "Second"), sorted(rows))


def model_table(run: Run, first: tuple[Moment, Profiled], second: tuple[Moment, Profiled]) -> Compared:
    """What each score reached on its own test window by what serves it."""
    sides = [_served(run, moment, profiled) for moment, profiled in (first, second)]
    names = [profiled.head["model_version"] for _, profiled in (first, second)]
    columns = ("Score", "Measure", "First", "Second", "Beyond noise")
    if names[0] == names[1]:
        return Compared("model", "Model", f"Both were scored by {names[0]}.", columns, [])
    rows = []
    for score in [score for score in sides[0] if score in sides[1]]:
        (then, before), (now, after) = sides[0][score], sides[1][score]
        told = [f"{one.told} by {words(judged.serves)}" for judged, one in ((then, before), (now, after))]
        rows.append([words(score), words(now.measure), *told, _apart(before, after)])
    says = (
        f"{names[0]} and {names[1]}, each on the test window of its own; beyond noise are intervals that do not meet."
    )
    return Compared("model", "Model", says, columns, rows)


def scores_table(both: DataFrame, minor_units: int) -> Compared:
    """Means of scores over users of both runs."""
    asked = []
    for score, column in NUMBERS.items():
        difference = F.col(column) - F.col(f"before_{column}")
        then, now = F.col(f"before_{column}"), F.col(column)
        known = difference.isNotNull()
        asked += [
            F.count(difference).alias(f"{score}_users"),
            F.avg(difference).alias(f"{score}_mean"),
            F.stddev_pop(difference).alias(f"{score}_deviation"),
            F.avg(F.when(known, then)).alias(f"{score}_then"),
            F.avg(F.when(known, now)).alias(f"{score}_now"),
        ]
    row = both.agg(*asked).collect()[0].asDict()
    rows = [_score_row(score, row, minor_units) for score in NUMBERS if row[f"{score}_users"]]
    says = (
        "Means over users who have the score in both; beyond noise is a mean difference whose 95 % interval is without "
        "zero. A training with another seed moves scores, too."
    )
    columns = ("Score", "Users", "First", "Second", "Difference", "Beyond noise")
    return Compared("scores", "Scores", says if rows else "No user has a score in both.", columns, rows)


def tags_table(both: DataFrame) -> Compared:
    """Shares of users by tag, of those that changed most."""
    users = both.count()
    moved = tags_moved(both).sort(pl.col("gained") + pl.col("lost"), "tag", descending=[True, False])
    had = both.select(F.explode(F.array_distinct("before_tags")).alias("tag")).groupBy("tag").count()
    before = dict(pl.DataFrame(had.toArrow()).iter_rows())
    rows = []
    for tag, gained, lost in moved.head(TAGS_SHOWN).select("tag", "gained", "lost").iter_rows():
        then = before.get(tag, 0) / users
        difference = share_difference(users, gained, lost)
        rows.append(
            [tag, _share(then), _share(then + difference.mean), f"{100 * difference.mean:+.1f}", _sure(difference)]
        )
    says = f"Shares of the {users:,} users of both; differences in percentage points." if rows else f"Tags: {SAME}."
    return Compared("tags", "Tags", says, ("Tag", "First", "Second", "Difference", "Beyond noise"), rows)


def _served(run: Run, moment: Moment, profiled: Profiled) -> dict[str, tuple[Judged, Measured]]:
    model = model_of(run, moment, profiled.head["model_version"])
    judged = judged_scores(model) if model else []
    return {one.score: (one, reached) for one in judged for reached in one.models if reached.model == one.serves}


def _apart(then: Measured, now: Measured) -> str:
    if then.low is None or then.high is None or now.low is None or now.high is None:
        return "not known"
    return "yes" if now.low > then.high or now.high < then.low else "no"


def _score_row(score: str, row: Mapping[str, float], minor_units: int) -> list[str]:
    difference = Difference(int(row[f"{score}_users"]), row[f"{score}_mean"], row[f"{score}_deviation"])
    then, now = row[f"{score}_then"], row[f"{score}_now"]
    told = [_value(score, value, minor_units) for value in (then, now, difference.mean)]
    return [words(score), f"{difference.users:,}", *told, _sure(difference)]


def _value(score: str, value: float, minor_units: int) -> str:
    if score in PROBABILITIES:
        return _share(value)
    return money(round(value), minor_units) if score == "spend" else figure(value)


def _share(value: float) -> str:
    return f"{100 * value:.1f} %"


def _sure(difference: Difference) -> str:
    return "yes" if difference.beyond_noise else "no"

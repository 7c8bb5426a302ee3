"""Every number of the page, reckoned from the saved tables a second time, by Polars; a table without that fails."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml

from userprofile.columns import ACTIONS
from userprofile.explain.wording import Wording
from userprofile.pipelines.report_moment import PATH
from userprofile.report.words import figure, percent, words

pytestmark = pytest.mark.slow

Cells = list[list[str]]


class Tables(HTMLParser):
    """`found`: the rows of the body of each table by the label of what holds it, a cell a text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: dict[str, Cells] = {}
        self.label, self.inside, self.cell = "", False, None
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        of = dict(attributes)
        if tag == "div" and of.get("role") == "region":
            self.label = of["aria-label"] or ""
        elif tag == "tbody":
            self.found[self.label], self.inside = [], True
        elif self.inside and tag == "tr":
            self.found[self.label].append([])
        elif self.inside and tag in ("td", "th"):
            self.cell = ""
        elif self.cell is not None and tag in ("br", "span", "small"):
            self.cell += "|"

    def handle_endtag(self, tag: str) -> None:
        if tag == "tbody":
            self.inside = False
        elif self.inside and tag in ("td", "th"):
            self.found[self.label][-1].append(re.sub(r"[|]+", "|", self.cell or "").strip("|\n "))
            self.cell = None

    def handle_data(self, data: str) -> None:
        if self.cell is not None:
            self.cell += data


@pytest.fixture(scope="module")
def page(report) -> str:
    return report.read_text()


@pytest.fixture(scope="module")
def shown(page) -> dict[str, Cells]:
    return Tables(page).found


@pytest.fixture(scope="module")
def truth(shop, report, checkout) -> Truth:
    language = yaml.safe_load((checkout / "conf/languages/en.yaml").read_text())
    wording = Wording(language["reasons"], language["window"], language["all_time"], "EUR", 2)
    return Truth(shop, wording.of_number)


class Truth:
    """What each table of the page should hold; `phrase` puts a feature's value in words."""

    def __init__(self, shop: Any, phrase: Callable[[str, float], str]) -> None:
        self.table, self.phrase = shop.table, phrase
        rows = shop.table("gold.user_profiles").sort("user_id")
        self.now, self.before = (
            rows.filter(pl.col("as_of_date") == of) for of in sorted(set(rows["as_of_date"]))[::-1]
        )
        self.date = self.now["as_of_date"][0]
        self.both = self.now.join(self.before, "user_id", suffix="_before")
        local = pl.col("event_time").dt.convert_time_zone("Europe/Paris")
        (model,) = shop.table("ops.models")["metrics"]
        self.metrics = json.loads(model)
        self.events = shop.table("silver.events").with_columns(local.dt.strftime("%Y-%m").alias("month"))

    def files(self) -> Cells:
        counts = self.table("bronze.events")["source_file"].value_counts()
        return [[name.rpartition("/")[2], figure(rows)] for name, rows in counts.iter_rows()]

    def refused(self) -> Cells:
        return counted(words(reason) for reason in self.table("quarantine.events")["reason"])

    def rfm_segments(self) -> Cells:
        return counted(words(name or "never bought") for name in self.now["rfm_segment"])

    def acts(self) -> Cells:
        done = [act for act in ACTIONS if act in set(self.events["action"])]
        return [
            [month, *(figure(int((of_month["action"] == act).sum())) for act in done)]
            for (month,), of_month in self.events.sort("month").group_by("month", maintain_order=True)
        ]

    def active(self) -> Cells:
        bought = pl.col("user_id").filter(pl.col("action") == "purchase").n_unique()
        rows = self.events.group_by("month").agg(pl.col("user_id").n_unique(), bought.alias("buyers")).sort("month")
        return [[month, figure(users), figure(buyers)] for month, users, buyers in rows.iter_rows()]

    def retention(self) -> Cells:
        bought = self.events.filter(pl.col("action") == "purchase")
        of_user = {user: set(rows["month"]) for (user,), rows in bought.group_by("user_id")}
        cohorts = sorted({min(months) for months in of_user.values()})
        every = [f"2024-{month:02d}" for month in range(1, 6)]
        assert set(bought["month"]) <= set(every)
        rows = []
        for cohort in cohorts:
            of_cohort = [months for months in of_user.values() if min(months) == cohort]
            shares = [
                sum(month in months for months in of_cohort) / len(of_cohort) for month in every if month >= cohort
            ]
            rows.append([cohort, figure(len(of_cohort)), *(f"{100 * share:.0f} %" for share in shares)])
        return rows

    def seen(self) -> Cells:
        days = self.now["days_since_any"].drop_nulls().sort()
        return spread(days, float(days[int(np.ceil(0.98 * len(days))) - 1]), figure)

    def will_buy(self) -> Cells:
        return spread(self.now["purchase_probability"], 1.0, percent)

    def groups(self) -> pl.DataFrame:
        return self.table("gold.user_segments").filter(pl.col("as_of_date") == self.date)

    def segments(self) -> Cells:
        sizes = self.groups()["segment"].value_counts().sort("segment")
        return [[f"Segment {number}", figure(users)] for number, users in sizes.iter_rows()]

    def segments_apart(self) -> Cells:
        """Numbers reckoned anew, of the features and categories that gold.segments names, in words by the wording."""
        features = self.table("gold.user_features").filter(pl.col("as_of_date") == self.date)
        of_all = features.join(self.groups().select("user_id", "segment"), "user_id")
        stored = self.table("gold.segments").filter(pl.col("as_of_date") == self.date).sort("segment")
        rows = []
        for number, named, likes in stored.select("segment", "features", "categories").iter_rows():
            inside = of_all.filter(pl.col("segment") == number)
            apart = [
                (one["name"], *(rows_of[one["name"]].cast(pl.Float64).mean() for rows_of in (inside, of_all)))
                for one in named
                if abs(one["difference"]) >= 0.2
            ][:4]
            told = ["|".join(self.phrase(name, means[side]) for name, *means in apart) for side in (0, 1)]
            liked = [f"{one['name']} ({self._lift(one['name'], inside):.1f} times as much)" for one in likes[:3]]
            size = f"{figure(inside.height)}|{percent(inside.height / of_all.height)}"
            rows.append([f"Segment {number}", size, told[0] or "nothing", told[1], "; ".join(liked) or "nothing"])
        return rows

    def _lift(self, category: str, inside: pl.DataFrame) -> float:
        """How many times as much the users inside lean to it as all do."""
        leant = {
            user: sum(one["score"] for one in liked or [] if one["name"] == category)
            for user, liked in self.now.select("user_id", "category_2_affinity").iter_rows()
        }
        here = [leant[user] for user in inside["user_id"]]
        return float(np.mean(here) / np.mean(list(leant.values())))

    def liked(self) -> Cells:
        """No category is so small that it stands among others, and none has more inside than are shown."""
        sums: list[dict[str, float]] = [{}, {}]
        for level, of_level in enumerate(sums, start=1):
            for liked in self.now[f"category_{level}_affinity"].to_list():
                for one in liked or []:
                    of_level[one["name"]] = of_level.get(one["name"], 0) + one["score"] / self.now.height
        broad, fine = (sorted(of_level.items(), key=lambda one: (-one[1], one[0])) for of_level in sums)
        rows = []
        for name, share in broad:
            rows.append([name, "all", percent(share)])
            rows += [[name, of[len(name) + 3 :], percent(inside)] for of, inside in fine if of.startswith(f"{name} / ")]
        return rows

    def tags(self, half: int) -> Cells:
        rows = counted(tag for tags in self.now["tags"] for tag in set(tags))[:24]
        middle = len(rows) if len(rows) <= 12 else -(-len(rows) // 2)
        users = self.now.height
        return [[tag, percent(int(count) / users)] for tag, count in (rows[:middle], rows[middle:])[half]]

    def by_model(self, score: str, measure: str) -> Cells:
        """Best first."""
        reached = {model: of_model[measure] for model, of_model in self.metrics["test"][score].items()}
        intervals = self.metrics["intervals"][score]
        told = {model: figure(value) for model, value in reached.items()}
        told |= {model: f"{told[model]} [{figure(low)}, {figure(high)}]" for model, (low, high) in intervals.items()}
        best_first = sorted(reached, key=lambda model: -reached[model])
        return [[words(model) + ", serves" * (model == "network"), told[model]] for model in best_first]

    def came(self) -> Cells:
        curve = self.metrics["curves"]["purchase"]
        return [[percent(one["said"]), percent(one["came"]), figure(one["rows"])] for one in curve]

    def moves(self) -> Cells:
        both, rows = self.both, []
        for name, column, told, far in (
            ("purchase", "purchase_probability", percent, lambda then: 0.1),
            ("churn", "churn_probability", percent, lambda then: 0.1),
            ("spend", "expected_spend", lambda mean: f"{round(mean) / 100:,.2f} EUR", lambda then: 0.1 * then),
            ("days to purchase", "days_to_purchase", figure, lambda then: 0.1 * then),
        ):
            pairs = [pair for pair in both.select(f"{column}_before", column).iter_rows() if None not in pair]
            means = [told(float(np.mean(side))) for side in zip(*pairs, strict=True)]
            up = sum(now > then and now - then >= far(then) for then, now in pairs)
            down = sum(now < then and then - now >= far(then) for then, now in pairs)
            rows.append([name, *means, figure(up), figure(down)])
        return rows

    def changed_segment(self) -> Cells:
        moved = self.both.filter(pl.col("rfm_segment").ne_missing(pl.col("rfm_segment_before")))
        pairs = moved.group_by("rfm_segment_before", "rfm_segment").len()
        ordered = pairs.sort(
            "len", "rfm_segment_before", "rfm_segment", descending=[True, False, False], nulls_last=True
        )
        return [
            [*(words(name or "never bought") for name in names), figure(users)]
            for *names, users in ordered.head(8).iter_rows()
        ]

    def tags_moved(self) -> Cells:
        counts: dict[str, list[int]] = {}
        for now, then in self.both.select("tags", "tags_before").iter_rows():
            for side, changed in enumerate((set(now) - set(then), set(then) - set(now))):
                for tag in changed:
                    counts.setdefault(tag, [0, 0])[side] += 1
        ordered = sorted(counts.items(), key=lambda one: (-sum(one[1]), one[0]))[:12]
        return [[tag, figure(gained), figure(lost)] for tag, (gained, lost) in ordered]

    def foretold(self) -> Cells:
        checks = self.table("ops.checks").filter(pl.col("check").is_in(["tags", "affinity"])).to_dicts()
        found: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
        for row in checks:
            found.setdefault((row["check"], row["subject"]), {})[row["measure"]] = row
        rows = []
        for (check, name), by in found.items():
            precision = by["precision"]
            said = name if check == "tags" else f"strongest {words(name.removesuffix('_affinity'))}"
            ends = f" [{percent(precision['low'])}, {percent(precision['high'])}]"
            numbers = [
                percent(precision["value"]) + ends,
                percent(precision["base_rate"]),
                percent(by["recall"]["value"]),
            ]
            numbers += [f"{by[measure]['value']:.2f}" for measure in ("f1", "lift")]
            rows.append((check, -by["lift"]["value"], said, precision["expects"] or "", *numbers))
        return [list(row[2:]) for row in sorted(rows, key=lambda row: (row[0] != "tags" and 1, row[1], row[2]))]

    def examples(self, shown: Cells) -> Cells:
        """Which of them is tested elsewhere."""
        rows = {row["user_id"][:12]: row for row in self.now.to_dicts()}
        of = [rows[cells[0]] for cells in shown]
        return [[one["user_id"][:12], "|".join(one["tags"]), words(one["rfm_segment"] or "never bought")] for one in of]

    def steps(self) -> Cells:
        """Last of each step; what a state means is tested elsewhere."""
        latest = {row["step"]: row for row in self.table("ops.runs").sort("started_at").to_dicts()}
        rows = []
        for step in PATH:
            row = latest.get(step)
            told = "" if row is None else ", ".join(f"{value:,} {words(name)}" for name, value in of_metrics(row))
            cells = ["", ""] if row is None else [f"{row['seconds']:.1f}", f"{row['started_at']:%Y-%m-%d %H:%M}"]
            rows.append([step, told, *cells])
        return rows

    def tables(self, shown: Cells) -> Cells:
        """By the page's own version of each table."""
        made = {
            (one["table"], one["version"]): row for row in self.table("ops.runs").to_dicts() for one in row["outputs"]
        }
        rows = []
        for table, version, *_ in (cells for cells in shown if len(cells) > 2):
            row = made[table, int(version)]
            origin = ", ".join(f"{one['table']} v{one['version']}" for one in row["inputs"]) or "files"
            written = self.table(table, int(version)).height
            rows.append([table, version, figure(written), row["run_id"], row["step"], origin])
        return rows


def counted(names: Any) -> Cells:
    """How often each comes, the most frequent first."""
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    return [[name, figure(count)] for name, count in sorted(counts.items(), key=lambda one: (-one[1], one[0]))]


def spread(values: pl.Series, end: float, told: Callable[[float], str]) -> Cells:
    """Twenty bins as wide as each other up to `end`, the last one open."""
    edges = [end * edge / 20 for edge in range(21)]
    places = [min(int(value * 20 / end), 19) for value in values]
    return [
        [f"{told(low)} to {told(high)}", figure(places.count(place))]
        for place, (low, high) in enumerate(pairwise(edges))
    ]


def of_metrics(row: dict[str, Any]) -> list[tuple[str, Any]]:
    return [
        (name, value)
        for name, value in json.loads(row["metrics"]).items()
        if isinstance(value, int | float) and value is not True
    ]


ORACLES: dict[str, Callable[[Truth, Cells], Cells]] = {
    "Numbers of Quarantined rows by reason": lambda truth, _: truth.refused(),
    "Files": lambda truth, _: truth.files(),
    "Numbers of Users by RFM segment": lambda truth, _: truth.rfm_segments(),
    "Numbers of Events a month": lambda truth, _: truth.acts(),
    "Numbers of Active users a month": lambda truth, _: truth.active(),
    "Numbers of Users by days since they were last seen": lambda truth, _: truth.seen(),
    "Retention by month of the first purchase": lambda truth, _: truth.retention(),
    "Numbers of Users by segment": lambda truth, _: truth.segments(),
    "What sets segments apart": lambda truth, _: truth.segments_apart(),
    "Numbers of Map of categories": lambda truth, _: truth.liked(),
    "Numbers of The most frequent": lambda truth, _: truth.tags(0),
    "Numbers of The next": lambda truth, _: truth.tags(1),
    "What tags foretold and what came": lambda truth, _: truth.foretold(),
    "Example profiles": Truth.examples,
    "Numbers of Purchase by model": lambda truth, _: truth.by_model("purchase", "auc"),
    "Numbers of Next item by model": lambda truth, _: truth.by_model("next_item", "ndcg@10"),
    "Numbers of Purchase: is it true?": lambda truth, _: truth.came(),
    "Numbers of Users by how sure they are to buy": lambda truth, _: truth.will_buy(),
    "Moves of scores": lambda truth, _: truth.moves(),
    "Users who changed segment": lambda truth, _: truth.changed_segment(),
    "Numbers of Tags gained and lost": lambda truth, _: truth.tags_moved(),
    "Steps": lambda truth, _: truth.steps(),
    "Tables": Truth.tables,
}
# Of each row, the cells that hold neither numbers of tables nor their names.
LEFT_OUT = {"What tags foretold and what came": (7,), "Steps": (1,), "Tables": (3,)}


def test_every_table_of_the_page_is_reckoned_again(shown):
    assert set(shown) == set(ORACLES)


@pytest.mark.parametrize("label", ORACLES)
def test_every_number_is_that_of_the_saved_tables(shown, truth, label):
    left_out = LEFT_OUT.get(label, ())
    rows = [
        [cell for at, cell in enumerate(cells) if at not in left_out]
        for cells in shown[label]
        if len(cells) > 2 or label != "Tables"
    ]
    assert rows == ORACLES[label](truth, shown[label])
    assert rows


def test_the_numbers_of_the_head_are_those_of_the_profiles(page, truth):
    keys = {
        name: html.unescape(value).replace("<small>", "|").replace("</small>", "")
        for name, value in re.findall(r"<div><dt>(.*?)</dt><dd>(.*?)</dd></div>", page)
    }
    now, users = truth.now, truth.now.height
    active, buyers = (now.filter(pl.col(name) <= 30).height for name in ("days_since_any", "days_since_purchase"))
    assert keys == {
        "Users": figure(users),
        "Events": f"{figure(truth.events.height)}|accepted",
        "Active": f"{percent(active / users)}|{figure(active)} in the last 30 days",
        "Buyers": f"{percent(buyers / users)}|{figure(buyers)} in the last 30 days",
        "Will buy": f"{figure(round(now['purchase_probability'].sum()))}|expected within 28 days",
        "Will leave": f"{figure(round(now['churn_probability'].sum()))}|expected to buy nothing in 28 days",
        "Will spend": f"{now['expected_spend'].sum() // 100:,}|EUR expected within 28 days",
    }


def test_numbers_in_sentences_are_those_of_the_tables(page, truth):
    """That of intake and of what changed have tests of their own."""
    said = " ".join(html.unescape(re.sub("<[^>]*>", " ", page)).split())
    segments, users = truth.now["rfm_segment"].to_list(), truth.now.height
    best, risk = (
        sum(name in names for name in segments) / users
        for names in (("champions", "loyal"), ("at_risk", "cannot_lose"))
    )
    assert f"{best:.0%} are champions or loyal; {risk:.0%} are valuable" in said
    both = truth.table("gold.user_segments").filter(pl.col("as_of_date") != truth.date)
    pairs = truth.groups().join(both, "user_id", suffix="_before")
    kept = (pairs["segment"] == pairs["segment_before"]).mean()
    assert f"{percent(kept)} of users are in the segment they were in before" in said
    tags = {tag for tags in truth.now["tags"] for tag in tags}
    assert (f"{len(tags) - 24} more tags are rarer" in said) == (len(tags) > 24)

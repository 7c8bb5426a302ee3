"""The page of a run, from saved tables: every number on it is one of theirs."""

from __future__ import annotations

import re
import shutil
from collections import Counter

import polars as pl
import pytest

from userprofile.errors import DataGateError
from userprofile.pipelines.build_report import build_report
from userprofile.pipelines.run import run_path
from userprofile.pipelines.steps import Outcome

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def page(report):
    return report.read_text()


@pytest.fixture(scope="module")
def events(shop):
    """Accepted events, with their months in the time zone of the shop."""
    local = pl.col("event_time").dt.convert_time_zone("Europe/Paris")
    return shop.table("silver.events").with_columns(local.dt.strftime("%Y-%m").alias("month"))


def section(page, name):
    return page.partition(f'<section id="{name}"')[2].partition("</section>")[0]


def numbers(part, title):
    """The rows of the table behind the plot of that title."""
    table = part.partition(f"Numbers of {title}")[2].partition("</table>")[0].partition("<tbody>")[2]
    return [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in table.split("<tr>")[1:]]


def test_what_came_in_is_accounted_for_with_the_reasons_of_what_was_refused(shop, page):
    part = section(page, "intake")
    came, accepted, refused = (
        shop.table(name).height for name in ("bronze.events", "silver.events", "quarantine.events")
    )
    assert came - accepted - refused == 3
    assert f"{came:,} events came in: {accepted:,} accepted + 3 duplicate + {refused} quarantined" in part
    assert numbers(part, "Quarantined rows by reason") == [["unknown action", str(refused)]]
    assert "<td>log.csv</td>" in part
    assert str(shop.folder) not in page


def test_segments_and_tags_are_those_of_the_profiles(profiles, page):
    segments = Counter((name or "never bought").replace("_", " ") for name in profiles["rfm_segment"])
    shown = dict(numbers(section(page, "people"), "Users by RFM segment"))
    assert shown == {name: str(users) for name, users in segments.items()}
    tags = Counter(tag for tags in profiles["tags"] for tag in tags)
    part = section(page, "tags")
    shown = dict(numbers(part, "The most frequent") + numbers(part, "The next"))
    said = {tag.replace("&lt;", "<").replace("&gt;", ">").replace("&#39;", "'"): share for tag, share in shown.items()}
    assert said == {tag: f"{100 * users / profiles.height:.1f} %" for tag, users in tags.items() if tag in said}
    assert min(tags[tag] for tag in said) >= max((users for tag, users in tags.items() if tag not in said), default=0)


def test_months_are_those_of_the_shops_time_zone(events, page):
    rows = numbers(section(page, "people"), "Active users a month")
    assert [row[0] for row in rows] == sorted(set(events["month"]))
    for month, users, buyers in rows:
        of_month = events.filter(pl.col("month") == month)
        bought = of_month.filter(pl.col("action") == "purchase")
        assert [users, buyers] == [str(of_month["user_id"].n_unique()), str(bought["user_id"].n_unique())]


def test_a_cohort_is_who_bought_first_in_its_month_and_who_bought_again(events, page):
    bought = events.filter(pl.col("action") == "purchase")
    first = bought.group_by("user_id").agg(pl.col("month").min().alias("cohort"))
    whole = bought.join(first, on="user_id")
    for cohort in ("2024-01", "2024-02"):
        users = first.filter(pl.col("cohort") == cohort).height
        again = whole.filter(pl.col("cohort") == cohort, pl.col("month") == "2024-03")["user_id"].n_unique()
        row = section(page, "people").partition(f'<th scope="row">{cohort}</th>')[2].partition("</tr>")[0]
        assert f">{users}</th>" in row
        assert re.findall(r">(\d+) %", row)[3 - int(cohort[-1])] == f"{100 * again / users:.0f}"


def test_interest_is_the_mean_share_of_all_users(profiles, page):
    rows = numbers(section(page, "likes"), "Map of categories")
    liked = profiles["category_1_affinity"].explode().drop_nulls().struct.unnest()
    for name, inside, share in rows:
        total = liked.filter(pl.col("name") == name)["score"].sum()
        assert inside != "all" or name.startswith("&lt;script") or share == f"{100 * total / profiles.height:.1f} %"
    assert sum(inside == "all" for _, inside, _ in rows) == 3


def test_scores_stand_beside_their_baselines_with_intervals_and_calibration(page):
    part = section(page, "scores")
    assert "with 95 % intervals" in part
    assert numbers(part, "Purchase by model") == [
        ["network, serves", "0.8 [0.76, 0.83]"],
        ["lightgbm", "0.78"],
        ["base rate", "0.5 [0.5, 0.5]"],
    ]
    assert len(numbers(part, "Purchase: is it true?")) == 10
    assert "<dt>Risk</dt><dd>Not known: the log does not say which events are a risk.</dd>" in part
    assert "<dt>Churn</dt><dd>Not known: the model has not learnt it.</dd>" in part
    assert not re.search("<dt>(Purchase|Next item)</dt>", part)


def test_what_tags_and_affinities_foretold_is_that_of_the_checks(shop, page):
    checks = shop.table("ops.checks").filter(pl.col("check").is_in(["tags", "affinity"]))
    by_measure = {(row["subject"], row["measure"]): row for row in checks.to_dicts()}
    part = section(page, "tags").partition("Do tags come true?")[2].partition("<tbody>")[2].partition("</tbody>")[0]
    shown = {}
    for name, cells in re.findall(r'<th scope="row">(.*?)</th>(.*?)</tr>', part):
        shown[name] = re.findall(r'<td class="number">(.*?)</td>', cells)
        assert ("no better" in cells) == (float(shown[name][-1]) <= 1), name
    names = {name for name, _ in by_measure}
    assert {"strongest category 1", "strongest category 2"} < set(shown)
    for name in names:
        said = name if not name.endswith("_affinity") else f"strongest {name[: -len('_affinity')].replace('_', ' ')}"
        precision, recall, f1, lift = (by_measure[name, one] for one in ("precision", "recall", "f1", "lift"))
        ends = f"[{100 * precision['low']:.1f} %, {100 * precision['high']:.1f} %]"
        assert shown.pop(said) == [
            f"{100 * precision['value']:.1f} % {ends}",
            f"{100 * precision['base_rate']:.1f} %",
            f"{100 * recall['value']:.1f} %",
            f"{f1['value']:.2f}",
            f"{lift['value']:.2f}",
        ]
    assert shown == {}


def test_changes_are_told_against_the_date_before(shop, profiles, page):
    part = section(page, "changes")
    assert "the profiles as of 2024-05-01" in part
    before = shop.table("gold.user_profiles").filter(pl.col("as_of_date") != profiles["as_of_date"][0])
    both = profiles.join(before, on="user_id", suffix="_before")
    assert f"{profiles.height - both.height} users are new, {before.height - both.height} are no longer there" in part
    gained = Counter(
        tag for now, then in both.select("tags", "tags_before").iter_rows() for tag in set(now) - set(then)
    )
    for tag, up, _ in numbers(part, "Tags gained and lost"):
        assert tag.startswith("l") or up == str(gained[tag])
    row = part.partition('<th scope="row">purchase</th>')[2].partition("</tr>")[0]
    assert re.findall(r'number">(.*?)<', row)[-2:] == [str(both.height), "0"]


def test_every_table_is_told_with_its_version_its_rows_and_its_step(shop, page):
    part = section(page, "tables")
    for name in ("bronze.events", "silver.events", "gold.user_features", "gold.user_profiles"):
        row = part.partition(f'<th scope="row">{name}</th>')[2].partition("</tr>")[0]
        assert f'<td class="number">{shop.table(name).height:,}</td>' in row, name
    assert "silver.events v1" in part
    shown = set(re.findall(r'<th scope="row">([\w.]+)</th>', part))
    logs = (shop.folder / "warehouse" / "my_shop").glob("*/*/_delta_log")
    assert shown == {f"{log.parts[-3]}.{log.parts[-2]}" for log in logs} | {"ops.failures"}


def test_what_came_from_the_log_is_escaped_and_nothing_is_fetched(page):
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert not re.search(r"""(?:src|href)=["'](?!#|data:,|cards/|tags[.]html)""", page)
    assert len(page) < 5_000_000


def test_the_same_again_is_the_same_page(shop, report, page):
    assert "done before" in shop.run(build_report)["said"]
    shop.run(build_report, "--force")
    assert report.read_text() == page


def test_an_earlier_runs_page_is_of_its_own_tables(shop, report, page):
    runs = shop.table("ops.runs").filter(pl.col("step") == "infer_profiles").sort("started_at")
    shop.run(build_report, "--run", runs["run_id"][0])
    earlier = (shop.pages / "runs" / runs["run_id"][0] / "index.html").read_text()
    assert "as of 2024-05-01." in earlier
    assert '<a href="../../tags.html">All tags</a>' in section(earlier, "tags")
    assert '<a href="tags.html">All tags</a>' in section(page, "tags")
    assert "no model has been trained" in section(earlier, "scores")
    assert "there are no profiles before these" in section(earlier, "changes")
    assert report.read_text() == page
    unknown = shop.run(build_report, "--run", "nobody", code=2)
    assert "no run nobody is in ops.runs" in unknown["said"]


def test_a_run_that_fails_half_way_leaves_a_page_of_how_far_it_came(shop, tmp_path, monkeypatch):
    """A shop of its own, with the first steps of it done."""

    def fails():
        raise DataGateError("the disk is <full>", fix="make room")

    def one_step(work):
        jobs = (lambda run: run.step("build_training_set", work, inputs=[], sections=[], as_of=run.as_of),)
        monkeypatch.setattr("userprofile.pipelines.run.JOBS", jobs)

    def page_after(pipeline, code=0):
        ended = shop.run(pipeline, "--as-of", "2024-05-31", *settings, code=code)
        return ended["said"], (tmp_path / "report" / "my_shop" / "index.html").read_text()

    shutil.copytree(shop.folder / "warehouse", tmp_path / "warehouse")
    settings = ["--set", f"report={tmp_path / 'report'}", f"warehouse={tmp_path / 'warehouse'}"]
    one_step(fails)
    said, page = page_after(run_path, code=3)
    assert "make room" in said
    part = section(page, "steps")
    assert "build_training_set ended the run" in part
    assert "exit code 3: the disk is &lt;full&gt;" in part
    assert page.index('<section id="steps"') < page.index('<section id="intake"')
    states = dict(re.findall(r'<th scope="row">(\w+)</th><td class="state (?:[\w ]+)">([\w ]+)<', part))
    assert states["refine_events"] == "done"
    assert states["build_training_set"] == "failed"
    assert "build_training_set ended the run" in page_after(build_report)[1]
    one_step(lambda: Outcome([], {"examples": 1}))
    assert "ended the run" not in page_after(run_path)[1]


def test_without_any_table_the_job_that_makes_them_is_named(shop, tmp_path):
    ended = shop.run(build_report, "--set", f"warehouse={tmp_path / 'warehouse'}", code=3)
    assert "make run" in ended["said"]

"""Audiences by questions: who is in, who is not asked about, and what is saved."""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable

from userprofile import Profiles
from userprofile.errors import ConflictError, DataGateError, UsageError
from userprofile.pipelines.ask_profiles import answer, ask_profiles, audience_name
from userprofile.pipelines.build_features import build_features
from userprofile.pipelines.build_tag_catalogue import build_tag_catalogue
from userprofile.pipelines.export_audience import export_audience
from userprofile.pipelines.infer_profiles import infer_profiles
from userprofile.pipelines.ingest_events import ingest_events
from userprofile.pipelines.job import opened
from userprofile.pipelines.refine_events import refine_events
from userprofile.tables.locks import Holder, one_job

CONF = Path(__file__).parents[2] / "conf"
NASTY = "it's; drop table y --"
MAPPING = """
events:
  columns: {user_id: who, item_id: what, action: did, event_time: {sql: at, pattern: yyyy-MM-dd}, price: cost}
items:
  columns: {item_id: what}
  category_path: ["'Shop'", shelf]
users:
  files: [FOLDER/users.csv]
  columns: {user_id: who}
  consent: {profiling: yes_profile = '1', marketing: yes_mail = '1'}
"""
TAGS = """
- {name: "lover of {category}", each: category, theme: taste, owner: crm, version: 1, rule: lift > 1, says: leans to it}
- {name: buyer, theme: value, owner: crm, version: 1, rule: orders_all >= 1, says: bought something}
- {name: nobody, theme: value, owner: crm, version: 1, rule: orders_all > 99, says: bought a great deal}
"""
# (profiling, marketing): ann agreed to both, ben to profiles alone, cleo to none; dan is not in the file of users.
CONSENT = "who,yes_profile,yes_mail\nann,1,1\nben,1,0\ncleo,0,1\n"


@pytest.fixture
def profiles(job, tmp_path: Path, shop: str) -> list[str]:
    """Arguments of jobs on the profiles of four users, of whom three bought in the category NASTY."""
    rows = [f"{who},i1,purchase,2024-01-0{day},{NASTY},2.50" for day in (1, 2, 3) for who in ("ann", "ben", "cleo")]
    rows += [f"dan,i2,view,2024-01-0{day},Tea,1.00" for day in (1, 2, 3)]
    (tmp_path / "log.csv").write_text("\n".join(["who,what,did,at,shelf,cost", *rows, ""]))
    (tmp_path / "users.csv").write_text(CONSENT)
    (tmp_path / "tags.yaml").write_text(TAGS)
    (tmp_path / "my_shop.yaml").write_text(shop + MAPPING.replace("FOLDER", str(tmp_path)))
    arguments = ["--source", str(tmp_path / "my_shop.yaml"), "--set", f"tags.file={tmp_path / 'tags.yaml'}"]
    for pipeline in (ingest_events, refine_events, build_features, infer_profiles):
        more = ["--input", str(tmp_path / "log.csv")] if pipeline is ingest_events else []
        ended = job(pipeline.__name__, pipeline, *arguments, *more)
        assert ended.code == 0, ended.errors
    return arguments


def table(folder: Path, name: str) -> pl.DataFrame:
    return pl.DataFrame(DeltaTable(folder / "warehouse" / "my_shop" / Path(*name.split("."))).to_pyarrow_table())


@pytest.mark.slow
def test_whom_a_question_finds_is_shown_and_saved_without_those_who_did_not_consent(job, profiles, tmp_path):
    asked = job("ask_profiles", ask_profiles, *profiles, "--question", f'lovers of "{NASTY}"', "--audience", "lovers")
    assert asked.code == 0, asked.errors
    assert asked.result["metrics"]["ask_profiles"]["users"] == 2
    assert f"understood as: tagged lover of {NASTY}" in asked.printed
    members = table(tmp_path, "apps.audiences")
    tags = table(tmp_path, "gold.user_profiles")
    consented = tags.filter(pl.col("consent").list.contains("profiling"))["user_id"]
    assert consented.len() == 2
    assert sorted(members["user_id"]) == sorted(consented)
    assert all(user in asked.printed for user in consented)
    others = tags.filter(~pl.col("user_id").is_in(consented.to_list()))["user_id"]
    assert not any(user in asked.printed for user in others)
    (row,) = table(tmp_path, "ops.audiences").to_dicts()
    assert (row["audience"], row["users"]) == ("lovers", 2)
    assert row["sql"] in asked.printed
    assert row["profiles_version"] == DeltaTable(tmp_path / "warehouse/my_shop/gold/user_profiles").version()

    again = job("ask_profiles", ask_profiles, *profiles, "--question", "buyers who viewed", "--audience", "lovers")
    assert again.result["metrics"]["ask_profiles"]["users"] == 0
    assert table(tmp_path, "apps.audiences").height == 0
    assert table(tmp_path, "ops.audiences")["question"].to_list() == ["buyers who viewed"]

    unknown = job("ask_profiles", ask_profiles, *profiles, "--question", "lovers of tee")
    assert unknown.code == 2
    assert "Tea, " in unknown.errors
    assert job("ask_profiles", ask_profiles, *profiles).code == 2

    (tmp_path / "tags.yaml").write_text(TAGS.replace("buyer", "purchaser"))
    other = job("ask_profiles", ask_profiles, *profiles, "--question", "purchasers")
    assert other.code == 3
    assert "were made with other tags" in other.errors
    (tmp_path / "tags.yaml").write_text(TAGS)

    settings = [profiles[-1], f"warehouse={tmp_path / 'warehouse'}"]
    found = answer(opened(profiles[1], conf_folder=CONF, settings=settings), "buyers")
    assert sorted(row["user_id"] for row in found.users.select("user_id").collect()) == sorted(consented)
    assert found.sql == "array_contains(tags, 'buyer')"

    exported_to_who_consented(job, profiles, tmp_path, set(consented))
    read_from_python(profiles[1], settings, tmp_path, set(consented))

    page = job("build_tag_catalogue", build_tag_catalogue, *profiles)
    assert page.code == 0, page.errors
    assert page.result["metrics"]["build_tag_catalogue"]["never_fire"] == 1
    html = Path(page.result["metrics"]["build_tag_catalogue"]["page"]).read_text()
    assert html.count("<mark>never fires</mark>") == 1
    assert "75 %" in html


def read_from_python(source: str, settings: list[str], folder: Path, agreed: set[str]) -> None:
    """By `Profiles`: the latest rows, what one user did, and whom a question or a saved audience means."""
    shop = Profiles(source, settings=settings)
    rows = table(folder, "gold.user_profiles")
    assert {row["user_id"] for row in shop.latest().collect()} == set(rows["user_id"])
    events = table(folder, "silver.events").sort("event_time")
    for user in rows["user_id"]:
        own = events.filter(pl.col("user_id") == user)
        assert [row["event_id"] for row in shop.history(user).collect()] == own["event_id"].to_list()
    with pytest.raises(UsageError, match="has this pseudonym"):
        shop.history("ann")
    asked, saved = shop.audience("buyers who bought at least 3 times"), shop.audience("buyers")
    assert asked.columns == saved.columns == rows.columns
    assert {row["user_id"] for row in asked.collect()} == {row["user_id"] for row in saved.collect()} == agreed
    with pytest.raises(UsageError, match="strangers"):
        shop.audience("strangers")
    saved_from_python(shop, folder, agreed)
    with pytest.raises(DataGateError, match="no profiles as of 2023-01-01"):
        Profiles(source, as_of="2023-01-01", settings=settings).latest()
    with pytest.raises(DataGateError, match="no second date has been scored yet"):
        shop.changes()


def saved_from_python(shop: Profiles, folder: Path, agreed: set[str]) -> None:
    """An audience with the filter that was understood, by a job of its own that can be done again."""
    understood = shop.understood("buyers who bought at least 3 times")
    assert {row["user_id"] for row in understood.users.collect()} == agreed
    saved = shop.save_audience("buyers who bought at least 3 times", "often")
    assert {row["user_id"] for row in saved.collect()} == agreed
    members = table(folder, "apps.audiences").filter(pl.col("audience") == "often")
    assert set(members["user_id"]) == agreed
    (row,) = table(folder, "ops.audiences").filter(pl.col("audience") == "often").to_dicts()
    assert (row["sql"], row["words"], row["users"]) == (understood.sql, understood.words, len(agreed))
    (done,) = table(folder, "ops.jobs").filter(pl.col("run_id") == row["run_id"]).to_dicts()
    assert (done["job"], done["status"]) == ("ask_profiles", "done")
    assert done["arguments"][-4:] == ["--question", "buyers who bought at least 3 times", "--audience", "often"]
    asked = table(folder, "ops.audiences").height
    for question, name in (("strangers", "who"), ("buyers", "a b"), (" ", "who")):
        with pytest.raises(UsageError):
            shop.save_audience(question, name)
    other = Holder("r", "run", (), "r", "2024-01-01", os.getpid())
    with one_job(str(folder / "warehouse" / "my_shop"), other), pytest.raises(ConflictError):
        shop.save_audience("buyers", "who")
    assert table(folder, "ops.audiences").height == asked


def exported_to_who_consented(job, profiles, folder: Path, agreed: set[str]) -> None:
    """Of the two buyers one has agreed to marketing."""
    job("ask_profiles", ask_profiles, *profiles, "--question", "buyers", "--audience", "buyers")
    to = ["--audience", "buyers", "--purpose", "marketing"]
    frames = {}
    for form, read in {"csv": pl.read_csv, "parquet": pl.read_parquet}.items():
        ended = job("export_audience", export_audience, *profiles, *to, "--format", form)
        assert ended.code == 0, ended.errors
        figures = ended.result["metrics"]["export_audience"]
        assert (figures["exported"], figures["withheld"]) == (1, 1)
        assert figures["withheld_because"] == {"consented to other purposes only": 1}
        assert "withheld 1 users: consented to other purposes only" in ended.printed
        frames[form] = read(folder / "report" / "my_shop" / "audiences" / f"buyers_marketing.{form}")
    assert frames["csv"]["user_id"].to_list() == frames["parquet"]["user_id"].to_list()
    consent = table(folder, "silver.users").filter(pl.col("consent").list.contains("marketing"))["user_id"]
    assert set(frames["csv"]["user_id"]) == agreed & set(consent)
    for wrong, says in (
        (["--audience", "buyer", "--purpose", "marketing"], "AUDIENCE=buyers"),
        (["--audience", "buyers", "--purpose", "marketting"], "PURPOSE=marketing"),
        ([*to, "--format", "xlsx"], "one of csv, parquet"),
        (["--audience", "buyers"], "no purpose is named"),
    ):
        refused = job("export_audience", export_audience, *profiles, *wrong)
        assert refused.code == 2
        assert says in refused.errors


@pytest.mark.parametrize("name", ["", "a b", "A", "1a", "a'; drop", "x" * 65])
def test_an_audience_is_called_by_a_plain_name(name):
    with pytest.raises(UsageError):
        audience_name(name)


def test_without_profiles_the_job_that_makes_them_is_named(job, mapping):
    ended = job("ask_profiles", ask_profiles, "--source", mapping, "--question", "buyers")
    assert ended.code == 3
    assert "make infer_profiles" in ended.errors

"""Tags of an earlier date against what came after it, from the log to the page."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable

from userprofile.pipelines.build_features import build_features
from userprofile.pipelines.build_tag_catalogue import build_tag_catalogue
from userprofile.pipelines.check_profiles import check_profiles
from userprofile.pipelines.infer_profiles import infer_profiles
from userprofile.pipelines.ingest_events import ingest_events
from userprofile.pipelines.refine_events import refine_events

MAPPING = """
events:
  columns: {user_id: who, item_id: what, action: did, event_time: {sql: at, pattern: yyyy-MM-dd}, price: cost}
items:
  columns: {item_id: what}
  category_path: ["'Shop'", shelf]
"""
BARE = "theme: a, owner: crm, version: 1, says: what it says"
TAGS = f"""
- {{name: steady, {BARE}, rule: orders_all >= 10, expects: buys}}
- {{name: steady and gone, {BARE}, rule: orders_all >= 10, expects: buys nothing}}
- {{name: "likes {{category}}", {BARE}, each: category, rule: affinity > 0.5, expects: buys in category}}
- {{name: scored, {BARE}, rule: purchase_probability >= 0, expects: buys}}
"""
FIRST = date(2024, 1, 1)


def log(more: str = "") -> str:
    """Thirty days of six users: three buy Tea daily, three bought Milk on the first two days alone and look since."""
    days = [FIRST + timedelta(days=number) for number in range(30)]
    rows = [f"{who},tea,purchase,{day},Tea,2.00" for who in ("ann", "ben", "cleo") for day in days]
    rows += [f"{who},milk,purchase,{day},Milk,2.00" for who in ("dan", "eve", "fay") for day in days[:2]]
    rows += [f"{who},milk,view,{day},Milk,2.00" for who in ("dan", "eve", "fay") for day in days]
    return "\n".join(["who,what,did,at,shelf,cost", *rows, more, ""])


@pytest.mark.slow
def test_what_came_true_is_measured_and_shown(job, shop, tmp_path: Path):
    (tmp_path / "log.csv").write_text(log())
    (tmp_path / "tags.yaml").write_text(TAGS)
    (tmp_path / "my_shop.yaml").write_text(shop + MAPPING)
    arguments = ["--source", str(tmp_path / "my_shop.yaml"), "--set", f"tags.file={tmp_path / 'tags.yaml'}"]

    def done(pipeline, *more: str) -> dict:
        ended = job(pipeline.__name__, pipeline, *arguments, *more)
        assert ended.code == 0, ended.errors
        return ended.result

    def rows() -> dict[tuple[str, str], dict]:
        table = DeltaTable(tmp_path / "warehouse" / "my_shop" / "ops" / "checks").to_pyarrow_table()
        return {(row["subject"], row["measure"]): row for row in pl.DataFrame(table).to_dicts()}

    done(ingest_events, "--input", str(tmp_path / "log.csv"))
    done(refine_events)
    checked = done(check_profiles)["metrics"]["check_profiles"]
    assert checked["as_of_date"] == "2024-01-24"  # a week before the log's end
    assert (checked["users"], checked["tags"], checked["below_base_rate"]) == (6, 3, 1)
    assert checked["category_2_affinity"] == 0.5  # of tea, and none of milk
    found = rows()
    steady, gone, likes = (found[name, "precision"] for name in ("steady", "steady and gone", "likes {category}"))
    assert (steady["value"], steady["base_rate"], steady["rows"]) == (1.0, 0.5, 3)
    assert (gone["value"], gone["base_rate"]) == (0.0, 0.5)
    assert (likes["value"], likes["rows"]) == (0.5, 6)
    assert likes["base_rate"] == pytest.approx(0.25)  # half buy tea, nobody milk
    assert found["steady", "lift"]["value"] == 2.0
    assert found["steady", "recall"]["value"] == 1.0
    assert ("scored", "precision") not in found

    assert done(check_profiles)["steps"]["check_profiles"] == 0.0
    too_late = job("check_profiles", check_profiles, *arguments, "--as-of", "2024-01-25")
    assert too_late.code == 3
    assert "AS_OF=2024-01-24" in too_late.errors

    # What comes after the window changes nothing of what was said or came true before.
    (tmp_path / "more.csv").write_text("who,what,did,at,shelf,cost\ndan,milk,purchase,2024-02-02,Milk,2.00\n")
    done(ingest_events, "--input", str(tmp_path / "more.csv"))
    done(refine_events)
    done(check_profiles, "--as-of", "2024-01-24")
    for key, row in rows().items():
        assert {**row, "run_id": "", "checked_at": None} == {**found[key], "run_id": "", "checked_at": None}

    done(build_features)
    done(infer_profiles)
    done(build_tag_catalogue)
    html = (tmp_path / "report" / "my_shop" / "tags.html").read_text()
    assert html.count("<mark>no better than its base rate</mark>") == 1
    assert "what was said as of 2024-01-24" in html

"""Every job of the command line twice: the second run says that it has nothing to do, and changes no table."""

from __future__ import annotations

import json
import re
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable

from userprofile.pipelines.ask_profiles import ask_profiles
from userprofile.pipelines.command import _ELSEWHERE, JOBS
from userprofile.tables.maintenance import tables_below

pytestmark = pytest.mark.slow

MAPPING = """
timezone: UTC
currency: EUR
gap: 0d
horizon: 7d
settings: {refine_events: {max_quarantined_share: 0.5}}
events:
  columns:
    user_id: who
    item_id: what
    action: did
    event_time: {sql: at, pattern: yyyy-MM-dd HH:mm}
    price: cost
users:
  files: [FOLDER/users.csv]
  columns: {user_id: who}
  consent: {profiling: yes_profile = '1', marketing: yes_mail = '1'}
"""
# Jobs that want a model, pictures or another log: where their second run is looked at.
LOOKED_AT = {
    "embed_items": "tests/pipelines/test_embed_items.py",
    "audit_features": "tests/pipelines/test_audit_features.py",
    "select_features": "tests/pipelines/test_select_features.py",
    "train_model": "tests/test_end_to_end.py",
    "pretrain_model": "tests/test_end_to_end.py",
    "finetune_model": "tests/test_end_to_end.py",
    "evaluate_model": "tests/test_end_to_end.py",
    "explain_score": "tests/test_end_to_end.py",
    "explain_images": "tests/pipelines/test_explain_images.py",
    "leaderboard": "tests/pipelines/test_leaderboard.py",
    "check_profiles": "tests/pipelines/test_check_profiles.py",
    "generate_demo_shop": "tests/pipelines/test_generate_demo_shop.py",
}
# What a second run does all the same, and why.
ALWAYS = {
    "report_scaling": "times this machine, which may be another one",
    "maintain_tables": "looks what files there are now",
    "show_status": "only looks, and is no step",
    "ask_profiles": "answers whoever asks",
    "promote_model": "decides on models alone: tests/test_end_to_end.py",
    "rollback_model": "decides on models alone: tests/test_end_to_end.py",
}
LAST = ["update_features", "backfill", "replay_quarantine"]  # after which others have something to do
HERE = sorted((job for job in JOBS if job not in LOOKED_AT.keys() | ALWAYS.keys()), key=LAST.__contains__)


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Path:
    """A folder with the files of a small log of two users."""
    folder = tmp_path_factory.mktemp("second")
    rows = [f"{who},i1,purchase,2024-01-0{day} 10:00,2.50" for day in (1, 2, 3) for who in ("ann", "ben")]
    (folder / "log.csv").write_text("\n".join(["who,what,did,at,cost", *rows, "ann,i1,view,no time,1.00", ""]))
    (folder / "users.csv").write_text("who,yes_profile,yes_mail\nann,1,1\nben,1,0\n")
    (folder / "my_shop.yaml").write_text(MAPPING.replace("FOLDER", str(folder)))
    return folder


def asked(job: str, shop: Path) -> list[str]:
    """What the job wants to be told; of what is made by jobs before it."""
    root = shop / "warehouse" / "my_shop"
    match job:
        case "run" | "ingest_events":
            return ["--input", str(shop / "log.csv")]
        case "backfill":
            return ["--from", "2024-01-02", "--to", "2024-01-04"]
        case "build_card":
            return ["--pseudonym", DeltaTable(root / "gold/user_profiles").to_pyarrow_table()["user_id"][0].as_py()]
        case "compare_runs":
            runs = pl.DataFrame(DeltaTable(root / "ops/runs").to_pyarrow_table()).filter(step="infer_profiles")
            return ["--a", runs["run_id"][0], "--b", runs["run_id"][-1]]
        case "export_audience":
            return ["--audience", "weekly", "--purpose", "marketing"]
    return []


def versions(shop: Path) -> dict[str, int]:
    """Of all tables but those about runs."""
    root = shop / "warehouse" / "my_shop"
    names = [name for name in tables_below(str(root)) if not name.startswith("ops.")]
    return {name: DeltaTable(root / name.replace(".", "/")).version() for name in names}


@pytest.mark.parametrize("job", HERE)
def test_a_second_run_says_that_it_was_done_and_changes_nothing(job, shop, job_below, capsys):
    module, function = _ELSEWHERE.get(job, (job, job))
    pipeline = getattr(__import__(f"userprofile.pipelines.{module}", fromlist=[function]), function)
    arguments = ["--source", str(shop / "my_shop.yaml"), *asked(job, shop)]

    if job == "export_audience":
        job_below(
            shop, "ask_profiles", ask_profiles, *arguments[:2], "--question", "weekly shoppers", "--audience", "weekly"
        )

    def ended() -> tuple[dict, str]:
        job_below(shop, job, pipeline, *arguments)
        printed = capsys.readouterr()
        told = json.loads(printed.out.splitlines()[-1])
        assert told["exit_code"] == 0, printed.err
        return told, printed.out + printed.err

    ended()
    before = versions(shop)
    told, said = ended()
    steps = {name for name in told["steps"] if "skipped" not in told["metrics"][name]}
    assert steps <= set(re.findall(r"(\w+): done before with the same inputs, configuration and code", said))
    assert told["steps"]
    assert versions(shop) == before


def test_of_every_other_job_a_second_run_is_looked_at(checkout):
    for job, path in LOOKED_AT.items():
        text = (checkout / path).read_text()
        assert re.search(rf'"{job}"\W.*\b0(\.0)?\b', text), job

"""A leaderboard from a log's file to the table, as a user starts it."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import pytest

from userprofile.pipelines import leaderboard

BEGIN = datetime(2024, 1, 1, 9)
BOARD = """
about: Who buys in the next fortnight.
protocol: temporal
horizon: 14d
every: 14d
outcome: {outcome}
eligible: bought
learn_from: {learn_from}
published:
  - {{model: a rule of others, measures: {measures}, from: a paper}}
"""


@pytest.fixture(scope="module")
def rows() -> str:
    """A shop of 150 regulars and 150 who come seldom, over ten weeks."""
    rng, lines = random.Random(6), ["who,what,did,at,cost"]
    for user in range(300):
        every = 6 if user < 150 else 50
        day = rng.expovariate(1 / every)
        while day < 70:
            at = BEGIN + timedelta(days=day)
            lines.append(f"user {user},i{rng.randint(1, 9)},purchase,{at:%Y-%m-%d %H:%M},{rng.randint(1, 9)}.50")
            day += rng.expovariate(1 / every)
    return "\n".join([*lines, f"last,i1,view,{BEGIN + timedelta(days=70):%Y-%m-%d %H:%M},1.00", ""])


@pytest.fixture
def started(job, mapping, log, rows, tmp_path):
    """Runs the job on the shop and a board."""

    def run(*, outcome="buys", learn_from="earlier_dates", measures="{auc: 0.61}", changed=("", "")):
        board = tmp_path / "board.yaml"
        text = BOARD.format(outcome=outcome, learn_from=learn_from, measures=measures)
        board.write_text(text.replace(*changed))
        arguments = ("--data", str(board), "--source", mapping, "--input", log(rows))
        return job("leaderboard", leaderboard.leaderboard, *arguments)

    return run


@pytest.mark.slow
def test_our_row_stands_beside_the_published_one_and_is_kept(started):
    ended = started()
    assert ended.code == 0, ended.errors
    shown = ended.printed
    assert shown.index("profile") < shown.index("lightgbm") < shown.index("a rule of others") < shown.index("a paper")
    rows = ended.result["metrics"]["leaderboard"]["rows"]
    assert list(rows) == ["profile", "base_rate", "recency_rule", "rfm_logistic", "bg_nbd", "lightgbm", "blend"]
    profile = rows["profile"]
    assert 0.75 < profile["auc_low"] < profile["auc"] < profile["auc_high"] <= 1  # two kinds of users are told apart
    assert profile["calibration_error"] < 0.1
    (choice,) = profile["served"]
    assert profile["auc"] == pytest.approx(rows[choice["model"]]["auc"])
    assert choice["because"]
    assert ended.result["tables"]["gold.outcome_examples"]["rows"] > 600

    again = started()
    assert again.result["steps"]["leaderboard"] == 0
    assert again.result["metrics"]["leaderboard"] == ended.result["metrics"]["leaderboard"]
    assert "a rule of others" in again.printed


@pytest.mark.slow
def test_days_with_a_purchase_are_learnt_from_other_users(started):
    ended = started(outcome="purchase_days", learn_from="other_users", measures="{mae: 1.5, correlation: 0.5}")
    assert ended.code == 0, ended.errors
    rows = ended.result["metrics"]["leaderboard"]["rows"]
    assert {choice["model"] for choice in rows["profile"]["served"]} <= set(rows) - {"profile", "lightgbm_median"}
    assert len(rows["profile"]["served"]) == 5
    assert rows["profile"]["correlation"] > 0.5
    assert rows["profile"]["mae"] < rows["mean_days"]["mae"]


@pytest.mark.parametrize(
    ("changed", "code", "says"),
    [
        (("about:", "cut: 2025-01-01\nabout:"), 3, "lies outside the log"),
        (("about:", "cut: 2024-03-01\nabout:"), 3, "not known to the end of the window"),
        (("horizon: 14d", "horizon: 40d"), 3, "no earlier date can be learnt from"),
        (("horizon: 14d", "tuned: true\nhorizon: 14d"), 2, "tuned is not right"),
    ],
)
def test_what_cannot_be_judged_says_why(started, changed, code, says):
    ended = started(changed=changed)
    assert ended.code == code, ended.errors
    assert says in ended.errors
    assert "fix:" in ended.errors


def test_a_leaderboard_needs_a_protocol_and_a_log(job, mapping):
    assert "DATA=" in job("leaderboard", leaderboard.leaderboard, "--source", mapping).errors
    no_log = job("leaderboard", leaderboard.leaderboard, "--source", "", "--data", "temporal")
    assert (no_log.code, "no log is named" in no_log.errors) == (2, True)


@pytest.mark.slow
def test_the_published_sample_of_cdnow(job, data_folder):
    ended = job("leaderboard", leaderboard.leaderboard, "--source", "", "--data", "cdnow-sample")
    assert ended.code == 0, ended.errors
    rows = ended.result["metrics"]["leaderboard"]["rows"]
    assert rows["profile"]["users"] == 2_357
    # The date begins a day after the last that is published, by which T ends: hence not quite 0.786.
    assert rows["bg_nbd"]["mae"] == pytest.approx(0.783, abs=1e-3)
    assert rows["bg_nbd"]["correlation"] == pytest.approx(0.625, abs=1e-3)
    # Folds go by pseudonym, and each key makes others: about 0.69 and 0.63.
    assert rows["profile"]["mae"] < 0.74
    assert rows["profile"]["correlation"] > 0.60

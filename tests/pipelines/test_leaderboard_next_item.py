"""The job on a small log whose users go through items in a circle: what comes next is foreseen, and only then."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from userprofile.pipelines.leaderboard import leaderboard

ITEMS, USERS = 12, 60
BOARD = """
about: A circle of items
source: {source}
protocol: leave_one_out
published:
  - {{model: chance, measures: {{hr@10: 0.8, ndcg@10: 0.4}}, from: arithmetic}}
"""
SMALL = (
    "train_model.processes=1",
    "train_model.shards=1",
    "next_items.epochs=4",
    "next_items.batch_rows=20",
    "next_items.learning_rate=0.02",
    "next_items.network.width=8",
    "next_items.network.layers=1",
    "next_items.network.dropout=0",
)


def circles() -> str:
    chance = random.Random(1)
    lines = ["who,what,did,at,cost"]
    for user in range(USERS):
        start = chance.randrange(ITEMS)
        for day in range(chance.randint(4, 7)):
            lines.append(f"user{user},item{(start + day) % ITEMS},purchase,2024-01-{day + 1:02} 10:00,")
    lines += [f"again,item{item},purchase,2024-01-{day:02} 10:00," for day, item in enumerate((1, 2, 3, 1), start=1)]
    lines += [f"user{user},,search,2024-01-28 10:00," for user in range(5)]  # of no item: not to be foreseen
    return "\n".join(lines) + "\n"


@pytest.mark.slow
def test_our_row_stands_beside_the_ladder_and_what_is_published(job, log, mapping, tmp_path: Path) -> None:
    board = tmp_path / "circle.yaml"
    board.write_text(BOARD.format(source=mapping))
    ended = job(
        "leaderboard",
        leaderboard,
        "--source",
        mapping,
        "--data",
        str(board),
        "--input",
        log(circles()),
        "--set",
        *SMALL,
    )
    assert ended.code == 0, ended.errors
    rows = ended.result["metrics"]["leaderboard"]["rows"]
    assert next(iter(rows)) == "profile"
    assert set(rows) == {
        "profile", "mixture", "network", "popularity", "markov", "sequential_rules", "item_cosine",
        "user_user", "als",
    }  # fmt: skip
    assert rows["markov"]["hr@10"] == rows["markov"]["ndcg@10"] == 1
    assert rows["profile"]["ndcg@10"] > 0.9
    assert rows["popularity"]["ndcg@10"] < rows["profile"]["ndcg@10"]
    assert (rows["profile"]["users"], rows["profile"]["users_left_out"]) == (USERS, 1)  # who had the last item before
    assert not list((tmp_path / "warehouse/my_shop/checkpoints").glob("*/*"))
    assert rows["profile"]["hr@10_other_day"] == rows["profile"]["hr@10"]
    assert rows["profile"]["hr@10_same_day"] is None
    assert "chance" in ended.printed
    assert "arithmetic" in ended.printed


def test_users_of_too_few_events_are_told(job, log, header, mapping, tmp_path: Path) -> None:
    board = tmp_path / "circle.yaml"
    board.write_text(BOARD.format(source=mapping))
    two = log(header + "".join(f"user,item{day},view,2024-01-0{day} 10:00,\n" for day in (1, 2)))
    ended = job("leaderboard", leaderboard, "--source", mapping, "--data", str(board), "--input", two, "--set", *SMALL)
    assert ended.code == 3
    assert "no history has a part to validation on" in ended.errors


def test_a_batch_beyond_memory_is_refused_before_work(job, log, mapping, tmp_path: Path) -> None:
    board = tmp_path / "circle.yaml"
    board.write_text(BOARD.format(source=mapping))
    large = ["next_items.batch_rows=200000000"]
    asked = ("--source", mapping, "--data", str(board), "--input", log(circles()), "--set", *SMALL, *large)
    ended = job("leaderboard", leaderboard, *asked)
    assert ended.code == 2
    assert "fix: lower next_items.batch_rows" in ended.errors

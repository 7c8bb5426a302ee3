"""New items on a small log whose kinds go in a circle: by their titles they are foreseen, without them they are not."""

from __future__ import annotations

import random
from pathlib import Path

import polars as pl
import pytest

from userprofile.pipelines.leaderboard import leaderboard

KINDS = ("steel kettle", "leather boots", "toy train", "garden chair", "face cream", "mobile phone")
OF_A_KIND, USERS = 4, 80
BOARD = """
about: Kinds of items in a circle
source: {source}
protocol: new_items
share: 0.25
seeds: 2
rows:
  nothing: {{contents: []}}
  texts: {{contents: [text], network: {{own_dropout: 0.5}}}}
"""
SMALL = (
    "train_model.processes=1",
    "train_model.shards=1",
    "next_items.epochs=30",
    "next_items.batch_rows=20",
    "next_items.learning_rate=0.01",
    "next_items.content_width=16",
    "next_items.network.width=16",
    "next_items.network.layers=1",
    "next_items.network.dropout=0",
)
CATALOGUE = """
items:
  files: [{folder}/catalogue.csv]
  columns: {{item_id: sku, title: title}}
"""


def circles() -> str:
    """Users who go from kind to kind, and at each take one item of it."""
    chance = random.Random(1)
    lines = ["who,what,did,at,cost"]
    for user in range(USERS):
        start = chance.randrange(len(KINDS))
        for day in range(chance.randint(5, 8)):
            item = (start + day) % len(KINDS) * OF_A_KIND + chance.randrange(OF_A_KIND)
            lines.append(f"user{user},item{item},purchase,2024-01-{day + 1:02} 10:00,")
    return "\n".join(lines) + "\n"


@pytest.fixture
def board(mapping: str, tmp_path: Path) -> str:
    """A board of the log, whose items have titles."""
    titles = [f"item{number},{KINDS[number // OF_A_KIND]} no. {number}" for number in range(len(KINDS) * OF_A_KIND)]
    (tmp_path / "catalogue.csv").write_text("\n".join(["sku,title", *titles]) + "\n")
    Path(mapping).write_text(Path(mapping).read_text() + CATALOGUE.format(folder=tmp_path))
    path = tmp_path / "circle.yaml"
    path.write_text(BOARD.format(source=mapping))
    return str(path)


@pytest.mark.slow
def test_new_items_are_foreseen_by_what_their_titles_say(job, log, mapping, board, tmp_path: Path) -> None:
    asked = ("--source", mapping, "--data", board, "--input", log(circles()), "--set", *SMALL)
    ended = job("leaderboard", leaderboard, *asked)
    assert ended.code == 0, ended.errors
    rows = ended.result["metrics"]["leaderboard"]["rows"]
    assert list(rows) == ["nothing", "texts"]
    assert rows["nothing"]["users_new"] == rows["texts"]["users_new"] > 8
    assert rows["texts"]["users_new"] + rows["texts"]["users_known"] <= USERS
    assert rows["texts"]["ndcg@10_new"] > rows["nothing"]["ndcg@10_new"] + 0.2
    assert rows["texts"]["hr@10_new"] > 0.9  # among the four of the kind that comes next
    assert rows["texts"]["ndcg@10_new_low"] <= rows["texts"]["ndcg@10_new"] <= rows["texts"]["ndcg@10_new_high"]
    new = ended.result["metrics"]["build_new_item_histories"]
    assert new["new_items"] == len(KINDS) * OF_A_KIND / 4
    assert not list((tmp_path / "warehouse/my_shop/checkpoints").glob("*/*"))
    histories = pl.read_delta(str(tmp_path / "warehouse/my_shop/gold/new_item_histories"))
    items = {split: set(part["sequence_item"].explode()) for (split,), part in histories.group_by("split")}
    assert len(items["train"] | items["validation"] | items["refit"]) <= len(KINDS) * OF_A_KIND * 3 / 4
    assert len(items["test"]) > len(items["train"])
    again = job("leaderboard", leaderboard, *asked)
    assert again.result["metrics"]["leaderboard"]["rows"] == rows
    assert again.result["steps"]["leaderboard"] == 0.0


def test_a_row_that_cannot_be_is_refused_by_name(job, log, mapping, board) -> None:
    text = Path(board).read_text()
    for wrong in ("contents: [smell]", "network: {fusion: sum}", "network: gated", "epoch: 3"):
        Path(board).write_text(text.replace("contents: [text], network: {own_dropout: 0.5}", wrong))
        asked = ("--source", mapping, "--data", board, "--input", log(circles()), "--set", *SMALL)
        ended = job("leaderboard", leaderboard, *asked)
        assert ended.code == 2
        assert "row texts of the leaderboard" in ended.errors

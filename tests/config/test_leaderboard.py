"""Files of conf/leaderboard: all that are shipped load, and a wrong one names its key before any work."""

from __future__ import annotations

from datetime import timedelta

import pytest
import yaml

from userprofile.config.leaderboard import TemporalBoard
from userprofile.config.load import find_source, load_board
from userprofile.errors import UsageError

GOOD = {
    "about": "Who buys.",
    "source": "cdnow",
    "protocol": "temporal",
    "horizon": "28d",
    "outcome": "buys",
    "eligible": "seen",
    "learn_from": "earlier_dates",
    "published": [{"model": "a rule", "measures": {"auc": 0.7}, "from": "a paper"}],
}


@pytest.fixture
def board(conf, tmp_path):
    def load(**changed):
        path = tmp_path / "board.yaml"
        path.write_text(yaml.safe_dump({key: value for key, value in {**GOOD, **changed}.items() if value != ...}))
        return load_board(conf, str(path))

    return load


def test_every_shipped_leaderboard_names_a_known_log_or_takes_any(conf):
    names = sorted(path.stem for path in (conf / "leaderboard").glob("*.yaml"))
    assert {"cdnow_master", "cdnow_sample", "online_retail", "taobao", "temporal"} <= set(names)
    for name in names:
        shipped = load_board(conf, name.replace("_", "-"))
        assert shipped.source is None or find_source(conf, shipped.source).exists()
        assert all(row.source for row in shipped.published)


def test_what_is_not_said_has_a_default(board):
    loaded = board()
    assert isinstance(loaded, TemporalBoard)
    assert (loaded.gap, loaded.horizon, loaded.cut) == (timedelta(0), timedelta(days=28), None)
    assert loaded.published[0].source == "a paper"


@pytest.mark.parametrize(
    ("changed", "key", "expected"),
    [
        ({"protocol": "random"}, "protocol", "leave_one_out, new_items, planted_truth, temporal"),
        ({"protocol": ...}, "protocol", "leave_one_out, new_items, planted_truth, temporal"),
        ({"outcome": "churns"}, "outcome", "'buys', 'purchase_days' or 'spend'"),
        ({"horizon": "0d"}, "horizon", "a duration above 0"),
        ({"cut": "soon"}, "cut", "date"),
        ({"eligible": ...}, "eligible", "a value"),
        ({"tuned": True}, "tuned", "a key of"),
        ({"published": [{"model": "a rule", "measures": {"auc": 0.7}}]}, "published.0.from", "a value"),
        (
            {"published": [{"model": "a rule", "measures": {"mae": 1}, "from": "a paper"}]},
            "the whole",
            "measures among",
        ),
    ],
)
def test_a_wrong_key_is_named(board, changed, key, expected):
    with pytest.raises(UsageError) as caught:
        board(**changed)
    assert f"board.yaml: {key} is not right" in str(caught.value)
    assert expected in caught.value.expected


def test_a_name_that_is_none_meets_the_nearest(conf):
    with pytest.raises(UsageError, match="no data is called 'cdnow_mastr'") as caught:
        load_board(conf, "cdnow_mastr")
    assert caught.value.fix == "DATA=cdnow_master"

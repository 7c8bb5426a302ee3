from __future__ import annotations

from collections import Counter

import polars as pl
import pytest

from userprofile.columns import ACTION_CODE
from userprofile.features.assemble import features_per_user
from userprofile.features.catalogue import compose
from userprofile.features.channels import LISTED_CHANNELS, channels


def oracle(history, as_of):
    acts = [event for event in history if event["action"] != ACTION_CODE["exposure"]]
    through, devices = (
        Counter(event[name] for event in acts if event[name] is not None) for name in ("channel", "device")
    )
    ranked = sorted(through, key=lambda code: (-through[code], code))
    return {
        "channel_shares": [
            {"name": f"channel / {code}", "score": pytest.approx(through[code] / through.total())} for code in ranked
        ],
        "devices_all": len(devices) or None,
        "top_device_share": max(devices.values()) / devices.total() if devices else None,
    }


def test_channels_agree_with_plain_python(agrees):
    agrees(channels(), oracle)


@pytest.fixture
def rows_of(as_ofs, statistics, names):
    def compute(events):
        return features_per_user(
            events, as_ofs=as_ofs[:1], catalogue=compose(channels()), statistics=statistics, names=names
        )

    return compute


def test_a_log_without_devices_and_channels_knows_nothing_of_them(random_log, rows_of):
    rows = rows_of(
        random_log(1).with_columns(device=None, channel=None).cast({"device": pl.Int64, "channel": pl.Int32})
    )
    assert rows["channel_shares"].to_list() == [[]] * rows.height
    assert rows["devices_all"].null_count() == rows["top_device_share"].null_count() == rows.height


def test_what_is_shown_on_a_device_or_through_a_channel_uses_neither(random_log, as_ofs, rows_of):
    one = random_log(1).filter(pl.col("action") == 0, pl.col("known_at") < as_ofs[0].instant).head(1)
    act = one.with_columns(device=pl.lit(1, pl.Int64), channel=pl.lit(1, pl.Int32))
    shown = one.with_columns(
        device=pl.lit(2, pl.Int64),
        channel=pl.lit(2, pl.Int32),
        action=pl.lit(ACTION_CODE["exposure"], pl.Int8),
    )
    both, only_shown = (rows_of(pl.concat(parts)).row(0, named=True) for parts in ([act, shown], [shown]))
    assert (both["devices_all"], both["top_device_share"]) == (1, 1.0)
    assert both["channel_shares"] == [{"name": "channel / 1", "score": 1.0}]
    assert (only_shown["devices_all"], only_shown["top_device_share"], only_shown["channel_shares"]) == (None, None, [])


def test_the_largest_channels_are_listed_and_the_rest_keep_their_share(random_log, as_ofs, rows_of):
    one = random_log(1).filter(pl.col("action") == 0, pl.col("known_at") < as_ofs[0].instant).head(1)
    many = pl.concat([one.with_columns(channel=pl.lit(code, pl.Int32)) for code in range(1, 11)])
    (shares,) = rows_of(many)["channel_shares"].to_list()
    assert shares == [{"name": f"channel / {code}", "score": 0.1} for code in range(1, LISTED_CHANNELS + 1)]

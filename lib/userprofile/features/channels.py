"""Through what: channels and devices of acts. Null or empty where the log, or all the user did, has none."""

from __future__ import annotations

from collections.abc import Iterator

import dataframely as dy
import polars as pl

from userprofile.features.entries import Feature, Helper
from userprofile.features.vocabulary import ACTED, ACTS
from userprofile.schemas.gold import scored
from userprofile.windows import ALL_HISTORY

LISTED_CHANNELS = 5
NO_DEVICE = "no act names a device, as in logs without devices"


def channels() -> Iterator[Feature]:
    """`channel_shares`, `devices_all` and `top_device_share`."""
    acts = Helper("channel_acts", ACTED.sum())
    yield Feature(
        "channel_shares",
        family="activity",
        expr=pl.col(acts.name),
        dtype=scored(),
        unit="shares, which sum to 1 over all channels",
        null="never null: empty where no act names a channel",
        says="per channel: acts through it before as_of / the user's acts through any; the "
        f"{LISTED_CHANNELS} largest, ties by code; {ACTS}",
        window=ALL_HISTORY,
        per="ranking",
        by="channel",
        pairs=(acts,),
        top=LISTED_CHANNELS,
    )
    yield from _devices()


def _devices() -> Iterator[Feature]:
    per_device = Helper("device_acts", ACTED.sum())
    acts = pl.col(per_device.name)
    yield Feature(
        "devices_all",
        family="activity",
        expr=pl.when((acts > 0).any()).then((acts > 0).sum()),
        dtype=dy.Int64(nullable=True, min=1),
        unit="devices",
        null=NO_DEVICE,
        says=f"different devices of the acts before as_of; {ACTS}",
        window=ALL_HISTORY,
        per="values",
        by="device",
        pairs=(per_device,),
    )
    yield Feature(
        "top_device_share",
        family="activity",
        expr=pl.when(acts.sum() > 0).then(acts.max() / acts.sum()),
        dtype=dy.Float64(nullable=True, min=0, max=1),
        unit="share",
        null=NO_DEVICE,
        says=f"acts with the device used most / acts with any, before as_of; {ACTS}",
        window=ALL_HISTORY,
        per="values",
        by="device",
        pairs=(per_device,),
    )

"""From codes to files: events.csv, items.parquet, users.parquet."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from userprofile.columns import ACTIONS
from userprofile.demo_shop.catalogue import Catalogue
from userprofile.demo_shop.dirt import BREAKS
from userprofile.demo_shop.disputes import CHARGEBACK
from userprofile.demo_shop.images import image_path
from userprofile.demo_shop.population import Population
from userprofile.demo_shop.rows import CHANNELS
from userprofile.demo_shop.shop import Shop
from userprofile.demo_shop.taxonomy import COLOURS, LEAVES, SHAPES, STYLES
from userprofile.demo_shop.wording import BRAND_NAMES, describe, queries

_TIME_FORMAT = "%Y-%m-%dT%H:%M:%S%.6fZ"
_BATCH = 250_000  # rows that are words at one time: the rest stay codes, which keeps memory flat
_PLACES = 50  # malformed rows lie at this many places of the file, or fewer


def label(prefix: str, code: str, width: int = 7) -> pl.Expr:
    """The name of a code, for instance U0000017; null stays null."""
    return pl.lit(prefix) + pl.col(code).cast(pl.String).str.zfill(width)


def in_words(events: pl.DataFrame) -> pl.DataFrame:
    """The columns of events.csv, in their order."""
    return events.select(
        event_id=label("E", "event", 9),
        user_id=label("U", "user"),
        item_id=label("I", "item"),
        action=_word((*ACTIONS, CHARGEBACK), events["action"]),
        event_time=_instant("time"),
        arrived_at=_instant("arrived"),
        order_id=label("O", "order"),
        session_id=label("S", "session"),
        request_id=label("R", "request"),
        position="position",
        quantity="quantity",
        price=_money("price"),
        discount=_money("discount"),
        query=_word(queries()["query"], events["query"]),
        rating="rating",
        text="text",
        dwell_seconds="dwell_seconds",
        channel=_word(CHANNELS, events["channel"]),
        device_id=label("D", "device"),
        address_id=label("A", "address"),
        campaign_id=label("M", "campaign", 2),
        coupon_id=label("K", "campaign", 2) + label("", "coupon"),
        propensity="propensity",
    )


def write_events(events: pl.DataFrame, broken: Iterator[tuple[str, pl.DataFrame]], path: Path, *, shop: Shop) -> int:
    """Write the log in the order of `events`, malformed rows strewn between; returns how many of those there are."""
    lines = [line for kind, rows in broken for line in _broken_lines(kind, rows)]
    shop.stream("places").shuffle(lines)
    batch = min(_BATCH, max(events.height // _PLACES, 1))
    starts = range(0, events.height, batch)
    with path.open("wb") as file:
        file.write(_csv(in_words(events.clear()), header=True))
        for turn, start in enumerate(starts):
            file.write(_csv(in_words(events[start : start + batch])))
            file.writelines(lines[turn :: len(starts)])
    return len(lines)


def write_items(catalogue: Catalogue, path: Path, *, shop: Shop) -> None:
    """One row an item. A tenth lack a description, another tenth their colour: picture and text still tell it."""
    rng, count = shop.stream("gaps"), len(catalogue.leaf)
    silent, colourless = rng.random(count) < 0.1, rng.random(count) < 0.1
    colour, leaf = list(COLOURS), pl.Series(catalogue.leaf)
    pictures = zip(catalogue.colour, catalogue.shape, catalogue.image, strict=True)
    text = describe(catalogue)
    pl.DataFrame({"item": np.arange(count)}).select(
        item_id=label("I", "item"),
        title=text["title"],
        description=pl.when(~pl.Series(silent)).then(text["description"]),
        department=_word([place.department for place in LEAVES], leaf),
        category=_word([place.category for place in LEAVES], leaf),
        subcategory=_word([place.subcategory for place in LEAVES], leaf),
        brand=_word(BRAND_NAMES, pl.Series(catalogue.brand)),
        colour=pl.when(~pl.Series(colourless)).then(_word(colour, pl.Series(catalogue.colour))),
        style=_word(list(STYLES), pl.Series(catalogue.style)),
        price=pl.Series(catalogue.price) / 100,
        image=pl.Series([image_path(colour[c], SHAPES[s], variant) for c, s, variant in pictures]),
    ).write_parquet(path)


def write_users(people: Population, path: Path) -> None:
    """One row a user, bots included: what was declared and consented to."""
    numbered = people.declared.with_row_index("user")
    numbered.select(label("U", "user").alias("user_id"), pl.exclude("user")).write_parquet(path)


def _broken_lines(kind: str, rows: pl.DataFrame) -> list[bytes]:
    written = in_words(rows)
    broken = written.select(BREAKS[kind])
    order = [name for name in [*written.columns, "stray"] if name in broken.columns]
    return _csv(broken.select(order)).splitlines(keepends=True)


def _csv(frame: pl.DataFrame, *, header: bool = False) -> bytes:
    return frame.write_csv(include_header=header, datetime_format=_TIME_FORMAT).encode()


def _word(words: tuple[str, ...] | list[str] | pl.Series, code: pl.Series) -> pl.Series:
    return pl.Series(words).gather(code)


def _instant(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.Datetime("us"))


def _money(name: str) -> pl.Expr:
    minor = pl.col(name)
    return (minor // 100).cast(pl.String) + "." + (minor % 100).cast(pl.String).str.zfill(2)

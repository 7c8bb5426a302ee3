"""Silver events in the narrow coded form in which whole users travel to a per-user function."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from userprofile.columns import ACTION_CODE, CATEGORY_LEVELS
from userprofile.events.entities import PATH_SEPARATOR
from userprofile.events.price_bands import price_band

ITEM_WORDS = ("item_id", "category_path", "brand", "colour", "attributes")

_AS_THEY_ARE = (
    "user_id", "event_time", "event_order", "quantity", "price", "amount", "discount", "rating", "sentiment",
    "dwell_seconds", "risk",
)  # fmt: skip
_HASHED = {"order": "order_id", "session": "session_id", "coupon": "coupon_id", "device": "device_id"}


def item_codes(items: pl.DataFrame, codes: pl.DataFrame, *, attributes: Sequence[str] = ()) -> pl.DataFrame:
    """One row per coded item: item_id, item, category_1.., brand, colour, attribute_<name> as codes; null where none.

    `items` are the columns ITEM_WORDS of SilverItems, `codes` are SilverCodes. Of an attribute that an item has twice
    the first value counts.
    """
    words = {f"category_{level}": _category(level) for level in CATEGORY_LEVELS}
    words |= {"brand": pl.col("brand"), "colour": pl.col("colour")}
    words |= {f"attribute_{name}": _attribute(name) for name in attributes}
    coded = {kind: _code(word, codes.filter(pl.col("kind") == kind)) for kind, word in words.items()}
    known = codes.filter(pl.col("kind") == "item").select(item_id="value", item="code")
    return known.join(items.select("item_id", **coded), on="item_id", how="left")


@dataclass(frozen=True)
class Coding:
    """How silver events become UserEvents, and attributes of `items`: rows of item_codes. `channels` are rows of
    SilverCodes.

    `known_at` joins two clocks: event_time < as_of and arrived_at < as_of + arrival_lag exactly where known_at < as_of.
    A log without arrival times was known as it happened.
    """

    items: pl.DataFrame
    channels: pl.DataFrame
    arrival_lag: timedelta = timedelta(0)

    def columns(self) -> list[str]:
        """All that it makes."""
        return [*self._of_event(), *self._of_item()]

    def reads(self, wanted: Sequence[str]) -> list[str]:
        """The columns of SilverEvents that these columns are made of."""
        of_event = self._of_event()
        roots = {root for name in wanted if name in of_event for root in of_event[name].meta.root_names()}
        return sorted(roots | ({"item_id"} if set(wanted) & set(self._of_item()) else set()))

    def __call__(self, events: pl.DataFrame, wanted: Sequence[str]) -> pl.DataFrame:
        """The wanted columns of every event, bots' too."""
        of_event, of_item = self._of_event(), [name for name in wanted if name in self._of_item()]
        coded = events.select(
            *(expr.alias(name) for name, expr in of_event.items() if name in wanted),
            *(["item_id"] if of_item else []),
        )
        if of_item:
            items = self.items.select("item_id", *of_item)
            coded = coded.join(items, on="item_id", how="left", maintain_order="left")
        return coded.select(wanted)

    def _of_item(self) -> list[str]:
        return [name for name in self.items.columns if name != "item_id"]

    def _of_event(self) -> dict[str, pl.Expr]:
        arrived = pl.col("arrived_at") - self.arrival_lag
        return {
            **{name: pl.col(name) for name in _AS_THEY_ARE},
            "known_at": pl.max_horizontal("event_time", arrived),
            "action": pl.col("action").replace_strict(ACTION_CODE, return_dtype=pl.Int8),
            "price_band": price_band(pl.col("price")),
            **{name: _hashed(column) for name, column in _HASHED.items()},
            "channel": _code(pl.col("channel"), self.channels),
            "query": pl.col("query").str.replace_all(r"\s+", " ").str.strip_chars().str.to_lowercase(),
        }


def _hashed(column: str) -> pl.Expr:
    """Only good for equality, also between tasks: all workers run the same Polars. Null stays null."""
    return pl.when(pl.col(column).is_not_null()).then(pl.col(column).hash().reinterpret(signed=True))


def _code(word: pl.Expr, codes: pl.DataFrame) -> pl.Expr:
    return word.replace_strict(codes["value"], codes["code"], default=None, return_dtype=pl.Int32)


def _category(level: int) -> pl.Expr:
    """The path down to a level, as entities.category_value gives it."""
    path = pl.col("category_path")
    return pl.when(path.list.len() >= level).then(path.list.head(level).list.join(PATH_SEPARATOR))


def _attribute(name: str) -> pl.Expr:
    named = pl.element().filter(pl.element().struct.field("name") == name).struct.field("value")
    return pl.col("attributes").list.eval(named).list.first()

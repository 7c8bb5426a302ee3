"""Reasons in the words of a language: a phrase for each code, with numbers as people write them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from userprofile.explain.topics import topic_of, window_days

# Which phrase of a code: value and usual are known, the value alone, or neither.
FORMS = ("both", "value", "none")

PLACEHOLDERS = ("value", "usual", "window", "name")

# A word that hangs on a number: {usual:day|days}.
PLURAL = re.compile(r"\{(value|usual|days):([^{}|]*)\|([^{}|]*)\}")

# Digits behind the point; a day more or less is no news.
_DIGITS = {"count": 1, "days": 0, "ratio": 1, "score": 1, "share": 0}


@dataclass(frozen=True)
class Wording:
    """`phrases` by code and form hold PLACEHOLDERS in braces, and PLURAL; money is in minor units of `currency`."""

    phrases: Mapping[str, Mapping[str, str]]
    window: str  # of so many {days}, once, before a PLURAL of them
    all_time: str
    currency: str
    minor_units: int

    def with_text(self, reasons: pl.DataFrame) -> pl.DataFrame:
        """Adds `text` to rows with code, unit, value, usual (NaN is not known), window_days and name."""
        known = [pl.col(name).is_not_nan() for name in ("value", "usual")]
        form = pl.when(known[0] & known[1]).then(pl.lit("both")).when(known[0]).then(pl.lit("value"))
        templates = pl.DataFrame(
            [(code, form, text) for code, forms in self.phrases.items() for form, text in forms.items()],
            schema={"code": pl.String, "form": pl.String, "text": pl.String},
            orient="row",
        )
        formed = reasons.with_columns(form=form.otherwise(pl.lit("none")))
        shown = {name: self._shown(name) for name in ("value", "usual")}
        plurals = {found for told in templates["text"] for found in PLURAL.findall(told)}
        words = {f"{{{name}:{one}|{other}}}": _of_number(shown[name], one, other) for name, one, other in plurals}
        words |= {f"{{{name}}}": number for name, number in shown.items()}
        words |= {"{window}": self._window(), "{name}": pl.col("name")}  # the last: it may hold anything
        text = pl.col("text")
        for placeholder, told in words.items():
            text = text.str.replace_all(placeholder, told.fill_null(""), literal=True)
        joined = formed.join(templates, ["code", "form"], how="left", maintain_order="left")
        return joined.with_columns(text).drop("form")

    def of_number(self, feature: str, value: float) -> str:
        """A feature's value in the words of its topic, which shows it."""
        topic = topic_of(feature)
        row = {"code": topic.code, "unit": topic.unit, "value": value, "usual": float("nan"), "name": feature}
        days = window_days(feature, topic.value) or 0
        (text,) = self.with_text(pl.DataFrame([{**row, "window_days": days}]))["text"]
        return str(text)

    def _window(self) -> pl.Expr:
        """The time that a number is about."""
        days = pl.col("window_days")
        before, after = self.window.split("{days}")
        one, other = (PLURAL.sub(rf"\{place}", after) for place in (2, 3))
        told = pl.format("{}{}{}", pl.lit(before), days, _of_number(days.cast(pl.String), one, other))
        return pl.when(days > 0).then(told).otherwise(pl.lit(self.all_time))

    def _shown(self, column: str) -> pl.Expr:
        """A number by its unit."""
        value, unit = pl.col(column), pl.col("unit")
        money = _rounded(value / 10**self.minor_units, self.minor_units) + f" {self.currency}".rstrip()
        shown = pl.when(unit == "money").then(money).when(unit == "share").then(_rounded(100 * value, 0) + " %")
        for digits in sorted(set(_DIGITS.values())):
            units = [name for name, of_unit in _DIGITS.items() if of_unit == digits and name != "share"]
            shown = shown.when(unit.is_in(units)).then(_rounded(value, digits))
        return shown.otherwise(value.cast(pl.String))


def _of_number(shown: pl.Expr, one: str, other: str) -> pl.Expr:
    """The word beside a number, as it is shown."""
    return pl.when(shown == "1").then(pl.lit(one)).otherwise(pl.lit(other))


def _rounded(value: pl.Expr, digits: int) -> pl.Expr:
    """As text; whole numbers without a point."""
    rounded = value.round(digits)
    whole = rounded == rounded.round(0)
    return pl.when(whole).then(rounded.cast(pl.Int64, strict=False).cast(pl.String)).otherwise(rounded.cast(pl.String))

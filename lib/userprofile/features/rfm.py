"""Marketing RFM: recency, frequency and monetary value of buyers, scored 1 to 5 against the population, with a segment.

Not the RFM of buy-till-you-die models, whose frequency counts repeats only and whose recency is an age.
"""

from __future__ import annotations

from collections.abc import Iterator

import dataframely as dy
import polars as pl

from userprofile.features.entries import Feature
from userprofile.features.monetary import spent
from userprofile.features.population import QUANTILES, statistic
from userprofile.features.vocabulary import AGE_DAYS, BOUGHT, ORDER, SAME_ORDER, distinct, within
from userprofile.windows import ALL_HISTORY, Window

QUINTILES = "A. M. Hughes, Strategic Database Marketing (1994): scores by quintile"
SEGMENT_MAP = "the 11 segments of https://documentation.bloomreach.com/engagement/docs/rfm-segmentation"

# Scores R, F, M as one number; each of the 125 combinations stands in one segment.
SEGMENTS = {
    "champions": "555 554 544 545 454 455 445",
    "loyal": "543 444 435 355 354 345 344 335",
    "potential_loyalist": "553 551 552 541 542 533 532 531 452 451 442 441 "
    "431 453 433 432 423 353 352 351 342 341 333 323",
    "new": "512 511 422 421 412 411 311",
    "promising": "525 524 523 522 521 515 514 513 425 424 413 414 415 315 314 313",
    "need_attention": "535 534 443 434 343 334 325 324",
    "about_to_sleep": "331 321 312 221 213 231 241 251",
    "at_risk": "255 254 245 244 253 252 243 242 235 234 225 224 153 152 145 143 142 135 134 133 125 124",
    "cannot_lose": "155 154 144 214 215 115 114 113",
    "hibernating": "332 322 233 232 223 222 132 123 122 212 211",
    "lost": "111 112 121 131 141 151",
}
SEGMENT_OF = {int(scores): segment for segment, all_scores in SEGMENTS.items() for scores in all_scores.split()}

NEVER_BOUGHT = "no purchase in the RFM window"


def rfm(window: Window = ALL_HISTORY) -> Iterator[Feature]:
    """The three values, their scores, and the segment."""
    yield from rfm_values(window)
    yield _score("rfm_recency_days", "rfm_recency_score", least_is_best=True)
    yield _score("rfm_frequency", "rfm_frequency_score", least_is_best=False)
    yield _score("rfm_monetary", "rfm_monetary_score", least_is_best=False)
    yield _segment()


def rfm_values(window: Window = ALL_HISTORY) -> Iterator[Feature]:
    """`rfm_recency_days`, `rfm_frequency`, `rfm_monetary`: what the population's statistics are made of."""
    bought = BOUGHT & within(window)
    yield Feature(
        "rfm_recency_days",
        family="rfm",
        expr=pl.when(bought).then(AGE_DAYS).min(),
        dtype=dy.Float64(nullable=True),
        unit="days",
        null=NEVER_BOUGHT,
        says=f"time from the last purchase {window.says} to as_of",
        source=QUINTILES,
        window=window,
    )
    yield Feature(
        "rfm_frequency",
        family="rfm",
        expr=pl.when(bought.any()).then(distinct(ORDER, window)),
        dtype=dy.Int64(nullable=True),
        unit="orders",
        null=NEVER_BOUGHT,
        says=f"orders with a purchase {window.says}; {SAME_ORDER}",
        source=QUINTILES,
        window=window,
        keys=(ORDER,),
    )
    yield Feature(
        "rfm_monetary",
        family="rfm",
        expr=pl.when(bought.any()).then(spent(bought)),
        dtype=dy.Int64(nullable=True),
        unit="minor units",
        null=f"{NEVER_BOUGHT}, or no amount is known",
        says=f"sum of the amounts of purchases {window.says}",
        source=QUINTILES,
        window=window,
    )


def _score(value: str, name: str, *, least_is_best: bool) -> Feature:
    above = pl.sum_horizontal((pl.col(value) > statistic(value, q)).cast(pl.Int8) for q in QUANTILES)
    known = pl.col(value).is_not_null() & statistic(value, QUANTILES[0]).is_not_null()
    direction = f"5 - thresholds below {value}" if least_is_best else f"1 + thresholds below {value}"
    return Feature(
        name,
        family="rfm",
        expr=pl.when(known).then(5 - above if least_is_best else 1 + above),
        dtype=dy.Int8(nullable=True, min=1, max=5),
        unit="score 1 to 5",
        null=f"{value} is null",
        says=f"{direction}; thresholds are the population's quantiles {', '.join(map(str, QUANTILES))}; 5 is best",
        source=QUINTILES,
        per="row",
    )


def _segment() -> Feature:
    recency, frequency, monetary = (pl.col(f"rfm_{part}_score") for part in ("recency", "frequency", "monetary"))
    scores = recency.cast(pl.Int16) * 100 + frequency * 10 + pl.coalesce(monetary, frequency)
    return Feature(
        "rfm_segment",
        family="rfm",
        expr=scores.replace_strict(list(SEGMENT_OF), list(SEGMENT_OF.values()), default=None, return_dtype=pl.String),
        dtype=dy.String(nullable=True),
        unit="segment",
        null=NEVER_BOUGHT,
        says="segment of the three scores; where the log knows no amounts the frequency score stands for the monetary",
        source=SEGMENT_MAP,
        per="row",
    )

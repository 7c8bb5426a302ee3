"""How pleased a text sounds, by TextBlob's lexicon of English words."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pyarrow as pa
from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql.types import DoubleType

if TYPE_CHECKING:
    from textblob.en.sentiments import PatternAnalyzer


def sentiment(text: Column) -> Column:
    """Polarity from -1 (bad) to 1 (good); null where there is no text, 0 where no word of it is known.

    https://textblob.readthedocs.io/en/dev/advanced_usage.html: the mean over words of a lexicon, negations and
    intensifiers applied.
    """
    of_batch = F.arrow_udf(_polarities, DoubleType())  # type: ignore[attr-defined]
    return F.when(text.isNotNull(), of_batch(text))


def _polarities(texts: pa.Array) -> pa.Array:
    known = {text: _analyser().analyze(text).polarity for text in set(texts.to_pylist()) if text is not None}
    return pa.array([known.get(text) for text in texts.to_pylist()], pa.float64())


@cache
def _analyser() -> PatternAnalyzer:
    # Not above: it brings all of nltk, for which every job would wait two seconds.
    from textblob.en.sentiments import PatternAnalyzer

    return PatternAnalyzer()

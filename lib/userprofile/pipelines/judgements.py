"""gold.model_judgements as arrays."""

from __future__ import annotations

import polars as pl

from userprofile.heads.head import Arrays

JUDGEMENTS = "gold.model_judgements"
KEYS = ("model_version", "split", "user_id", "as_of_date", "score", "model", "segment")


def arrays_of(part: pl.DataFrame) -> Arrays:
    """What a score has, by the names of heads.head.Head.judgement."""
    numbers = [name for name in part.columns if name not in KEYS and part[name].null_count() < part.height]
    return {name.replace("_at_", "@"): part[name].to_numpy() for name in numbers}

"""Which models a new one may be aligned to."""

from __future__ import annotations

import datetime
import json

import polars as pl

from userprofile.pipelines.models import models_before

DAY = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def models(*rows: tuple[str, str | None]) -> pl.DataFrame:
    """In the order in which they were trained, each with what it was aligned to."""
    return pl.DataFrame(
        [
            {
                "model_version": name,
                "trained_at": DAY + datetime.timedelta(days=number),
                "metrics": json.dumps({"embedding_space": {"aligned_to": before}}),
            }
            for number, (name, before) in enumerate(rows)
        ]
    )


def names(found: pl.DataFrame) -> list[str]:
    return found["model_version"].to_list()


def test_a_new_model_follows_the_latest() -> None:
    assert names(models_before(models(("a", None), ("b", "a")), "c")) == ["b", "a"]


def test_a_model_trained_again_follows_the_one_that_it_followed() -> None:
    trained = models(("a", None), ("b", "a"), ("c", "b"))
    assert names(models_before(trained, "b")) == ["a"]
    assert names(models_before(trained, "a")) == []


def test_models_that_tell_of_no_space_are_followed_and_follow_none() -> None:
    trained = models(("a", None)).with_columns(metrics=pl.lit("{}"))
    assert names(models_before(trained, "b")) == ["a"]
    assert names(models_before(trained, "a")) == []

"""Which models a new one may be aligned to, and what their files may hold."""

from __future__ import annotations

import datetime
import json

import keras
import polars as pl

from userprofile.pipelines.models import model_files, models_before

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


def test_a_model_whose_network_runs_code_scores_nobody(job, tmp_path) -> None:
    folder = tmp_path / "models" / "m"
    folder.mkdir(parents=True)
    for name in ("spec.json", "serving.json", "interest.json", "space.json"):
        (folder / name).write_text("{}")
    keras.Sequential([keras.Input((1,)), keras.layers.Lambda(lambda value: value)]).save(folder / "network.keras")
    ended = job("look", lambda run: model_files(run, {"model_version": "m"}))
    assert ended.code == 3
    assert "received: keras.layers.Lambda" in ended.errors

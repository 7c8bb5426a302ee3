"""Vectors of a spec's items are read from the pinned versions, in its order, and made short without loss of meaning."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from userprofile.feed.histories import HistorySpec, VectorTables
from userprofile.training.item_vectors import item_vectors, shortened

WIDE = {"a": [3.0, 0, 0, 1], "b": [0.0, 2, 0, 1], "c": [-3.0, -2, 0, 1], "new": [3.0, 2, 0, 1]}


def spec_of(folder: Path, *, width: int = 3) -> HistorySpec:
    vector = pa.list_(pa.float32())
    rows = {"item_id": ["c", "none", "a", "new", "b", "other"], "text_vector": None, "image_vector": None}
    rows["text_vector"] = pa.array([WIDE.get(item) for item in rows["item_id"]], vector)
    rows["image_vector"] = pa.array([None, None, None, [1.0, 2.0], None, [3.0, 4.0]], vector)
    write_deltalake(str(folder / "content"), pa.table(rows))
    codes = {"kind": ["item"] * 5 + ["brand"], "value": ["a", "b", "c", "none", "new", "a"]}
    codes_table = pa.table({**codes, "code": pa.array([11, 12, 13, 14, 15, 16], pa.int32())})
    write_deltalake(str(folder / "codes"), codes_table)
    tables = VectorTables(str(folder / "content"), 0, str(folder / "codes"), 0, ("text", "image"), width)
    return HistorySpec(sequence_length=5, vocabulary=(12, 14, 11, 13, 15), new_items=1, vectors=tables)


def test_items_have_the_vectors_of_their_rows(tmp_path: Path) -> None:
    vectors = item_vectors(spec_of(tmp_path))
    assert list(vectors) == ["text"]  # only a new item has an image: nothing could be learnt of it
    text = vectors["text"]
    assert text.shape == (7, 3)
    np.testing.assert_array_equal(text[[0, 1, 3]], 0)  # no item, any other, and one without a text
    for left, right in [("a", "b"), ("a", "c"), ("b", "new")]:  # distances stay, but for one scale
        places = {"b": 2, "a": 4, "c": 5, "new": 6}
        wide = np.linalg.norm(np.subtract(WIDE[left], WIDE[right]))
        short = np.linalg.norm(text[places[left]] - text[places[right]])
        ratio = np.linalg.norm(text[4] - text[5]) / np.linalg.norm(np.subtract(WIDE["a"], WIDE["c"]))
        assert short / wide == pytest.approx(ratio, rel=1e-4)


def test_a_later_version_changes_nothing_and_without_tables_there_is_nothing(tmp_path: Path) -> None:
    spec = spec_of(tmp_path)
    before = item_vectors(spec)["text"]
    empty = pa.table({"item_id": pa.array([], pa.string())})
    write_deltalake(str(tmp_path / "content"), empty, mode="overwrite", schema_mode="overwrite")
    np.testing.assert_array_equal(item_vectors(spec)["text"], before)
    assert item_vectors(replace(spec, vectors=None)) == {}


def test_what_new_items_are_like_decides_no_direction() -> None:
    chance = np.random.default_rng(1)
    learnt = chance.normal(size=(50, 6)) * [5, 3, 1, 0.1, 0, 0]
    new = chance.normal(size=(50, 6)) * [0, 0, 0, 0, 50, 50]
    both = np.concatenate([learnt, new])
    fitted_on = np.arange(100) < 50
    short = shortened(both, fitted_on, 2)
    np.testing.assert_allclose(short[:50], shortened(learnt, np.ones(50, bool), 2), atol=1e-5)
    assert np.mean(short[:50] ** 2) == pytest.approx(1, rel=1e-5)


def test_equal_vectors_and_few_items_are_no_obstacle() -> None:
    alike = shortened(np.ones((3, 4)), np.ones(3, bool), 2)
    assert alike.shape == (3, 2)
    assert np.isfinite(alike).all()
    assert alike.any(axis=1).all()  # they are there
    assert shortened(np.ones((1, 4)), np.ones(1, bool), 8).shape == (1, 8)

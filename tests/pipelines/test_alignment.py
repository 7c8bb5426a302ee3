"""Vectors of two models are compared user by user, where both have one."""

from __future__ import annotations

import datetime

import polars as pl

from userprofile.pipelines.alignment import _pair

DAY = datetime.date(2026, 1, 1)


def said(vectors: dict[str, list[float] | None]) -> pl.DataFrame:
    """By one model."""
    rows = [{"user_id": user, "as_of_date": DAY, "interest_vector": vector} for user, vector in vectors.items()]
    types = {"user_id": pl.String, "as_of_date": pl.Date, "interest_vector": pl.List(pl.Float32)}
    return pl.DataFrame(rows, schema=types)


def test_users_are_paired_by_name_and_those_without_a_vector_left_out() -> None:
    new = said({"a": [1.0, 2.0], "b": None, "c": [3.0, 4.0], "d": [5.0, 6.0]})
    old = said({"d": [7.0, 8.0, 9.0], "c": None, "b": [0.0, 0.0, 0.0], "a": [1.0, 1.0, 1.0]})
    left, right = _pair(new, old, "interest_vector")
    assert left.tolist() == [[1.0, 2.0], [5.0, 6.0]]
    assert right.tolist() == [[1.0, 1.0, 1.0], [7.0, 8.0, 9.0]]


def test_a_width_is_known_without_pairs_and_0_where_nobody_has_a_vector() -> None:
    left, right = _pair(said({"a": [1.0, 2.0]}), said({"a": None}), "interest_vector")
    assert (left.shape, right.shape) == ((0, 2), (0, 0))
    assert _pair(said({}), said({}), "interest_vector")[0].shape == (0, 0)

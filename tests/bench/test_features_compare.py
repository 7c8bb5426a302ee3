"""The comparison of two engines' results: what it must not overlook, and what it must forgive."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import polars as pl
import pytest

DAY, NEXT_DAY = date(2024, 6, 29), date(2024, 6, 30)
TYPES = {
    "user_id": pl.String,
    "as_of_date": pl.Date,
    "views": pl.Int64,
    "share": pl.Float64,
    "ages": pl.List(pl.Float32),
    "items": pl.List(pl.Int32),
    "brands": pl.List(pl.Struct({"name": pl.String, "score": pl.Float64})),
}


def user(user_id: str, **changes: Any) -> dict[str, Any]:
    brands = [{"name": "x", "score": 0.5}, {"name": "y", "score": 0.2}, {"name": "z", "score": 0.2}]
    row = {"as_of_date": DAY, "views": 3, "share": 0.25, "ages": [2.0, 1.0], "items": [7, 0], "brands": brands}
    return {"user_id": user_id, **row, **changes}


def ranking(**scores: float) -> list[dict[str, Any]]:
    return [{"name": name, "score": score} for name, score in scores.items()]


ROWS = [user("a"), user("b", views=0, share=None), user("c", ages=[], items=[], brands=[])]


@pytest.fixture
def compare(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    import features_compare

    return features_compare


@pytest.fixture
def found(compare: ModuleType, tmp_path: Path) -> Any:
    def differences(other: list[dict[str, Any]], **types: Any) -> list[str]:
        for name, rows, schema in (("one", ROWS, TYPES), ("other", other, {**TYPES, **types})):
            (tmp_path / name).mkdir()
            # In two files and another order each.
            for part, rows_of_part in enumerate((rows[1:], rows[:1])):
                pl.DataFrame(rows_of_part, schema=schema).write_parquet(tmp_path / name / f"{part}.parquet")
        return list(compare.differences(tmp_path / "one", tmp_path / "other", on=DAY))

    return differences


def test_order_of_rows_other_dates_and_wider_types_do_not_matter(found: Any) -> None:
    of_other_date = user("a", as_of_date=NEXT_DAY, views=99)
    assert found([of_other_date, *ROWS[::-1]], items=pl.List(pl.Int64)) == []


@pytest.mark.parametrize(
    ("changes", "column"),
    [
        ({"views": 4}, "views"),
        ({"share": 0.25 * (1 + 1e-8)}, "share"),
        ({"share": None}, "share"),
        ({"ages": [2.0, 1.001]}, "ages"),
        ({"ages": [2.0]}, "ages"),
        ({"ages": []}, "ages"),
        ({"items": [0, 7]}, "items"),
        ({"items": None}, "items"),
        ({"brands": ranking(x=0.5, y=0.2)}, "brands"),
        ({"brands": ranking(x=0.5, y=0.2, z=0.21)}, "brands"),
        ({"brands": ranking(x=0.5, w=0.3, z=0.2)}, "brands"),
        ({"brands": ranking(y=0.2, z=0.2, x=0.5)}, "brands"),
        ({"brands": []}, "brands"),
    ],
)
def test_a_difference_is_named_with_a_user(found: Any, changes: dict[str, Any], column: str) -> None:
    (line,) = found([user("a", **changes), *ROWS[1:]])
    assert line.startswith(f"{column}: 1 users, for instance a: ")


def test_zero_for_absence_is_a_difference(found: Any) -> None:
    (line,) = found([ROWS[0], user("b", views=0, share=0.0), ROWS[2]])
    assert line.startswith("share: 1 users, for instance b: None and 0.0")


@pytest.mark.parametrize(
    "changes",
    [
        {"share": 0.25 * (1 + 1e-12)},
        {"brands": ranking(x=0.5, z=0.2 * (1 + 1e-12), y=0.2)},  # a tie by all but the last bits
        {"brands": ranking(x=0.5, w=0.2 * (1 + 1e-12), y=0.2)},  # as good as the last, which was cut instead
    ],
)
def test_last_bits_are_forgiven(found: Any, changes: dict[str, Any]) -> None:
    assert found([user("a", **changes), *ROWS[1:]]) == []


@pytest.mark.parametrize("rows", [ROWS[1:], [*ROWS, user("d")], [*ROWS, ROWS[0]], [*ROWS[1:], user("d")]])
def test_other_users_are_a_difference(found: Any, rows: list[dict[str, Any]]) -> None:
    (line,) = found(rows)
    assert line.startswith("users: 3 and ")


def test_the_error_names_results_and_columns(compare: ModuleType, tmp_path: Path) -> None:
    for name, rows in (("ours", ROWS), ("PySpark", [user("a", views=1, share=1.0), *ROWS[1:]])):
        (tmp_path / name).mkdir()
        pl.DataFrame(rows, schema=TYPES).write_parquet(tmp_path / name / "rows.parquet")
    with pytest.raises(compare.DifferentResultsError, match=r"ours and PySpark differ in\n  views: .*\n  share: "):
        compare.require_same(tmp_path / "ours", tmp_path / "PySpark", on=DAY)
    compare.require_same(tmp_path / "ours", tmp_path / "ours", on=DAY)


def test_a_missing_column_is_a_difference(found: Any) -> None:
    assert found(ROWS, more=pl.Int8) == ["columns: ['more']"]

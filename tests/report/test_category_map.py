from __future__ import annotations

import re

import polars as pl

from userprofile.report.category_map import CELLS, broad_categories, category_map
from userprofile.report.tastes import likes_section

LIKED = pl.DataFrame(
    [
        (1, "Home", 0.5), (1, "Food", 0.3), (1, "Toys", 0.012), (1, "Pets", 0.008),
        (2, "Home / Cups", 0.1), (2, "Home / Sofas", 0.35), (2, "Food / <b>", 0.4), (2, "Toys / Cars", 0.012),
    ],
    schema=["level", "name", "share"],
    orient="row",
)  # fmt: skip


def test_what_is_small_is_told_together_and_the_largest_comes_first() -> None:
    rows = broad_categories(LIKED)
    assert [(row.name, round(row.share, 6)) for row in rows] == [("Home", 0.5), ("Food", 0.3), ("2 others", 0.02)]
    assert [row.inside for row in rows] == [
        [("Sofas", 0.35), ("Cups", 0.1)],
        [("<b>", 0.4)],
        [("Toys", 0.012), ("Pets", 0.008)],
    ]


def test_rows_are_as_high_and_cells_as_wide_as_their_shares() -> None:
    """A cell of Food is its whole row, though its share by users' own sums is larger."""
    svg = category_map(LIKED).svg
    boxes = []
    for path in re.findall(
        r'<path d="(M [^"]*) z ?" [^>]*style="fill: var\(--(?:series-\d|muted)\)', svg.replace("\n", " ")
    ):
        numbers = [float(number) for number in re.findall(r"-?[\d.]+", path)]
        boxes.append((max(numbers[::2]) - min(numbers[::2]), max(numbers[1::2]) - min(numbers[1::2])))
    sofas, cups, rest, food, toys, pets = boxes
    for one, other, ratio in ((sofas, cups, 3.5), (sofas, rest, 7), (toys, pets, 1.5)):
        assert abs(one[0] / other[0] - ratio) < 0.05 * ratio
        assert one[1] == other[1]
    assert food[0] > sofas[0] + cups[0] + rest[0]
    assert abs(sofas[1] / food[1] - 0.5 / 0.3) < 0.05


def test_names_stand_upright_where_cells_are_narrow_and_are_cut_or_left_out_where_there_is_no_room() -> None:
    inside = {"Bread and rolls": 0.05, "Wine": 0.05, "Tea": 0.005, "Cups": 0.8}
    names = ["Home", "Toys", *(f"Home / {name}" for name in inside), "Toys / Games of chance"]
    shares = [0.94, 0.06, *inside.values(), 0.006]
    svg = category_map(pl.DataFrame({"level": [1, 1, *[2] * 5], "name": names, "share": shares})).svg
    said = re.findall(r"(rotate\(-90\))?\">([^<%]*)</text>", svg)
    assert said == [("", "Cups"), ("rotate(-90)", "Bread and rolls"), ("", "Wine"), ("", "Games of…")]


def test_its_numbers_are_in_a_table_and_its_names_escaped() -> None:
    plot = category_map(LIKED)
    assert plot.rows == [
        ("Home", "all", "50.0 %"), ("Home", "Sofas", "35.0 %"), ("Home", "Cups", "10.0 %"),
        ("Food", "all", "30.0 %"), ("Food", "<b>", "40.0 %"),
        ("2 others", "all", "2.0 %"), ("2 others", "Toys", "1.2 %"), ("2 others", "Pets", "0.8 %"),
    ]  # fmt: skip
    assert "<b>" not in plot.svg
    assert 'aria-label="Interest by category: Home 50.0 %; Food 30.0 %; 2 others 2.0 %"' in plot.svg


def test_no_more_is_shown_than_can_be_read() -> None:
    many = pl.DataFrame(
        {
            "level": [1, *[2] * 20],
            "name": ["Home", *(f"Home / {place:02}" for place in range(20))],
            "share": [1.0, *[0.05] * 20],
        }
    )
    assert len(category_map(many).rows) == 1 + CELLS


def test_a_log_of_one_level_has_bars_and_one_without_categories_says_so() -> None:
    flat = likes_section(LIKED.filter(pl.col("level") == 1)).values
    assert flat["map"] is None
    assert [row[0] for row in flat["plots"][0].rows] == ["Home", "Food", "Toys", "Pets"]
    assert likes_section(LIKED.clear()).missing == "the log has no categories"

from __future__ import annotations

from userprofile.features.catalogue import catalogue
from userprofile.features.documentation import HEADINGS, catalogue_markdown, catalogue_table, markdown_table

CATALOGUE = catalogue(timezone="Europe/London")


def test_one_row_an_entry_in_order():
    table = catalogue_table(CATALOGUE)
    assert [row["name"] for row in table] == CATALOGUE.names
    assert all(tuple(row) == HEADINGS for row in table)


def test_a_row_says_what_the_entry_says():
    row = next(row for row in catalogue_table(CATALOGUE) if row["name"] == "view_count_30d")
    assert row == {
        "name": "view_count_30d",
        "family": "frequency",
        "window": "30d",
        "type": "Int64",
        "unit": "events",
        "null": "never null: none is 0",
        "formula": "view events in the 30 days before as_of",
        "maintained": "kept, until an event of the user enters, arrives late or leaves a window",
        "source": "",
    }


def test_markdown_has_as_many_cells_in_every_row():
    lines = catalogue_markdown(CATALOGUE).splitlines()
    assert len(lines) == len(CATALOGUE.names) + 2
    assert {line.replace("\\|", "").count("|") for line in lines} == {len(HEADINGS) + 1}


def test_the_page_in_docs_is_the_catalogue_s(checkout):
    page = (checkout / "docs" / "features.md").read_text()
    text = catalogue_markdown(catalogue(timezone="UTC"))
    assert text in page, "write it anew: python -m userprofile.features.documentation > docs/features.md"


def test_a_table_keeps_bars_and_line_breaks_inside_their_cells():
    assert markdown_table([{"a": "x|y", "b": "1\n2"}]) == "| a | b |\n| --- | --- |\n| x\\|y | 1 2 |\n"

"""The feature catalogue as something to read: one row an entry, made of the entries themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from userprofile.features.entries import MAINTAINED, Catalogue

HEADINGS = ("name", "family", "window", "type", "unit", "null", "formula", "maintained", "source")


def catalogue_table(catalogue: Catalogue) -> list[dict[str, str]]:
    """A dictionary with the keys `HEADINGS` per entry, in the order of the columns. An empty text is "none"."""
    return [
        {
            "name": feature.name,
            "family": feature.family,
            "window": feature.window.name if feature.window else "",
            "type": str(feature.dtype.dtype),
            "unit": feature.unit,
            "null": feature.null,
            "formula": feature.says,
            "maintained": MAINTAINED[feature.maintained()],
            "source": feature.source,
        }
        for feature in catalogue.features
    ]


def catalogue_markdown(catalogue: Catalogue) -> str:
    """The same as a Markdown table."""
    return markdown_table(catalogue_table(catalogue))


def markdown_table(rows: Sequence[Mapping[str, str]]) -> str:
    """A Markdown table of rows with the same keys; the keys of the first are the headings."""
    headings = list(rows[0])
    lines = [headings, ["---"] * len(headings), *([_cell(row[heading]) for heading in headings] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    from userprofile.features.catalogue import catalogue

    print("# Features\n\nAs configured by default; `gold.user_features` has one column each.\n")
    print(catalogue_markdown(catalogue(timezone="UTC")))

"""The feature catalogue as something to read: one row an entry, made of the entries themselves."""

from __future__ import annotations

from userprofile.features.entries import Catalogue

HEADINGS = ("name", "family", "window", "type", "unit", "null", "formula", "source")


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
            "source": feature.source,
        }
        for feature in catalogue.features
    ]


def catalogue_markdown(catalogue: Catalogue) -> str:
    """The same as a Markdown table."""
    rows = [HEADINGS, tuple("---" for _ in HEADINGS)]
    rows += [tuple(_cell(row[heading]) for heading in HEADINGS) for row in catalogue_table(catalogue)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    from userprofile.features.catalogue import catalogue

    print("# Features\n\nAs configured by default; `gold.user_features` has one column each.\n")
    print(catalogue_markdown(catalogue(timezone="UTC")))

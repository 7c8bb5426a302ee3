"""Figures for the inside of a page: in its colours, with ids of their own, and with texts that stay texts."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from userprofile.report.svg import INK, SERIES, drawn, inline


def figure(name="one", text="<b>$5 & $6</b>"):
    with drawn(200, 100) as axes:
        axes.bar([0, 1], [1, 2], color=SERIES[0])
        axes.plot([0, 1], [1, 2], "o", color=SERIES[1])
        axes.text(0, 1, text, color=INK)
        return inline(axes, name=name, label=f"shows {text}")


def test_colours_are_those_of_the_page():
    svg = figure()
    assert "fill: var(--series-1)" in svg
    assert "var(--series-2)" in svg
    assert not re.search(r"#0[0-9]0[0-9]0[0-9]\b", svg)


def test_texts_stay_texts_and_are_escaped():
    svg = figure()
    assert "&lt;b&gt;$5 &amp; $6&lt;/b&gt;</text>" in svg
    assert 'aria-label="shows &lt;b&gt;$5 &amp; $6&lt;/b&gt;"' in svg
    assert "<b>" not in svg


def test_ids_are_the_figures_own_and_all_that_is_referred_to_is_there():
    ids = [set(re.findall(r' id="([^"]+)"', figure(name))) for name in ("one", "two")]
    assert ids[0]
    assert not ids[0] & ids[1]
    svg = figure()
    assert set(re.findall(r"""(?:href="#|url\(#)([^")]+)""", svg)) == ids[0]


def test_it_is_whole_names_no_size_and_is_the_same_each_time():
    svg = figure()
    ElementTree.fromstring(svg.replace("xlink:href", "href"))
    assert "viewBox" in svg
    assert not re.search(r'<svg[^>]* (width|height)="', svg)
    assert svg == figure()

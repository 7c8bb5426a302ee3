"""Where in pictures lies what a user has met: at the flower, for who met flowers."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import sklearn.datasets

from userprofile.content.images import SIDE, pixels_of
from userprofile.demo_shop.images import png
from userprofile.pipelines.build_features import build_features
from userprofile.pipelines.embed_items import embed_items
from userprofile.pipelines.explain_images import explain_images
from userprofile.pipelines.infer_profiles import infer_profiles
from userprofile.pipelines.ingest_events import ingest_events
from userprofile.pipelines.refine_events import refine_events
from userprofile.report.image_maps import ImageMap, image_maps_page

FLOWER = (Path(sklearn.datasets.__file__).parent / "images" / "flower.jpg").read_bytes()
EVENTS = """who,what,did,at,cost
ann,i1,view,2024-01-01 10:00,
ann,i2,view,2024-01-02 10:00,
bob,i5,view,2024-01-02 11:00,
"""
CATALOGUE = """
default_consent: [personalisation]
items:
  files: [{folder}/catalogue.csv]
  columns: {{item_id: sku, title: title, image: picture}}
"""
ROWS = """sku,title,picture
i1,<b>Bouquet</b>,left.png
i2,Rose,right.png
i3,Blank,grey.png
i4,Sky,blue.png
i5,Secret,
"""


def with_flower(column: int) -> bytes:
    """A grey picture with a flower at its top, left or right."""
    half = SIDE // 2
    picture = np.full((SIDE, SIDE, 3), 127, np.uint8)
    picture[:half, column * half :][:, :half] = pixels_of(FLOWER, half)
    return png(picture)


@pytest.fixture
def scored(job, log, mapping, tmp_path: Path) -> str:
    plain = {
        "grey": png(np.full((24, 24, 3), 127, np.uint8)),
        "blue": png(np.full((24, 24, 3), [20, 20, 200], np.uint8)),
    }
    for name, content in {"left": with_flower(0), "right": with_flower(1), **plain}.items():
        (tmp_path / f"{name}.png").write_bytes(content)
    (tmp_path / "catalogue.csv").write_text(ROWS)
    Path(mapping).write_text(Path(mapping).read_text() + CATALOGUE.format(folder=tmp_path))
    assert job("ingest_events", ingest_events, "--source", mapping, "--input", log(EVENTS)).code == 0
    for pipeline in (refine_events, build_features, embed_items, infer_profiles):
        ended = job(pipeline.__name__, pipeline, "--source", mapping)
        assert ended.code == 0, ended.errors
    return mapping


@pytest.mark.slow
def test_what_was_met_lies_at_the_flower(job, scored, tmp_path):
    profiles = pl.read_delta(str(tmp_path / "warehouse/my_shop/gold/user_profiles")).sort("tenure_days")
    bob, ann = profiles["user_id"]
    done = job("explain_images", explain_images, "--source", scored, "--pseudonym", ann)
    assert done.code == 0, done.errors
    told = done.result["metrics"]["explain_images"]
    assert (told["pictures"], told["items_met"]) == (2, 2)
    page = Path(told["page"]).read_text()
    shown = [line for line in page.splitlines() if "likeness" in line]
    told = [("Rose" in line, "&lt;b&gt;Bouquet" in line, "most at top left" in line) for line in shown]
    assert told == [(True, False, False), (False, True, True)]  # met last comes first
    assert "most at top" in shown[0]
    again = job("explain_images", explain_images, "--source", scored, "--pseudonym", ann)
    assert again.result["steps"] == {"explain_images": 0.0}

    without = job("explain_images", explain_images, "--source", scored, "--pseudonym", bob)
    assert (without.code, "there are no pictures to compare" in without.errors) == (3, True)
    nobody = job("explain_images", explain_images, "--source", scored, "--pseudonym", ann[:-1])
    assert (nobody.code, "has a profile as of" in nobody.errors) == (2, True)


@pytest.mark.slow
def test_who_has_not_consented_to_personalisation_is_told_nothing(job, scored, tmp_path):
    Path(scored).write_text(Path(scored).read_text().replace("[personalisation]", "[marketing]"))
    for pipeline in (refine_events, infer_profiles):
        assert job(pipeline.__name__, pipeline, "--source", scored).code == 0
    ann = pl.read_delta(str(tmp_path / "warehouse/my_shop/gold/user_profiles")).sort("tenure_days")["user_id"][-1]
    withheld = job("explain_images", explain_images, "--source", scored, "--pseudonym", ann)
    assert (withheld.code, "has not consented to personalisation" in withheld.errors) == (3, True)
    assert not list((tmp_path / "report").rglob("*-images.html"))


def test_a_page_has_a_place_for_each_number_and_the_brightest_has_the_largest():
    places = [[0.0] * 7 for _ in range(7)]
    places[6][3], places[0][0] = 2.0, -5.0
    page = image_maps_page(
        [ImageMap("Tea", "met", "AAAA", places, -3 / 49)], user="0a1b", source="my_shop", as_of="2026-01-01"
    )
    shares = []

    class Places(HTMLParser):
        def handle_starttag(self, tag, attributes):
            if tag == "i":
                shares.append(float(dict(attributes)["style"].removeprefix("--share: ")))

    Places().feed(page)
    assert (len(shares), shares[6 * 7 + 3], sum(shares)) == (49, 1.0, 1.0)
    assert "bottom centre" in page
    assert ImageMap("Tea", "met", "", [[-1.0]], -1.0).strongest() == "nowhere"

"""Contents of items as vectors: each once, whatever the catalogue holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from userprofile.content.images import ImageEncoder
from userprofile.content.texts import TextEncoder
from userprofile.demo_shop.images import png
from userprofile.pipelines.embed_items import embed_items
from userprofile.pipelines.ingest_events import ingest_events
from userprofile.pipelines.refine_events import refine_events

EVENTS = "who,what,did,at,cost\nann,i1,view,2024-01-01 10:00,1.00\n"
CATALOGUE = """
items:
  files: [{folder}/catalogue.csv]
  columns: {{item_id: sku, title: title, description: text, image: picture}}
"""
ROWS = """sku,title,text,picture
i1,Steel kettle,Boils water,pictures/red.png
i2,Steel kettle,Boils water,pictures/blue.png
i3,Tea pot,,pictures/red.png
i4,,,pictures/copy of red.png
i5,Mug,,
i6,Cup,,pictures/gone.png
i7,Jug,,pictures/broken.png
"""


def picture(red: int, green: int, blue: int) -> bytes:
    return png(np.full((24, 24, 3), [red, green, blue], np.uint8))


@pytest.fixture
def shop_of_pictures(job, log, mapping, tmp_path: Path) -> str:
    """The mapping of a log with a catalogue, ingested and refined."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, content in {
        "red": picture(200, 20, 20),
        "copy of red": picture(200, 20, 20),
        "blue": picture(20, 20, 200),
        "broken": b"no picture at all",
    }.items():
        (folder / f"{name}.png").write_bytes(content)
    (tmp_path / "catalogue.csv").write_text(ROWS)
    Path(mapping).write_text(Path(mapping).read_text() + CATALOGUE.format(folder=tmp_path))
    assert job("ingest_events", ingest_events, "--source", mapping, "--input", log(EVENTS)).code == 0
    assert job("refine_events", refine_events, "--source", mapping).code == 0
    return mapping


def content(folder: Path) -> pl.DataFrame:
    return pl.read_delta(str(folder / "warehouse/my_shop/silver/item_content")).sort("item_id")


@pytest.mark.slow
def test_each_content_is_computed_once_and_what_is_no_image_is_counted(job, shop_of_pictures, tmp_path: Path) -> None:
    ended = job("embed_items", embed_items, "--source", shop_of_pictures)
    assert ended.code == 0, ended.errors
    assert ended.result["metrics"]["embed_items"] == {
        "items": 7,
        "items_with_text": 6,
        "items_with_image": 4,
        "texts_computed": 5,
        "images_computed": 3,
        "images_not_readable": 1,
        "images_not_found": 1,
    }
    rows = {row["item_id"]: row for row in content(tmp_path).iter_rows(named=True)}
    (text,) = TextEncoder.cached().vectors(["Steel kettle. Boils water"])
    (image,) = ImageEncoder.cached().vectors([picture(200, 20, 20)])
    for item in ("i1", "i2"):
        np.testing.assert_allclose(rows[item]["text_vector"], text, atol=1e-5)
    for item in ("i1", "i3", "i4"):
        np.testing.assert_allclose(rows[item]["image_vector"], image, atol=1e-4)
    assert rows["i2"]["image_vector"] != rows["i1"]["image_vector"]
    assert [rows["i4"][name] for name in ("text_hash", "text_vector")] == [None, None]
    assert [rows["i6"][name] for name in ("image_hash", "image_vector")] == [None, None]
    assert rows["i7"]["image_hash"] is not None
    assert rows["i7"]["image_vector"] is None


@pytest.mark.slow
def test_only_what_is_new_is_computed_again(job, shop_of_pictures, tmp_path: Path) -> None:
    job("embed_items", embed_items, "--source", shop_of_pictures)
    before = content(tmp_path)
    again = job("embed_items", embed_items, "--source", shop_of_pictures)
    assert again.result["steps"]["embed_items"] == 0.0
    forced = job("embed_items", embed_items, "--source", shop_of_pictures, "--force").result["metrics"]["embed_items"]
    assert (forced["texts_computed"], forced["images_computed"], forced["images_not_readable"]) == (0, 0, 1)
    assert content(tmp_path).equals(before)
    (tmp_path / "pictures" / "gone.png").write_bytes(picture(20, 200, 20))
    (tmp_path / "catalogue.csv").write_text(ROWS.replace("i5,Mug", "i5,Large mug").replace("i2,Steel kettle", "i2,Mug"))
    changed = ("--source", shop_of_pictures, "--input", str(tmp_path / "log.csv"))
    for name, pipeline in (("ingest_events", ingest_events), ("refine_events", refine_events)):
        assert job(name, pipeline, *changed).code == 0
    figures = job("embed_items", embed_items, "--source", shop_of_pictures).result["metrics"]["embed_items"]
    assert (figures["texts_computed"], figures["images_computed"], figures["images_not_found"]) == (2, 1, 0)
    elsewhere = f"embed_items.image_folder={tmp_path}/no_such_folder"
    figures = job("embed_items", embed_items, "--source", shop_of_pictures, "--set", elsewhere).result["metrics"]
    assert figures["embed_items"]["images_not_found"] == 6


def test_a_log_without_a_catalogue_has_rows_without_vectors(job, refined) -> None:
    figures = job("embed_items", embed_items, "--source", refined).result["metrics"]["embed_items"]
    assert (figures["items_with_text"], figures["items_with_image"], figures["texts_computed"]) == (0, 0, 0)

"""What of an item there is to read, and that its hash names it."""

from __future__ import annotations

from pathlib import Path

import pytest

from userprofile.content import sources
from userprofile.content.sources import IMAGE, MODELS, TEXT, content_hash, contents_of, read_image


def of(
    title: str | None, description: str | None, image: str | None, folder: Path
) -> list[tuple[str, str | None, str]]:
    return list(contents_of(title, description, image, folder=folder.as_uri()))


def test_texts_are_joined_and_empty_ones_are_none(tmp_path: Path) -> None:
    for title, description, expected in [
        (" A kettle ", "Of steel", "A kettle. Of steel"),
        ("A kettle", None, "A kettle"),
        (None, "Of steel", "Of steel"),
        (" ", "", None),
        (None, None, None),
    ]:
        found = of(title, description, None, tmp_path)
        assert [text for *_, text in found] == ([expected] if expected else [])
        assert all(hashed == content_hash(TEXT, text.encode()) for _, hashed, text in found)


def test_an_image_is_named_by_what_the_file_holds(tmp_path: Path) -> None:
    (tmp_path / "a b.png").write_bytes(b"1")
    (tmp_path / "c.png").write_bytes(b"1")
    (tmp_path / "d.png").write_bytes(b"2")
    hashes = [of(None, None, name, tmp_path)[0][1] for name in ("a b.png", str(tmp_path / "c.png"), "d.png")]
    assert hashes[0] == hashes[1] == content_hash(IMAGE, b"1")
    assert hashes[2] == content_hash(IMAGE, b"2")
    assert of(None, None, (tmp_path / "d.png").as_uri(), tmp_path)[0][1] == hashes[2]


@pytest.mark.parametrize("image", ["gone.png", "", "..", "http://shop.example/a.png", "no\0name"])
def test_an_image_that_is_not_there_has_no_hash(image: str, tmp_path: Path) -> None:
    assert [hashed for _, hashed, _ in of(None, None, image, tmp_path)] == ([None] if image else [])


def test_what_lies_outside_the_folder_is_not_read_however_it_is_named(tmp_path: Path) -> None:
    folder, secret = tmp_path / "images", tmp_path / "secret.png"
    (tmp_path / "images-of-others").mkdir()
    folder.mkdir()
    for file in (secret, tmp_path / "images-of-others" / "a.png"):
        file.write_bytes(b"1")
    (folder / "link.png").symlink_to(secret)
    names = ["../secret.png", str(secret), secret.as_uri(), "link.png", "x/../../secret.png", "%2e%2e/secret.png"]
    for name in [*names, f"{folder.as_uri()}/../secret.png", "../images-of-others/a.png"]:
        assert [hashed for _, hashed, _ in of(None, None, name, folder)] == [None], name


def test_an_image_beyond_reason_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "large.png").write_bytes(b"123")
    monkeypatch.setattr(sources, "LARGEST_IMAGE", 2)
    assert read_image((tmp_path / "large.png").as_uri()) is None


def test_another_model_or_kind_gives_another_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    before = content_hash(TEXT, b"1")
    assert content_hash(IMAGE, b"1") != before
    monkeypatch.setitem(MODELS, TEXT, "another")
    assert content_hash(TEXT, b"1") != before

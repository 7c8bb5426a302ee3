from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from userprofile.errors import UsageError
from userprofile.tags.definition import TagFile

NEW = {"name": "new", "rule": "tenure_days < 28"}
FAN = {"name": "fan of {brand}", "each": "brand", "rule": "affinity > 0.1"}


def test_the_tags_that_ship_are_many_of_many_themes_and_people_can_read_them(checkout):
    shipped = TagFile.read("tags.yaml", checkout / "conf").tags
    assert len(shipped) >= 40
    assert len({tag.theme for tag in shipped}) >= 8
    assert all(len(tag.says.split()) > 3 and not tag.says.endswith(".") for tag in shipped)


@pytest.mark.parametrize(
    ("wrong", "what", "expected"),
    [
        ({"rul": "true"}, "tag 'new': rul is not right", "a key of name, theme, rule"),
        ({"version": 0}, "tag 'new': version is not right", "greater than or equal to 1"),
        ({"valid_from": "soon"}, "tag 'new': valid_from is not right", "valid date"),
        ({"valid_from": "2024-02-30"}, "tag 'new': valid_from is not right", "valid date"),
        ({"valid_from": date(2024, 2, 2), "valid_until": date(2024, 2, 1)}, "the whole", "no later than valid_until"),
        ({"expects": "luck"}, "tag 'new': the whole", "`expects` among buys, "),
        ({"expects": "buys brand"}, "tag 'new': the whole", "each: brand"),
        ({"each": "brand"}, "tag 'new': the whole", "a name with {brand} in it"),
        ({"name": "fan of {brand}"}, "tag 'fan of {brand}': the whole", "a name without braces"),
        ({"most": 2}, "tag 'new': the whole", "only of a tag with `each`"),
        ({"rule": ""}, "tag 'new': rule is not right", "at least 1 character"),
    ],
)
def test_a_wrong_tag_is_refused_by_name_and_key(made, wrong, what, expected):
    with pytest.raises(UsageError) as refused:
        made({**NEW, **wrong})
    assert what in refused.value.what
    assert expected in refused.value.expected
    assert "tags.yaml" in refused.value.what


@pytest.mark.parametrize("key", ["name", "theme", "rule", "says", "owner", "version"])
def test_a_key_that_lacks_is_named(made, tmp_path, key):
    made(NEW)
    (tmp_path / "tags.yaml").write_text((tmp_path / "tags.yaml").read_text().replace(f"{key}:", f"no_{key}:"))
    with pytest.raises(UsageError) as refused:
        TagFile.read("tags.yaml", tmp_path)
    assert f"{key} is not right" in refused.value.what


def test_no_two_tags_give_the_same_words(made):
    for other in (NEW, {**FAN, "name": "n{brand}", "rule": "true"}):
        with pytest.raises(UsageError, match="'new' is there twice"):
            made(NEW, other)


@pytest.mark.parametrize(
    ("text", "what"),
    [("- [", "is not YAML"), ("tags: []", "holds no tags"), ("", "holds no tags"), ("- {d: 2024-02-30}", "not YAML")],
)
def test_a_file_that_is_no_list_of_tags_is_refused(tmp_path, text, what):
    (tmp_path / "tags.yaml").write_text(text)
    with pytest.raises(UsageError, match=what):
        TagFile.read("tags.yaml", tmp_path)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"nowhere\.yaml cannot be read"):
        TagFile.read("nowhere.yaml", tmp_path)


def test_a_file_is_looked_for_beside_the_configuration_and_then_by_its_path(made, tmp_path):
    made(NEW)
    assert [tag.name for tag in TagFile.read(str(tmp_path / "tags.yaml"), Path("/nowhere")).tags] == ["new"]


def test_a_tag_is_for_the_dates_from_its_first_to_its_last(made):
    lent = {**NEW, "name": "in lent", "valid_from": date(2024, 2, 14), "valid_until": date(2024, 3, 30)}
    file = made(lent, NEW)

    def on(day: str) -> list[str]:
        return [tag.name for tag in file.on(date.fromisoformat(day))]

    assert on("2024-02-13") == on("2024-03-31") == ["new"]
    assert on("2024-02-14") == on("2024-03-30") == ["in lent", "new"]


def test_words_of_a_profile_lead_back_to_their_tag(made):
    file = made(NEW, FAN)
    assert [getattr(file.of(words), "name", None) for words in ("new", "fan of ACME", "fan of ", "old")] == [
        "new",
        "fan of {brand}",
        None,
        None,
    ]


def test_another_content_is_another_file(made):
    one, same, other = made(NEW), made(NEW), made({**NEW, "rule": "tenure_days < 14"})
    assert str(one) == str(same) != str(other)

from __future__ import annotations

import pytest

from userprofile.errors import UsageError
from userprofile.labels.next_item import next_categories


def test_the_next_item_agrees_with_plain_python(agrees):
    agrees("label_next_item", lambda bought: next((e["item"] for e in bought if e["item"] is not None), None))


def test_next_categories_agree_with_plain_python(agrees):
    agrees("label_next_categories", lambda bought: sorted({event["category_1"] for event in bought} - {None}))


def test_a_level_that_does_not_exist_is_refused():
    with pytest.raises(UsageError, match="no such category level"):
        next_categories(4)


def test_the_next_items_agree_with_plain_python(agrees):
    agrees("label_next_items", lambda bought: sorted({event["item"] for event in bought} - {None}))

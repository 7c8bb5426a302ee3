"""Tables of what events speak of: items, users, and the codes that stand for words."""

from __future__ import annotations

import dataframely as dy

from userprofile.schemas.events import raw_row, utc


class BronzeEntities(dy.Schema):
    """bronze.items and bronze.users: one row per row of a source file, as received."""

    file_number = dy.Int32(primary_key=True)
    place = dy.Int64(primary_key=True, min=1)
    file_id = dy.String(nullable=False)
    source_file = dy.String(nullable=False)
    loaded_at = utc()
    raw = raw_row()


def attributes() -> dy.List:
    """Declared attributes that have no column of their own."""
    return dy.List(dy.Struct({"name": dy.String(nullable=False), "value": dy.String(nullable=True)}), nullable=False)


class SilverItems(dy.Schema):
    """silver.items: one row per item of the catalogue, or seen in an event."""

    item_id = dy.String(primary_key=True)
    title = dy.String(nullable=True)
    description = dy.String(nullable=True)
    category_path = dy.List(dy.String(nullable=False), nullable=False)  # from the broadest level down; may be empty
    brand = dy.String(nullable=True)
    colour = dy.String(nullable=True)
    price = dy.Int64(nullable=True, min=0)
    currency = dy.String(nullable=True)
    image = dy.String(nullable=True)
    attributes = attributes()


def vector() -> dy.List:
    """What a network says of something; null where there is nothing to say it of."""
    return dy.List(dy.Float32(nullable=False), nullable=True)


class SilverItemContent(dy.Schema):
    """silver.item_content: one row per item of silver.items. Equal hashes are of equal content and have equal vectors.

    A hash is null where the item has no such content; one without a vector is of an image that cannot be read.
    """

    item_id = dy.String(primary_key=True)
    text_hash = dy.String(nullable=True)
    text_vector = vector()  # of title and description, of length 1; WIDTH of content/texts.py numbers
    image_hash = dy.String(nullable=True)
    image_vector = vector()  # WIDTH of content/images.py numbers


class SilverUsers(dy.Schema):
    """silver.users: one row per pseudonym, declared or seen in an event."""

    user_id = dy.String(primary_key=True)
    age_band = dy.String(nullable=True)
    gender = dy.String(nullable=True)
    region = dy.String(nullable=True)
    occupation = dy.String(nullable=True)
    income = dy.String(nullable=True)
    attributes = attributes()
    consent = dy.List(dy.String(nullable=False), nullable=False)  # purposes granted


class SilverCodes(dy.Schema):
    """silver.codes: the integer that stands for a word. A code once given is never changed or given again."""

    kind = dy.String(primary_key=True)  # item, category_<level>, brand, colour, channel, attribute_<name>
    value = dy.String(primary_key=True)  # a category's value is its path down to that level, joined by " / "
    code = dy.Int32(nullable=False, min=1)

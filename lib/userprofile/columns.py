"""Names that mean one thing everywhere: actions, their codes, and the reasons of quarantine."""

from __future__ import annotations

from enum import StrEnum


class Action(StrEnum):
    """What a user did. The order is the code that travels instead of the word; append, never reorder."""

    VIEW = "view"
    SEARCH = "search"
    CART = "cart"
    FAVOURITE = "favourite"
    PURCHASE = "purchase"
    RETURN = "return"
    REVIEW = "review"
    EXPOSURE = "exposure"
    CLICK = "click"
    COMPLAINT = "complaint"
    SERVICE_CONTACT = "service_contact"


ACTIONS: tuple[str, ...] = tuple(action.value for action in Action)
ACTION_CODE: dict[str, int] = {action: code for code, action in enumerate(ACTIONS)}

# Deeper paths are cut: each level costs one column in every sequence and one affinity per user.
CATEGORY_LEVELS = (1, 2, 3)


class Reason(StrEnum):
    """Why a raw row went to quarantine."""

    MALFORMED_ROW = "malformed_row"
    MISSING_USER = "missing_user"
    MISSING_TIME = "missing_time"
    UNREADABLE_TIME = "unreadable_time"
    FUTURE_TIME = "future_time"
    PREHISTORIC_TIME = "prehistoric_time"
    TOO_LATE = "too_late"
    UNKNOWN_ACTION = "unknown_action"
    UNREADABLE_NUMBER = "unreadable_number"
    NEGATIVE_PRICE = "negative_price"
    NEGATIVE_QUANTITY = "negative_quantity"
    VALUE_OUT_OF_RANGE = "value_out_of_range"
    MISSING_VALUE = "missing_value"

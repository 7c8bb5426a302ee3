"""What a tag may foretell: things that a log shows, or not, in the label window after the as-of date."""

from __future__ import annotations

# Outcome -> in the window. Medians are those of users who bought in it, shares of discounts and baskets likewise.
OUTCOMES: dict[str, str] = {
    "buys": "a purchase",
    "buys nothing": "no purchase",
    "buys within a week": "a purchase in the first seven days",
    "buys every week": "a purchase in every whole week",
    "buys in category": "a purchase in the category that the tag names",
    "buys nothing in category": "no purchase in the category that the tag names",
    "buys brand": "a purchase of the brand that the tag names",
    "spends above median": "spend above the median of buyers",
    "spends more than before": "more spend a day than in the 90 days before the date",
    "spends less than before": "less spend a day than in the 90 days before the date",
    "fills large baskets": "more purchases an order than the median of buyers",
    "tries a new category": "a purchase in a category of level 2 that the user had not bought in before the date",
    "uses a coupon": "a purchase with a coupon",
    "buys discounted": "a share of discounts above the median of buyers",
    "buys at full price": "a share of discounts below the median of buyers, or none",
    "buys at night": "a purchase between 0 and 6 o'clock",
    "buys in the morning": "a purchase between 5 and 11 o'clock",
    "buys in the evening": "a purchase from 18 o'clock on",
    "buys at the weekend": "a purchase on a Saturday or Sunday",
    "returns something": "a return",
    "complains": "a complaint",
    "is a risk": "fraud, a chargeback or abuse, as the mapping tells it",
    "contacts the service": "a contact with the service",
    "reviews": "a review",
    "looks": "a view",
    "clicks": "a click",
}

# Those that are about the value that a tag names, and its kind.
OF_A_VALUE = {"buys in category": "category", "buys nothing in category": "category", "buys brand": "brand"}

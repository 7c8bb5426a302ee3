"""What is known of a user at an instant, by pure Polars: a catalogue of entries and the engine that computes them.

Here are the words in which features are written, also those of one's own (features/own.py).
"""

from userprofile.features.entries import Feature, Helper, Key
from userprofile.features.population import statistic
from userprofile.features.vocabulary import AGE_DAYS, BOUGHT, ORDER, did, distinct, within
from userprofile.windows import ALL_HISTORY, Window

__all__ = [
    "AGE_DAYS",
    "ALL_HISTORY",
    "BOUGHT",
    "ORDER",
    "Feature",
    "Helper",
    "Key",
    "Window",
    "did",
    "distinct",
    "statistic",
    "within",
]

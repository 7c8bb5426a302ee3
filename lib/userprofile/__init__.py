"""Raw behaviour events in, one trustworthy profile row per user out."""

__version__ = "0.1.0"

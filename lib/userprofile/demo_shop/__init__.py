"""A synthetic shop with planted truth: a behaviour log to run on, and what really is so to hold results against."""

from userprofile.demo_shop.generate import generate
from userprofile.demo_shop.shop import Generated, Shop

__all__ = ["Generated", "Shop", "generate"]

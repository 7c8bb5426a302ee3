"""Texts and images of items as vectors, by networks that packages carry."""

"""Names and texts as Spark's SQL quotes them: what comes from a log or a path ends no quotation."""

from __future__ import annotations


def quoted_name(name: str) -> str:
    """A column, a table or a path as one identifier.

    >>> quoted_name("a`b")
    '`a``b`'
    """
    return f"`{name.replace('`', '``')}`"


def quoted_text(text: str) -> str:
    r"""A literal.

    >>> print(quoted_text(r"it's \ here"))
    'it\'s \\ here'
    """
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

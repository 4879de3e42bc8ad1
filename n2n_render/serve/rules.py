"""The rules of a request's fields: a value of JSON → what the field holds."""

import os
from collections.abc import Callable
from typing import Any

from ..plugins import Named

Rule = Callable[[Any], Any]  # raises Wrong


class Wrong(ValueError):
    """Says what the value should be."""


def text(value: Any) -> str:
    """One that may name a file: it has a character that is no space, and the system can encode it."""
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise Wrong("a text that is not empty")
    try:
        os.fsencode(value)
    except UnicodeError:
        raise Wrong("a text that can be a file's name here") from None
    return value


def flag(value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise Wrong("true or false")
    return value


def weight(value: Any) -> float:
    """From 0 to 1."""
    if not _is_number(value) or not 0 <= value <= 1:
        raise Wrong("a number from 0 to 1")
    return float(value)


def weights(value: Any) -> tuple[tuple[str, float], ...]:
    """Of names, each from 0 to 1: (name, weight)."""
    if not isinstance(value, dict):
        raise Wrong("an object of names with numbers")
    if any(not name.strip() for name in value) or not all(_is_number(one) and 0 <= one <= 1 for one in value.values()):
        raise Wrong("an object of names with numbers from 0 to 1")
    return tuple((name, float(one)) for name, one in value.items())


def length(value: Any) -> float:
    """More than 0."""
    if not _is_number(value) or not 0 < value <= 1e9:
        raise Wrong("a number above 0")
    return float(value)


def whole(least: int, most: int) -> Rule:
    """A whole number from `least` to `most`."""

    def check(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise Wrong(f"a whole number from {least} to {most}")
        return value

    return check


def one_of(*choices: Any) -> Rule:
    """One of these texts or whole numbers."""

    def check(value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, str | int) or value not in choices:
            raise Wrong(f"one of {', '.join(map(str, choices))}")
        return value

    return check


def named(limit: Named) -> Rule:
    """One of our names, or what a package brings."""

    def check(value: Any) -> str:
        if not limit.holds(value):
            raise Wrong(str(limit))
        return str(value)

    return check


def texts(value: Any) -> tuple[str, ...]:
    """Any number of them."""
    if not isinstance(value, list):
        raise Wrong("a list of texts")
    return tuple(text(item) for item in value)


def names(value: Any) -> tuple[str, ...]:
    """One at least, and none of them twice."""
    found = texts(value)
    if not found or len(set(found)) < len(found):
        raise Wrong("a list of at least one text, none of them twice")
    return found


def or_null(rule: Rule) -> Rule:
    """The same, or null."""

    def check(value: Any) -> Any:
        try:
            return None if value is None else rule(value)
        except Wrong as wrong:
            raise Wrong(f"{wrong}, or null") from None

    return check


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

"""All numbers of an evaluation → a JSON file."""

import json
from typing import Any

import numpy as np

from ..errors import N2NError
from ..io.atomic import write_text


def try_to_write_numbers(content: dict[str, Any], path: str | None) -> list[N2NError]:
    """Why the file could not be written, if so: the numbers are told all the same. path: None: none is wanted."""
    try:
        if path:
            write_text(path, json.dumps(told(content), indent=1) + "\n")
    except N2NError as error:
        return [error]
    return []


def told(value: Any) -> Any:
    """For JSON, which has no NaN: null where a number could not be told, for the error is lost in the references' noise."""
    if isinstance(value, dict):
        return {name: told(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [told(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def untold(value: Any) -> Any:
    """The inverse of `told`: NaN for null."""
    if isinstance(value, dict):
        return {name: untold(item) for name, item in value.items()}
    if isinstance(value, list):
        return [untold(item) for item in value]
    return float("nan") if value is None else value

"""Words of our own command lines."""

from collections.abc import Sequence


def given(options: dict[str, object]) -> list[str]:
    """Of the options that have a value: {"--camera": "Top", "--size": None} → ["--camera", "Top"]."""
    return [word for name, value in options.items() if value is not None for word in (name, str(value))]


def size_text(size: Sequence[int] | float | None) -> str | None:
    """As `sample --size` reads it."""
    if size is None:
        return None
    return f"{size:g}%" if isinstance(size, (int, float)) else f"{size[0]}x{size[1]}"

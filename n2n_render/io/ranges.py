"""Texts of frame numbers and of shares of a work, and what lies in a share."""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import TypeVar

from ..errors import N2NError

Item = TypeVar("Item")
Chunk = tuple[int, int]  # which share, from 1, and of how many
WHOLE: Chunk = (1, 1)
MOST_FRAMES = 1_000_000  # of a range; a number that was mistyped would fill the memory


def parse_frames(text: str) -> list[int]:
    """ "1-100", "1-100x5" (each fifth; also "1-100:5"), "1,7,20" and mixtures → frame numbers, sorted, each once."""
    frames: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*(-?\d+)(?:-(-?\d+)(?:[x:]([1-9]\d*))?)?\s*", part)
        if not match or (match[2] and int(match[2]) < int(match[1])):
            raise N2NError(f"cannot read the frames {text!r}", "Write them like 1-100, 1-100x5 or 1,7,20.")
        first, last, step = int(match[1]), int(match[2] or match[1]), int(match[3] or 1)
        numbers = range(first, last + 1, step)
        if len(numbers) > MOST_FRAMES:
            raise N2NError(f"{part.strip()} are more frames than any shot has", "Write the first and the last one of the shot.")
        frames.update(numbers)
    return sorted(frames)


def frames_text(frames: Sequence[int]) -> str:
    """The inverse of `parse_frames`, as short as it can be: [1, 2, 3, 5] → "1-3,5", [1, 3, 5] → "1-5x2"."""
    numbers = sorted(set(frames))
    parts: list[str] = []
    while numbers:
        count = _run(numbers)
        first, last, step = numbers[0], numbers[count - 1], numbers[1] - numbers[0] if count > 1 else 1
        parts.append(str(first) if count == 1 else f"{first}-{last}" + (f"x{step}" if step > 1 else ""))
        numbers = numbers[count:]
    return ",".join(parts)


def _run(numbers: list[int]) -> int:
    """How many of the first ones follow each other evenly; two alone are written one by one, unless they are neighbours."""
    steps = [after - before for before, after in pairwise(numbers)]
    count = 1 + next((index for index, step in enumerate(steps) if step != steps[0]), len(steps))
    return count if count > 2 or (count == 2 and steps[0] == 1) else 1


def parse_chunk(text: str) -> Chunk:
    """ "2/5" → (2, 5): the second of five parts."""
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise N2NError(f"cannot read the chunk {text!r}", "Write it like 2/5: the second of five parts.")
    return int(match[1]), int(match[2])


def share(items: Sequence[Item], chunk: Chunk) -> Sequence[Item]:
    """What of the items lies in a share: such as follow each other, in shares that differ by one item at most."""
    number, count = chunk
    return items[(number - 1) * len(items) // count : number * len(items) // count]

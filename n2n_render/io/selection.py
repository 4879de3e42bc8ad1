"""Which frames of a sequence one run is for: by number, by share, and those that are not there yet."""

import stat
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..errors import N2NError
from .numbering import place_files
from .ranges import Chunk, frames_text, share


def select_frames(paths: Sequence[Path], frames: Sequence[int] | None, chunk: Chunk) -> list[int]:
    """Indices of the files of `frames` (None: all), and of these the ones in a share, which follow each other.

    Raises N2NError where a frame that is asked for is not there.
    """
    indices = list(range(len(paths)))
    if frames is not None:
        numbers = [place.frame for place in place_files(paths)]
        if missing := sorted(set(frames) - set(numbers)):
            there = frames_text([number for number in numbers if number is not None])
            raise N2NError(
                f"frame {frames_text(missing)} is not among the inputs",
                f"They are the frames {there}." if there else "Their names and headers tell no frame.",
            )
        wanted = set(frames)
        indices = [index for index in indices if numbers[index] in wanted]
    return list(share(indices, chunk))


def is_current(output: Path, inputs: Iterable[Path]) -> bool:
    """Whether a file is there, and was written after all those that it is made of."""
    try:
        facts = output.stat()
    except OSError:
        return False
    return stat.S_ISREG(facts.st_mode) and all(path.stat().st_mtime_ns <= facts.st_mtime_ns for path in inputs)

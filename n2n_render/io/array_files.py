"""Arrays on disk: .npy files that are written whole and mapped when they are used."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import N2NError
from ..frame.arrays import Array
from .atomic import first_line, write_beside


@dataclass(frozen=True)
class ArrayFile:
    """A .npy file, mapped anew at each use: an animation has more frames than a process may open files.

    Its header is parsed once: NumPy does that with `ast`, whose recursion counter Python 3.11 mixes up between threads.
    """

    path: Path
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    offset: int

    @classmethod
    def of(cls, path: Path) -> "ArrayFile":
        array = np.load(path, mmap_mode="r")
        return cls(path, array.dtype, array.shape, array.offset)

    def map(self) -> Array:
        try:
            return np.memmap(self.path, self.dtype, "r", self.offset, self.shape)
        except (OSError, ValueError) as error:
            raise N2NError(
                f"{self.path}: went away or was cut short while it was in use ({first_line(error)})",
                "Run the same command again: it is made anew.",
            ) from None


def save_array(path: Path, array: Array) -> None:
    """As .npy, beside its place first."""

    def write(temporary: str) -> None:
        with open(temporary, "wb") as file:
            np.save(file, array)

    write_beside(path, write)

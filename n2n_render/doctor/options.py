"""What `doctor` is asked, and what it answers."""

from dataclasses import dataclass
from typing import Any

from ..schema import Checked


@dataclass(frozen=True)
class DoctorOptions(Checked):
    """What `doctor` looks at besides the machine."""

    files: tuple[str, ...] = ()  # EXR files
    blender: str | None = None  # the program; None: the bpy wheel, else blender on the PATH


@dataclass(frozen=True)
class Diagnosis:
    """What was found, as plain data: texts, numbers, lists and names with values, nothing private in it.

    sections: name → what was found, in the order in which it is read. problems: (what is broken, what to do about it) of
    what is installed here; the first is the one to begin with.
    """

    sections: dict[str, Any]
    problems: tuple[tuple[str, str], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {**self.sections, "problems": [{"what": what, "hint": hint} for what, hint in self.problems]}

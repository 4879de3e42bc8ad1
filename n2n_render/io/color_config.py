"""Where a configuration of OpenColorIO lies: given, named by $OCIO, or Blender's own. Nothing of Blender is imported or run."""

import importlib.util
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from ..errors import N2NError

BLENDERS = "Blender's configuration"
BUILT_IN = "ocio://"  # scheme of the configurations that OpenColorIO brings along
IN_BLENDER = Path("datafiles") / "colormanagement" / "config.ocio"
BESIDE_THE_PROGRAM = (".", "../Resources", "../share/blender")  # a plain folder; a bundle of macOS; a package of Linux


def find_config(given: str | None, blender: str | None = None) -> tuple[str, str] | None:
    """(file or built-in name, where it comes from for people); None where there is none.

    blender: a program to look beside before all others.

    Raises:
        N2NError: `given` is no file.
    """
    if given is not None:
        if not given.startswith(BUILT_IN) and not Path(given).is_file():
            raise N2NError(f"{given}: there is no such configuration of OpenColorIO", "Pass --ocio with a config.ocio file.")
        return given, given
    if named := os.environ.get("OCIO"):
        return named, f"$OCIO: {named}"
    found = next(_of_blender(blender), None)
    return (str(found), BLENDERS) if found else None


def _of_blender(program: str | None) -> Iterator[Path]:
    """The configurations of the Blenders of this machine: that of `program`, $N2N_BLENDER, the bpy wheel, the one on PATH."""
    for wanted in (program, os.environ.get("N2N_BLENDER")):
        if wanted:
            yield from _beside(wanted)
    try:
        wheel = importlib.util.find_spec("bpy")
    except ValueError:  # a bpy that somebody put there by hand says nothing of where it lies
        wheel = None
    if wheel and wheel.origin:
        yield from _versions(Path(wheel.origin).parent)
    yield from _beside("blender")


def _beside(program: str) -> Iterator[Path]:
    bundle = Path(program) / "Contents" / "Resources"
    if bundle.is_dir():  # macOS: the folder that users see as the program
        yield from _versions(bundle)
    elif path := shutil.which(program):
        for place in BESIDE_THE_PROGRAM:
            yield from _versions(Path(path).resolve().parent / place)


def _versions(folder: Path) -> list[Path]:
    """Newest first."""
    try:
        versions = [name for name in os.listdir(folder) if re.fullmatch(r"\d+\.\d+", name)]
    except OSError:
        return []
    versions.sort(key=lambda name: [int(part) for part in name.split(".")], reverse=True)
    return [path for name in versions if (path := folder / name / IN_BLENDER).is_file()]

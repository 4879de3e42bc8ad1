"""A machine and files → a diagnosis that a bug report can hold."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import N2NError
from ..io.color_config import BUILT_IN, find_config
from ..libraries import MODULES
from ..progress import Reporter, silent
from ..sample.launch import find_program
from ..version import __version__
from . import machine
from .child import ask
from .options import Diagnosis, DoctorOptions
from .packages import BROKEN, MISSING, OK, look_at_packages, version_of

NOT_THERE = {"version": None, "state": MISSING}
Problems = list[tuple[str, str]]


def doctor(options: DoctorOptions, reporter: Reporter = silent) -> Diagnosis:
    """Looks at this machine and at some files. Nothing is changed, nothing is sent anywhere.

    What a package could crash is asked in a process of its own, so that the rest is told all the same.
    """
    problems: Problems = []
    with reporter("looking") as progress:
        progress.start(len(MODULES) + 3 + len(options.files))
        packages = look_at_packages(progress)
        problems += [
            (f"{name} cannot be used: {found['problem']}", found["hint"])
            for name, found in packages.items()
            if found["state"] == BROKEN
        ]
        sections: dict[str, Any] = {
            "n2n_render": __version__,
            "installed": version_of("n2n-render"),
            **machine.describe_system(),
            "packages": packages,
            "blender": _blender(options.blender, packages.get("bpy", NOT_THERE), problems),
        }
        progress.advance(1, "Blender")
        sections |= {"libraries": ask("libraries"), "engines": ask("engines")}
        progress.advance(1, "engines")
        sections |= {"models": ask("models"), "graphics": machine.describe_graphics()}
        progress.advance(1, "models")
        sections |= {"cpu": machine.describe_cpu(), "memory_bytes": machine.describe_memory(), "disk": machine.describe_disk()}
        sections |= {"color": _color(sections["blender"]), "variables": machine.describe_environment()}
        sections["files"] = {title: _file(str(path), progress.advance) for title, path in _titled(options.files).items()}
    problems += _more_problems(sections)
    return Diagnosis(machine.private(sections), tuple((machine.private(what), hint) for what, hint in dict(problems).items()))


def _titled(files: Sequence[str]) -> dict[str, Path]:
    """What each is called: its name, and as many of its folders as it takes to tell a/frame.exr from b/frame.exr."""
    paths = list(dict.fromkeys(map(Path, files)))
    lengths = range(1, 1 + max((len(path.parts) for path in paths), default=0))
    titled = ({str(Path(*path.parts[-length:])): path for path in paths} for length in lengths)
    return next((titles for titles in titled if len(titles) == len(paths)), {})


def _file(name: str, advance: Any) -> dict[str, Any]:
    """ "damage": why its pixels cannot be read, None where they can."""
    answer = ask("exr", name)
    if "problem" not in answer:
        answer["damage"] = ask("pixels", name).get("problem")  # in a process of its own: headers are told whatever happens
    advance(1, Path(name).name)
    return answer


def _blender(given: str | None, wheel: dict[str, Any], problems: Problems) -> dict[str, Any]:
    """The wheel and the program, whichever are there, and which of them is used."""
    found: dict[str, Any] = {"wheel": wheel["version"] if wheel["state"] != MISSING else None, "program": None, "used": None}
    try:
        found["path"], found["program"] = find_program(given)
    except N2NError as error:
        if given is not None:
            problems.append((error.what, error.hint))
        found["problem"] = error.what
    if given is None and found["wheel"]:
        found["used"] = "wheel" if wheel["state"] == OK else None
    elif found["program"]:
        found["used"] = "program"
    return found


def _color(blender: dict[str, Any]) -> dict[str, Any]:
    """Through which configuration of OpenColorIO pictures go when none is given: the variable's, else Blender's."""
    variable = os.environ.get("OCIO")
    found = find_config(None, blender.get("path"))
    return {
        "variable": variable,
        "variable_is_there": variable is None or _is_config(variable),
        "found": found[0] if found else None,
    }


def _is_config(value: str) -> bool:
    return value.startswith(BUILT_IN) or os.path.isfile(value)


def _more_problems(sections: dict[str, Any]) -> Problems:
    """What is wrong besides packages; what a broken package explains is not said twice."""
    problems: Problems = []
    for name, package in (("engines", "torch"), ("models", "pyoidn")):
        if "problem" in sections[name] and sections["packages"][package]["state"] == OK:
            problems.append((f"the {name} cannot be told: {sections[name]['problem']}", "Please report this."))
    installed, runs = sections["installed"], sections["n2n_render"]
    if installed not in (None, runs):
        hint = "Install it again, or run it in another environment."
        problems.append((f"n2n-render {installed} is installed, and {runs} runs", hint))
    free = sections["disk"]["free"]
    if free is not None and free < machine.ENOUGH_BYTES:
        problems.append(("the folder for temporary files is nearly full", "Free some space, or set TMPDIR to another folder."))
    if not sections["color"]["variable_is_there"]:
        problems.append(("the variable OCIO names a file that is not there", "Set it to a config.ocio, or unset it."))
    return problems

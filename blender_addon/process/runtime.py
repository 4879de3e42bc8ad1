"""What is installed → the command lines of n2n-render: inside the extension, or on this computer. No bpy here.

The extension brings n2n-render itself, Open Image Denoise's runtime and OpenEXR as wheels, which denoise with any model of
Open Image Denoise's topology. Training, and other models, need an installed n2n-render with PyTorch.
"""

import importlib.util
import os
import shutil
import sys
from pathlib import Path

from .errors import Problem

BUNDLED = ("n2n_render", "OpenEXR", "pyoidn", "cffi", "_cffi_backend", "pycparser", "numpy")
NEEDS_VERSION = "0.1"
ARCHIVE = ".tza"
SET_UP_HINT = "Install n2n-render (docs/blender.md says how), press Set Up, or name its Python in the add-on's preferences"


def bundled() -> tuple[list[str], dict[str, str]] | None:
    """(command, environment) of the extension's own n2n-render, run by Blender's Python; None where wheels are missing."""
    folders = []
    for name in BUNDLED:
        found = importlib.util.find_spec(name)
        if found is None or not found.origin:
            return None
        place = Path(found.origin).parent
        folders.append(str(place.parent if found.submodule_search_locations else place))
    if not is_python(sys.executable):
        return None
    return (
        [sys.executable, "-P", "-m", "n2n_render.serve"],  # -P: no module of the folder where Blender was started
        {"PYTHONPATH": os.pathsep.join(dict.fromkeys(folders)), "PYTHONNOUSERSITE": "1"},
    )


def external(named: str) -> list[str] | None:
    """The start of an installed n2n-render's command line: what the artist named, else the one on the PATH; else None."""
    if named:
        return [named, "-m", "n2n_render"] if is_python(named) else [named]
    found = shutil.which("n2n-render")
    return [found] if found else None


def is_python(program: str) -> bool:
    return Path(program or "").stem.lower().startswith("python")


def serve_command(model: str, named: str, choice: str) -> tuple[list[str], dict[str, str]]:
    """What denoises with `model`. choice: "AUTO", "BUNDLED", "EXTERNAL". Raises Problem that says what is missing."""
    needs_torch = model.endswith(".pt") or os.path.isdir(model)
    inside = bundled() if choice != "EXTERNAL" else None
    if inside and not (needs_torch and choice == "AUTO"):
        return inside
    outside = external(named)
    if outside and choice != "BUNDLED":
        return [*outside, "serve"], outside_environment()
    if needs_torch:
        raise Problem(f"The model {os.path.basename(model)} needs an installed n2n-render with PyTorch", SET_UP_HINT)
    raise Problem(
        "There is nothing here that can denoise: the extension was built without its wheels for this Blender", SET_UP_HINT
    )


def outside_environment() -> dict[str, str]:
    """What another Python must not inherit from Blender's."""
    return {name: "" for name in ("PYTHONPATH", "PYTHONHOME") if name in os.environ}


def check_version(found: str):
    """Raises Problem when an installed n2n-render is of another version than this add-on is for."""
    if not found.startswith(f"{NEEDS_VERSION}."):
        raise Problem(
            f"n2n-render {found} is installed, but this add-on needs {NEEDS_VERSION}",
            f"Install version {NEEDS_VERSION} from its repository, or the extension of version {found}",
        )

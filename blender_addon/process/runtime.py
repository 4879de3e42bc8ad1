"""What is installed → the command lines of n2n-render: inside the extension, or on this computer. No bpy here.

The extension brings n2n-render itself, and as wheels Open Image Denoise's runtime and OpenEXR: they denoise with any model of
Open Image Denoise's topology. Training, and other models, need an installed n2n-render with PyTorch.
"""

import importlib.util
import os
import shutil
import sys
from pathlib import Path

from .errors import Problem

BESIDE = Path(__file__).resolve().parents[1] / "beside"  # the extension's own n2n_render, which runs beside Blender
WHEELS = ("OpenEXR", "pyoidn", "cffi", "_cffi_backend", "pycparser", "numpy")
PROGRAMS = ("bin/n2n-render", "Scripts/n2n-render.exe")  # in a virtual environment
# Where else than on the PATH, which programs that were started from a dock or a menu often have none of: the environment of
# docs/training-in-blender.md, and where pipx and uv put programs. Nothing beside the .blend: a scene must not name programs.
USUAL_PLACES = (
    "~/n2n/bin/n2n-render",
    "~/n2n/Scripts/n2n-render.exe",
    "~/.local/bin/n2n-render",
    "~/.local/bin/n2n-render.exe",
)
NEEDS_VERSION = "0.1"
SET_UP_HINT = (
    "Install n2n-render (docs/training-in-blender.md says how), and name it, its Python or its environment's folder in the "
    "add-on's preferences"
)


def missing() -> list[str]:
    """What a built extension brings and is not there: Blender goes on when it could not unpack a wheel, as on a full disk."""
    if not BESIDE.is_dir():
        return []  # a checkout
    importlib.invalidate_caches()  # it may just have been unpacked
    return [name for name in WHEELS if not _origin(name)]


def _origin(name: str) -> str:
    """The file of a module; "" where it is missing, or an empty folder is all that was left of it."""
    found = importlib.util.find_spec(name)
    return (found and found.origin) or ""


def bundled() -> tuple[list[str], dict[str, str]] | None:
    """(command, environment) of the extension's own n2n-render, run by Blender's Python; None where wheels are missing."""
    if not (BESIDE / "n2n_render").is_dir() or not is_python(sys.executable):
        return None
    places = [Path(_origin(name)) for name in WHEELS]
    if Path("") in places:
        return None
    folders = [BESIDE, *(place.parents[1] if place.stem == "__init__" else place.parent for place in places)]
    return (
        [sys.executable, "-P", "-m", "n2n_render.serve"],  # -P: no module of the folder where Blender was started
        {"PYTHONPATH": os.pathsep.join(map(str, dict.fromkeys(folders))), "PYTHONNOUSERSITE": "1"},
    )


def external(named: str) -> list[str] | None:
    """The start of an installed n2n-render's command line; None: there is none.

    Args:
        named: by the artist: the program, the Python that has it, or the folder of its virtual environment; "": look for one,
            on the PATH and in the usual places.

    Raises:
        Problem: there is no n2n-render where the artist named it.
    """
    if named:
        return _at(Path(named).expanduser())
    found = shutil.which("n2n-render")
    places = [found] if found else [place for place in map(os.path.expanduser, USUAL_PLACES) if os.path.isfile(place)]
    return places[:1] or None


def _at(place: Path) -> list[str]:
    if place.is_dir():
        programs = [place / name for name in PROGRAMS if (place / name).is_file()]
        if not programs:
            raise Problem(f"There is no n2n-render in {place}", SET_UP_HINT)
        return [str(programs[0])]
    if not place.is_file():
        raise Problem(f"{place} is not there", SET_UP_HINT)
    return [str(place), "-m", "n2n_render"] if is_python(place) else [str(place)]


def is_python(program: str | Path) -> bool:
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

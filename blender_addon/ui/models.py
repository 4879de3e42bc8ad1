"""Models by name: which there are, what they are called in the list, and what is known of them."""

import json
import os

import bpy

from ..process.errors import Problem
from . import session

BUILTIN = ("oidn-large", "oidn", "oidn-small")
SIZES = {"oidn": "base", "oidn-large": "large", "oidn-small": "small"}
COLOR_ONLY = "oidn-color"
WHERE = "Choose one in Render Properties > Sampling > Shot Denoise > Settings"


def choices() -> list[tuple[str, str, str]]:
    """(identifier, label, tooltip) of what can be chosen: what the process told of, and what came since then."""
    known = {model["name"]: model for model in [*_by_files(), *session.KNOWN["models"]]}
    found = [model for model in known.values() if not os.path.isabs(model["name"]) or os.path.exists(model["name"])]
    return [(model["name"], label(model["name"]), _tooltip(model)) for model in found]


def _by_files() -> list[dict]:
    """What can be told without asking: the built-in ones, and what was exported beside archives."""
    found = [
        {"name": name, "features": ["albedo", "normal"], "origin": "Open Image Denoise's weights", "problem": ""}
        for name in BUILTIN
    ]
    folders = session.model_folders()
    for path in [os.path.join(folder, name) for folder in folders for name in sorted(os.listdir(folder))]:
        if path.endswith(".tza"):
            try:
                with open(f"{path}.json", encoding="utf-8") as file:
                    notes = json.load(file)
                found.append({"name": path, "features": notes["model"]["features"], "origin": notes["origin"], "problem": ""})
            except (OSError, ValueError, KeyError, TypeError):
                found.append({"name": path, "features": [], "origin": "An archive without a description", "problem": ""})
    return found


def path_of(name: str) -> str:
    """What the process is asked for. Raises Problem when the chosen model is not there any more."""
    path = bpy.path.abspath(name)
    if not name:
        raise Problem("No model is chosen", WHERE)
    looks_like_a_file = os.sep in path or path.endswith((".tza", ".pt"))
    if looks_like_a_file and not os.path.exists(path):
        raise Problem(f"The model {path} is not there any more", WHERE)
    return path if looks_like_a_file else name


def needs_passes(name: str) -> bool:
    """Whether the model takes albedo and normal; of one that nothing is known of that is likely."""
    if name == COLOR_ONLY:
        return False
    known = next((model for model in session.KNOWN["models"] if model["name"] == name), None)
    return known is None or bool(known["features"]) or bool(known["problem"])


def label(name: str) -> str:
    """Of a learned one its file's name, which says scene, date and gain."""
    size = SIZES.get(name)
    return f"Open Image Denoise, {size}" if size else os.path.splitext(os.path.basename(os.path.normpath(name)))[0]


def _tooltip(model: dict) -> str:
    if model["problem"]:
        return f"Cannot be used: {model['problem']}"
    return f"{model['origin']}. Passes: {', '.join(model['features']) or 'color only'}"


def problem_of(name: str) -> str:
    """Why the model cannot be used here, as far as that is known; "": it can."""
    return next((model["problem"] for model in session.KNOWN["models"] if model["name"] == name), "")

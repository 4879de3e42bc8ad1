"""The warm process and what it told: what is known until Blender ends. One process for each command line."""

import contextlib
import json
import os
import tempfile

import bpy

from ..process import runtime
from ..process.errors import Problem
from .settings import PACKAGE, preferences
from ..process.worker import Worker

STARTED = {}  # command → Worker
KNOWN = {"models": [], "devices": {}}  # from the last `describe`
_missing = {}
BUILTIN = ("oidn-large", "oidn", "oidn-small")


def user_folder(name: str = "", create: bool = True) -> str:
    """A folder of the extension's own; Blender says where."""
    return bpy.utils.extension_path_user(PACKAGE, path=name, create=create)


def worker_for(model: str) -> Worker:
    """The process that denoises with `model`, started if need be. Raises Problem."""
    chosen = preferences()
    command, environment = runtime.serve_command(model, bpy.path.abspath(chosen.program), chosen.engine)
    key = tuple(command)
    if key in STARTED and not STARTED[key].alive:
        STARTED.pop(key).stop()
    if key not in STARTED:
        handle, log = tempfile.mkstemp(prefix="n2n_worker_", suffix=".log", dir=bpy.app.tempdir)
        os.close(handle)
        STARTED[key] = Worker(command, environment, log)
    return STARTED[key]


def is_missing() -> bool:
    """Whether nothing here can denoise; looked up once for each setting."""
    chosen = preferences()
    key = (chosen.program, chosen.engine)
    if key not in _missing:
        try:
            runtime.serve_command("", bpy.path.abspath(chosen.program), chosen.engine)
            _missing[key] = False
        except Problem:
            _missing[key] = True
    return _missing[key]


def stop():
    """Ends all processes."""
    while STARTED:
        STARTED.popitem()[1].stop()


def model_folders() -> list[str]:
    named = bpy.path.abspath(preferences().models)
    return [folder for folder in (user_folder("models", create=False), named) if folder and os.path.isdir(folder)]


def describe():
    """A generator: asks what there is, into KNOWN. An installed n2n-render is asked too, where there is one."""
    KNOWN["models"], KNOWN["devices"], problems, answered = [], {}, [], []
    _missing.clear()
    outside = runtime.external(bpy.path.abspath(preferences().program))
    if not outside:
        problems.append(Problem("No installed n2n-render was found; training needs one", runtime.SET_UP_HINT))
    for model in ("oidn", "any.pt") if outside else ("oidn",):
        try:
            worker = worker_for(model)
            if worker not in answered:
                answer = yield from worker.ask("describe", folders=model_folders())
                runtime.check_version(answer["version"])
                remember(answer)
                answered.append(worker)
        except Problem as problem:
            problems.append(problem)
    if not answered:
        raise problems[-1]
    return problems


def get_to_know(model: str):
    """A generator: asks the process that has just denoised, once, so that the lists are full without Set Up."""
    if not KNOWN["models"]:
        with contextlib.suppress(Problem):
            remember((yield from worker_for(model).ask("describe", folders=model_folders())))


def remember(answer):
    for devices in answer["engines"].values():
        for kind, name in devices.items():
            KNOWN["devices"].setdefault(kind, name)
    known = {model["name"]: model for model in KNOWN["models"]}
    for model in answer["models"]:
        if model["name"] not in known or known[model["name"]]["problem"]:
            known[model["name"]] = model
    KNOWN["models"] = list(known.values())


def model_choices() -> list[tuple[str, str, str]]:
    """(identifier, label, tooltip) of what can be chosen."""
    return [(model["name"], label(model["name"]), model_note(model)) for model in KNOWN["models"] or _models_by_files()]


def _models_by_files() -> list[dict]:
    """What can be told without asking: the built-in ones, and what `n2n-render export` wrote beside archives."""
    found = [
        {"name": name, "features": ["albedo", "normal"], "origin": "Open Image Denoise's weights", "problem": ""}
        for name in BUILTIN
    ]
    for path in [os.path.join(folder, name) for folder in model_folders() for name in sorted(os.listdir(folder))]:
        if path.endswith(".tza"):
            try:
                with open(f"{path}.json", encoding="utf-8") as file:
                    notes = json.load(file)
                found.append({"name": path, "features": notes["model"]["features"], "origin": notes["origin"], "problem": ""})
            except (OSError, ValueError, KeyError, TypeError):
                found.append({"name": path, "features": [], "origin": "An archive without a description", "problem": ""})
    return found


def model_path(name: str) -> str:
    """Raises Problem when the chosen model is not there any more."""
    path = bpy.path.abspath(name)
    if not name:
        raise Problem("No model is chosen", "Choose one in Render Properties > N2N Denoise")
    looks_like_a_file = os.sep in path or path.endswith((".tza", ".pt"))
    if looks_like_a_file and not os.path.exists(path):
        raise Problem(f"The model {path} is not there any more", "Choose another one in Render Properties > N2N Denoise")
    return path if looks_like_a_file else name


def label(name: str) -> str:
    size = {"oidn": "base", "oidn-large": "large", "oidn-small": "small"}.get(name)
    return f"OIDN weights, {size}" if size else os.path.basename(os.path.normpath(name))


def model_note(model: dict) -> str:
    if model["problem"]:
        return f"Cannot be used: {model['problem']}"
    return f"{model['origin']}. Features: {', '.join(model['features']) or 'color only'}"


def note_on(name: str) -> str:
    """For the panel: of what is known, and else of an archive of the artist's own."""
    models = KNOWN["models"] or (_models_by_files() if name.endswith(".tza") else [])
    return next((model_note(model) for model in models if model["name"] == name), "")

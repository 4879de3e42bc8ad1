"""The warm process and what it told: what is known until Blender ends. One process for each command line."""
import os
import tempfile

import bpy

from . import runtime
from .errors import Problem
from .settings import PACKAGE, preferences
from .worker import Worker

STARTED = {}   # command → Worker
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
    KNOWN["models"], KNOWN["devices"], problems = [], {}, []
    _missing.clear()
    seen = set()
    for model in ("oidn", "x.pt"):
        try:
            worker = worker_for(model)
            if id(worker) in seen:
                continue
            seen.add(id(worker))
            answer = yield from worker.ask("describe", folders=model_folders())
            if model == "x.pt":
                runtime.check_version(answer["version"])
        except Problem as problem:
            problems.append(problem)
            continue
        _remember(answer)
    if not seen:
        raise problems[0]
    return problems


def _remember(answer):
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
    if not KNOWN["models"]:
        return [(name, label(name), "Open Image Denoise's weights") for name in BUILTIN]
    return [(model["name"], label(model["name"]), model_note(model)) for model in KNOWN["models"]]


def label(name: str) -> str:
    size = {"oidn": "base", "oidn-large": "large", "oidn-small": "small"}.get(name)
    return f"OIDN weights, {size}" if size else os.path.basename(os.path.normpath(name))


def model_note(model: dict) -> str:
    if model["problem"]:
        return f"Cannot be used: {model['problem']}"
    return f"{model['origin']}. Features: {', '.join(model['features']) or 'color only'}"


def note_on(name: str) -> str:
    return next((model_note(model) for model in KNOWN["models"] if model["name"] == name), "")

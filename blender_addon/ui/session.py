"""The warm process and what it told: what is known until Blender ends. One process at a time: two would hold two networks."""

import contextlib
import functools
import os
import tempfile

import bpy

from ..process import runtime
from ..process.errors import Problem
from ..process.rates import Rates
from ..process.worker import Worker
from .settings import PACKAGE, preferences

STARTED = {}  # command → Worker; no more than one
KNOWN = {"models": [], "devices": {}, "training": None}  # from the last `describe`
_missing = {}
LEARNS = "learns.pt"  # stands for any model that needs PyTorch
MODELS = "denoiser_models"  # a folder beside the .blend file


def user_folder(name: str = "", create: bool = True) -> str:
    """A folder of the extension's own; Blender says where."""
    return bpy.utils.extension_path_user(PACKAGE, path=name, create=create)


@functools.cache
def rates() -> Rates:
    """How long things took here."""
    return Rates(os.path.join(user_folder(), "rates.json"))


def worker_for(model: str) -> Worker:
    """The process that denoises with `model`, started if need be, in the place of another one. Raises Problem."""
    chosen = preferences()
    command, environment = runtime.serve_command(model, bpy.path.abspath(chosen.program), chosen.engine)
    key = tuple(command)
    for other in [other for other in STARTED if other != key or not STARTED[other].alive]:
        STARTED.pop(other).stop()
    if key not in STARTED:
        handle, log = tempfile.mkstemp(prefix="n2n_worker_", suffix=".log", dir=bpy.app.tempdir)
        os.close(handle)
        STARTED[key] = Worker(command, environment, log)
    return STARTED[key]


def _can(model: str) -> bool:
    """Whether something here runs `model`; looked up once for each setting."""
    chosen = preferences()
    key = (chosen.program, chosen.engine, model)
    if key not in _missing:
        try:
            runtime.serve_command(model, bpy.path.abspath(chosen.program), chosen.engine)
            _missing[key] = False
        except Problem:
            _missing[key] = True
    return not _missing[key]


def is_missing() -> bool:
    """Whether nothing here can denoise."""
    return not _can("")


def can_learn() -> bool:
    """Whether an n2n-render is installed here; only the process itself knows whether it has PyTorch."""
    return preferences().engine != "BUNDLED" and _can(LEARNS)


def stop():
    """Ends the process."""
    while STARTED:
        STARTED.popitem()[1].stop()


def model_folders() -> list[str]:
    """Where models are looked for: beside the file, in the library, and where earlier versions kept them."""
    beside = os.path.join(os.path.dirname(bpy.data.filepath), MODELS) if bpy.data.filepath else ""
    named = (beside, bpy.path.abspath(preferences().models), user_folder("models", create=False))
    return [folder for folder in dict.fromkeys(named) if folder and os.path.isdir(folder)]


def model_home() -> str:
    """Where a new model goes: the chosen library, else beside the file, else the extension's own folder. It outlives the
    extension in the first two.
    """
    library = bpy.path.abspath(preferences().models)
    home = library or (os.path.join(os.path.dirname(bpy.data.filepath), MODELS) if bpy.data.filepath else user_folder("models"))
    try:
        os.makedirs(home, exist_ok=True)
    except OSError as error:
        raise Problem(
            f"The folder for models {home} cannot be made ({error.strerror})", "Choose a library in the add-on's preferences"
        ) from None
    return home


def describe():
    """A generator: asks what there is, into KNOWN. An installed n2n-render is asked too, where there is one."""
    KNOWN["models"], KNOWN["devices"], KNOWN["training"], problems, answered = [], {}, None, [], []
    _missing.clear()
    outside = runtime.external(bpy.path.abspath(preferences().program))
    if not outside:
        problems.append(Problem("No installed n2n-render was found; learning a shot needs one", runtime.SET_UP_HINT))
    for model in (LEARNS, "oidn") if outside else ("oidn",):  # the one that stays is the one that the next click needs
        try:
            worker = worker_for(model)
            if worker not in answered:
                answer = yield from worker.ask("describe", folders=model_folders(), training=model == LEARNS)
                runtime.check_version(answer["version"])
                remember(answer)
                answered.append(worker)
        except Problem as problem:
            problems.append(problem)
    if not answered:
        raise problems[-1]
    return problems


def get_to_know(model: str):
    """A generator: asks the process that has just denoised, once, so that the lists are full without Look Again."""
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
    KNOWN["training"] = answer.get("training") or KNOWN["training"]

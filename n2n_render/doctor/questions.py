"""What a child process is asked: to import a package, to find the engines, to describe a file. Each answers with plain data."""

import contextlib
import importlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import LOGGER, N2NError, sentence_of
from ..libraries import BLENDER_NEEDS, cannot_load


def told(error: BaseException) -> str:
    """An error as one line."""
    known = sentence_of(error)
    if known is not None:
        return known.what
    return f"{type(error).__name__}: {(str(error).strip() or 'it does not say why').splitlines()[0]}"


def package(module: str) -> dict[str, Any]:
    """Imports it. "version": what the module says of itself; "hint": what to do where it cannot be imported."""
    try:
        found = importlib.import_module(module)
    except Exception as error:
        known = sentence_of(error)
        return {"problem": told(error), "hint": known.hint if known else ""}
    version = ""
    with contextlib.suppress(Exception):  # some look it up when they are asked, among what pip has installed
        version = str(found.__version__)
    return {"version": version}


def engines() -> dict[str, Any]:
    """ "engines": engine → its devices by kind; "torch": what is wrong with PyTorch, or None."""
    from ..engines.choice import list_engines, torch_problem

    return {"engines": {name: devices for name, devices, _ in list_engines()}, "torch": torch_problem()}


def models() -> dict[str, Any]:
    """ "origin": where the built-in weights come from; "names": those that can be used."""
    from ..network.oidn_weights import BUILTIN
    from ..network.registry import open_model

    return {"origin": open_model("oidn").provenance.origin, "names": list(BUILTIN)}


def libraries() -> dict[str, Any]:
    """ "missing": of what Blender needs, the libraries that this system does not have."""
    return {"missing": cannot_load(BLENDER_NEEDS)}


def exr(path: str) -> dict[str, Any]:
    """A file, as exr_facts.py describes it; "doubts": what the reader warned of."""
    handler = _Doubts()
    LOGGER.addHandler(handler)
    try:
        from .exr_facts import describe

        return {**describe(Path(path)), "doubts": handler.said}
    except (N2NError, OSError) as error:
        return {"problem": told(error)}
    except ImportError as error:
        return {"problem": f"cannot be read here ({told(error)})"}


def pixels(path: str) -> dict[str, Any]:
    """Whether they can be read: a file that was cut off has whole headers."""
    try:
        from ..io.exr_parts import read_parts

        read_parts(path)
    except N2NError as error:
        return {"problem": f"the file {error.what.removeprefix(f'{path}: ')}"}
    except MemoryError:
        return {"problem": "they are more than the memory holds"}
    return {}


class _Doubts(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


QUESTIONS: dict[str, Callable[..., dict[str, Any]]] = {
    "package": package,
    "engines": engines,
    "models": models,
    "libraries": libraries,
    "exr": exr,
    "pixels": pixels,
}

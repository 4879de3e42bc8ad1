"""Noise2Noise denoising for path-traced images: noisy renders in, a trained denoiser out.

    import n2n_render as n2n

    noisy = n2n.read("frame.exr")
    clean = n2n.denoise(noisy)
    n2n.write("clean.exr", clean, like="frame.exr")

Importing it is quick: PyTorch and OpenEXR are loaded by what needs them, when it is called. docs/python.md is the manual.
"""

import importlib
import sys
import types

from .version import __version__ as __version__

TYPE_CHECKING = False  # the module typing takes longer than all else here, and the command line waits for it
if TYPE_CHECKING:
    import inspect
    from typing import Any

    from .api import adapt, denoise, evaluate, prepare, psnr, read, sample, train, write
    from .errors import N2NError
    from .frame.frame import Frame
    from .loaded import Model, load_model
    from .parts import coverage, denoise_light

__all__ = [
    "Frame",
    "Model",
    "N2NError",
    "adapt",
    "coverage",
    "denoise",
    "denoise_light",
    "evaluate",
    "load_model",
    "prepare",
    "psnr",
    "read",
    "sample",
    "train",
    "write",
]

_ELSEWHERE = {
    "Frame": "frame.frame",
    "Model": "loaded",
    "N2NError": "errors",
    "coverage": "parts",
    "denoise_light": "parts",
    "load_model": "loaded",
}  # all others are in api.py
_VERBS = ("adapt", "denoise", "evaluate", "prepare", "sample", "train")  # functions that share their names with folders


def __getattr__(name: str) -> "Any":
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in _VERBS:
        return importlib.import_module(f".{name}", __name__)
    return getattr(importlib.import_module(f".{_ELSEWHERE.get(name, 'api')}", __name__), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


class _Verb(types.ModuleType):
    # A verb's folder that can be called. `n2n_render.denoise` has to stay the folder, whose modules are imported by that name,
    # and it has to be the function: the import system would put one over the other, whichever came first.

    def __call__(self, *args: "Any", **values: "Any") -> "Any":
        return self._function(*args, **values)

    @property
    def _function(self) -> "Any":
        return getattr(importlib.import_module("n2n_render.api"), self.__name__.rpartition(".")[2])

    @property
    def __signature__(self) -> "inspect.Signature":
        import inspect

        return inspect.signature(self._function)

    @property
    def __doc__(self) -> str:  # type: ignore[override]
        return str(self._function.__doc__)

    def __reduce__(self) -> "tuple[Any, ...]":
        return importlib.import_module, (self.__name__,)


class _Package(types.ModuleType):
    def __setattr__(self, name: str, value: "Any") -> None:
        if name in _VERBS and isinstance(value, types.ModuleType):  # the import system has just loaded the folder
            value.__class__ = _Verb
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package

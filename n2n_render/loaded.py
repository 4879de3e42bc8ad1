"""A model by its name, file or run folder → one that takes frames and arrays, and that is kept between calls."""

import functools
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray

from .errors import N2NError, doubt
from .frame.arrays import Array
from .frame.frame import Frame
from .frame.given import as_frame
from .schema import problem

if TYPE_CHECKING:
    from .denoise import Denoiser
    from .denoise.loading import AnyDenoiser
    from .engines.options import EngineOptions

ANY_GUIDES = ("oidn", "oidn-small")  # names of models of which there is one for each set of guides
MODELS_KEPT = 4  # between calls of `kept_model`; each holds its weights, and a runtime


class Running(TypedDict, total=False):
    """What runs a model, and how.

    device: auto, cpu, cuda, cuda:1, mps, hip, sycl, metal. engine: auto (the fastest that can), torch, oidn, openvino.
    precision: auto, float32, float16 or bfloat16. average: 1, 2, 4 or 8 mirrored and turned copies of each image are
    denoised, and their mean is taken. prefilter: clean albedo and normal first; None: if the model wants them clean.
    tile_px: size of a tile, smaller takes less memory; None: what suits the engine.
    """

    device: str
    engine: str
    precision: str
    average: int
    prefilter: bool | None
    tile_px: int | None


class Model:
    """A denoiser that can be called again and again; `load_model` makes it. Calls from several threads take turns.

    A copy, or what another process is sent, is the same model loaded anew.
    """

    def __init__(self, name: str, denoiser: "AnyDenoiser", how: "_How"):
        self.name = name
        self._denoiser, self._how, self._lock = denoiser, how, threading.Lock()

    def __reduce__(self) -> tuple[Callable[..., "Model"], tuple[str, "_How"]]:
        return _load, (self.name, self._how)

    def __repr__(self) -> str:
        return f"<model {self.name}, {self.runs_on}>"

    @property
    def features(self) -> tuple[str, ...]:
        """The guides that it takes besides the picture; of photographs and slices none."""
        return tuple(getattr(self._denoiser, "features", ()))

    @property
    def runs_on(self) -> str:
        """The engine and the device, in words."""
        return str(self._denoiser.engine.description)

    def __call__(
        self, image: Frame | NDArray[Any], albedo: NDArray[Any] | None = None, normal: NDArray[Any] | None = None
    ) -> NDArray[Any]:
        """Denoises one image; see `denoise`."""
        from .denoise import Denoiser

        if isinstance(self._denoiser, Denoiser):
            return self._denoise_frame(self._denoiser, as_frame(image, albedo=albedo, normal=normal))
        if albedo is not None or normal is not None:
            raise N2NError(f"the model {self.name} is of photographs or slices, which have no guides", "Pass the image alone.")
        with self._lock:
            return self._denoiser.denoise_array(image)

    def _denoise_frame(self, denoiser: "Denoiser", frame: Frame) -> NDArray[np.float32]:
        self._check_guides(frame)
        with self._lock:
            return denoiser.denoise(frame)

    def denoise_light(self, frame: Frame, light: Mapping[str, Array]) -> tuple[Array, dict[str, Array]]:
        """See `n2n_render.parts.denoise_light`, for arrays that are checked already."""
        from .denoise import Denoiser
        from .denoise.passes import light_group

        denoiser = self._denoiser
        if not isinstance(denoiser, Denoiser):
            raise N2NError(f"the model {self.name} is of photographs or slices, which have no passes", "Pass one of renders.")
        self._check_guides(frame)
        groups = {name: light_group(name) for name in light}
        images = {groups[name].channel: np.maximum(pixels, 0) for name, pixels in light.items()}
        with self._lock:
            painted = denoiser.paint(frame.with_channels(**images), list(groups.values()))
        return painted.color, {name: painted.light[group.channel] for name, group in groups.items()}

    def _check_guides(self, frame: Frame) -> None:
        lacking = [feature for feature in self.features if feature not in frame]
        if lacking:
            raise N2NError(
                f"the model {self.name} needs {' and '.join(lacking)}, which the image does not have",
                "Pass what is missing, or another model; `n2n-render models` lists what each needs.",
            )


def load_model(name: str | os.PathLike[str] = "oidn", **running: Unpack[Running]) -> Model:
    """A model by its name, and what runs it, for many images: frames, or what it was trained on with `train --noise`.

    Args:
        name: oidn, oidn-small, oidn-large, …, as `n2n-render models` lists them; a run folder, a checkpoint, a
            .safetensors or .tza file.
        running: device, engine, precision, average, prefilter, tile_px; see `n2n_render.loaded.Running`.

    Raises:
        N2NError: there is no such model, or nothing here can run it.

    >>> import numpy as np
    >>> import n2n_render as n2n
    >>> model = n2n.load_model("oidn-small-albedo", device="cpu")
    >>> model.features
    ('albedo',)
    >>> model(np.ones((16, 16, 3)), albedo=np.ones((16, 16, 3))).shape
    (16, 16, 3)
    """
    return _load(model_name(name), _How.read(running))


def _load(name: str, how: "_How") -> Model:
    from .denoise import load_any

    return Model(name, load_any(name, how.engine, how.prefilter, how.average, doubt), how)


@dataclass(frozen=True)
class _How:
    """`Running`, checked."""

    engine: "EngineOptions"
    prefilter: bool | None
    average: int

    @classmethod
    def read(cls, running: Running) -> "_How":
        """Raises N2NError for names that are not there, and for values out of their ranges."""
        from .config import Orientations
        from .engines.options import EngineOptions

        options: dict[str, Any] = dict(running)
        known = Running.__annotations__
        unknown = next((key for key in options if key not in known), None)
        if unknown:
            raise N2NError(f"there is no {unknown!r} that says how a model runs", f"There are {', '.join(known)}.")
        prefilter, average = options.pop("prefilter", None), options.pop("average", 1)
        wrong = problem(average, Orientations, "average") or problem(prefilter, bool | None, "prefilter")
        if wrong:
            raise N2NError(wrong, "help(n2n_render.loaded.Running) says what it means.")
        return cls(EngineOptions(**options), prefilter, average)


def model_name(name: object) -> str:
    """The text of a name or a path. Raises N2NError for anything else."""
    if not isinstance(name, (str, os.PathLike)):
        raise N2NError(
            f"a model is a name, a path or what load_model returned, not {type(name).__name__}",
            "`n2n-render models` lists the names.",
        )
    return os.fspath(name)


def _version(name: str) -> tuple[Any, ...]:
    """Tells a file, or the folder that one is in, from another, and from what it was before it was written anew."""
    try:
        facts = os.stat(name)
    except OSError:  # a name
        return ()
    return os.path.abspath(name), facts.st_mtime_ns, facts.st_size


@functools.lru_cache(MODELS_KEPT)
def _kept(name: str, version: tuple[Any, ...], how: _How) -> Model:
    return _load(name, how)


def kept_model(name: str, running: Running) -> Model:
    """As `load_model`, which is asked once for the same of these, as long as the file stays as it is."""
    return _kept(name, _version(name), _How.read(running))


def model_for(model: str | os.PathLike[str] | Model, frame: Frame | None, running: Running) -> Model:
    """A model that is loaded already, or the kept one of that name; of ANY_GUIDES the one that takes what the frame has.

    Raises N2NError for a loaded one that is to run otherwise.
    """
    if isinstance(model, Model):
        if running:
            raise N2NError(f"{next(iter(running))} is decided where the model is loaded", "Pass it to load_model.")
        return model
    name = model_name(model)
    return kept_model(_with_guides_at_hand(name, frame) if frame is not None and name in ANY_GUIDES else name, running)


def _with_guides_at_hand(name: str, frame: Frame) -> str:
    """Open Image Denoise has weights for each set of guides; its names without one mean the best that there are."""
    if {"albedo", "normal"} <= set(frame):
        return name
    return f"{name}-albedo" if "albedo" in frame else f"{name}-color"

"""What a program calls: frames and arrays in, arrays and typed results out. `import n2n_render as n2n` gives all of it.

Radiance is scene-linear, unbounded, (H, W, 3), row 0 on top. What goes wrong is an `N2NError`: one sentence and what to do.
"""

import functools
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar, Unpack

import numpy as np
from numpy.typing import NDArray

from .errors import N2NError, doubt
from .frame import metrics
from .frame.channels import ALPHA, FEATURES, VECTOR
from .frame.frame import Frame
from .frame.given import as_frame, as_path, size_of
from .frame.transfer import exposure
from .progress import Reporter, silent
from .schema import problem

if TYPE_CHECKING:
    from .adapt import Adapted, AdaptOptions
    from .denoise import Denoiser
    from .engines.options import EngineOptions
    from .evaluate import Evaluated, EvaluateOptions
    from .sample import Sampled, SampleOptions
    from .train import Trained, TrainOptions

MODELS_KEPT = 4  # between calls of `denoise`; each holds its weights, and a runtime
FilePath = str | os.PathLike[str]
Options = TypeVar("Options")


def read(path: FilePath, layer: str | None = None, finished: bool = False) -> Frame:
    """One picture of an EXR file, with all that can guide a denoiser: albedo, normal, depth and motion where they are there.

    Args:
        path: an EXR file.
        layer: its view layer, `LAYER.VIEW` in stereo files; None: the first.
        finished: the picture that the file shows, as of a denoised file or a reference. Else the noisy one, also where the
            renderer has put a denoised picture in its place and kept what was noisy.

    Raises:
        N2NError: the file is missing or damaged, or has no such layer.

    >>> import tempfile
    >>> import numpy as np
    >>> import n2n_render as n2n
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     n2n.write(f"{folder}/grey.exr", n2n.Frame(np.full((4, 6, 3), 0.18), depth=np.ones((4, 6, 1))))
    ...     n2n.read(f"{folder}/grey.exr")
    Frame(6×4: color, depth)
    """
    from .io.exr import ExrImage

    image = ExrImage.open(as_path(path))
    name = image.layer(layer)
    there = tuple(feature for feature in (*FEATURES, VECTOR) if image.find(name, feature))
    frame = image.frame(name, there)
    return as_frame(frame.with_channels(color=image.shown_color(name))) if finished else frame


def write(path: FilePath, image: Frame | NDArray[Any], like: FilePath | None = None, layer: str | None = None) -> None:
    """Writes an EXR file: first beside its place, read back, then moved there.

    Args:
        path: the file; folders are made.
        image: a picture (H, W, 3), or a frame.
        like: an EXR file whose picture is replaced, alpha too if the frame has it; all its other passes and attributes go
            along. None: the file holds what the frame holds, under Blender's names, in 32 bits.
        layer: the view layer of `like`; None: the first.

    Raises:
        N2NError: the file cannot be written, `like` has another size, or is the file itself.

    >>> import tempfile
    >>> import numpy as np
    >>> import n2n_render as n2n
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     n2n.write(f"{folder}/a.exr", n2n.Frame(np.ones((4, 6, 3)), albedo=np.full((4, 6, 3), 0.5)))
    ...     n2n.write(f"{folder}/b.exr", np.zeros((4, 6, 3)), like=f"{folder}/a.exr")
    ...     changed = n2n.read(f"{folder}/b.exr")
    >>> changed, float(changed.color.max()), float(changed.albedo.max())
    (Frame(6×4: color, albedo), 0.0, 0.5)
    """
    from .io.exr import ExrImage, write_frame
    from .io.sequence import OTHER_IMAGES, check_overwrites

    frame, path = as_frame(image), as_path(path)
    if path.suffix.lower() in OTHER_IMAGES:
        raise N2NError(f"{path} would be an EXR file under another kind's name", "Name it .exr.")
    if like is None:
        write_frame(path, frame)
        return
    like = as_path(like)
    check_overwrites([[like]], [path])
    file = ExrImage.open(like)
    name = file.layer(layer)
    window = file.window(name)
    if (window.height, window.width) != (frame.height, frame.width):
        raise N2NError(
            f"the picture is {frame.width}×{frame.height}, but that of {like} is {window.width}×{window.height}",
            "Write it like the file that it was read from, or leave `like` out.",
        )
    file.replace_color(name, frame.color, alpha=frame.alpha if file.find(name, ALPHA) else None)
    file.write(path)


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

    def __init__(self, name: str, denoiser: "Denoiser", how: "_How"):
        self.name = name
        self._denoiser, self._how, self._lock = denoiser, how, threading.Lock()

    def __reduce__(self) -> tuple[Callable[..., "Model"], tuple[str, "_How"]]:
        return _load, (self.name, self._how)

    def __repr__(self) -> str:
        return f"<model {self.name}, {self.runs_on}>"

    @property
    def features(self) -> tuple[str, ...]:
        """The guides that it takes besides the picture."""
        return tuple(self._denoiser.features)

    @property
    def runs_on(self) -> str:
        """The engine and the device, in words."""
        return str(self._denoiser.engine.description)

    def __call__(
        self, image: Frame | NDArray[Any], albedo: NDArray[Any] | None = None, normal: NDArray[Any] | None = None
    ) -> NDArray[np.float32]:
        """Denoises one image; see `denoise`."""
        frame = as_frame(image, albedo=albedo, normal=normal)
        lacking = [feature for feature in self.features if feature in FEATURES and feature not in frame]
        if lacking:
            raise N2NError(
                f"the model {self.name} needs {' and '.join(lacking)}, which the image does not have",
                "Pass what is missing, or another model; `n2n-render models` lists what each needs.",
            )
        with self._lock:
            return self._denoiser.denoise(frame)


def load_model(name: FilePath = "oidn", **running: Unpack[Running]) -> Model:
    """A model by its name, and what runs it, for many images.

    Args:
        name: oidn, oidn-small, oidn-large, …, as `n2n-render models` lists them; a run folder, a checkpoint, a .tza file.
        running: device, engine, precision, average, prefilter, tile_px; see `n2n_render.api.Running`.

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
    return _load(_model_name(name), _How.read(running))


def _load(name: str, how: "_How") -> Model:
    from .denoise import load_denoiser

    return Model(name, load_denoiser(name, how.engine, how.prefilter, how.average, doubt), how)


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
            raise N2NError(wrong, "help(n2n_render.api.Running) says what it means.")
        return cls(EngineOptions(**options), prefilter, average)


def _model_name(name: object) -> str:
    if not isinstance(name, (str, os.PathLike)):
        raise N2NError(
            f"a model is a name, a path or what load_model returned, not {type(name).__name__}",
            "`n2n-render models` lists the names.",
        )
    return os.fspath(name)


def denoise(
    image: Frame | NDArray[Any],
    albedo: NDArray[Any] | None = None,
    normal: NDArray[Any] | None = None,
    model: str | os.PathLike[str] | Model = "oidn",
    **running: Unpack[Running],
) -> NDArray[np.float32]:
    """A clean picture of a noisy one.

    Args:
        image: a frame, or radiance (H, W, 3) of any float type. Negative values count as 0.
        albedo: (H, W, 3) in [0, 1], if the frame has none of its own.
        normal: (H, W, 3), length at most 1, 0 where nothing was hit; the same.
        model: as of `load_model`. Of Open Image Denoise's, oidn and oidn-small take as many guides as there are.
        running: as of `load_model`, which is asked once for the same of these.

    Returns:
        (H, W, 3) float32 in the image's own scale, never negative.

    Raises:
        N2NError: the image is none of these, a guide that the model needs is missing, or nothing can run the model.

    >>> import numpy as np
    >>> import n2n_render as n2n
    >>> rng = np.random.default_rng(1)
    >>> truth = np.full((64, 64, 3), 0.5)
    >>> noisy = truth * rng.gamma(1.0, 1.0, truth.shape)
    >>> clean = n2n.denoise(noisy, model="oidn-small", device="cpu")
    >>> clean.shape, clean.dtype.name
    ((64, 64, 3), 'float32')
    >>> n2n.psnr(clean, truth) > n2n.psnr(noisy, truth) + 10
    True
    """
    frame = as_frame(image, albedo=albedo, normal=normal)
    if isinstance(model, Model):
        if running:
            raise N2NError(f"{next(iter(running))} is decided where the model is loaded", "Pass it to load_model.")
        return model(frame)
    name = _with_guides_at_hand(_model_name(model), frame)
    return _kept_model(name, _version(name), _How.read(running))(frame)


def _with_guides_at_hand(name: str, frame: Frame) -> str:
    """Open Image Denoise has weights for each set of guides; its names without one mean the best that there are."""
    if name not in ("oidn", "oidn-small") or {"albedo", "normal"} <= set(frame):
        return name
    return f"{name}-albedo" if "albedo" in frame else f"{name}-color"


def _version(name: str) -> tuple[Any, ...]:
    """Tells a file, or the folder that one is in, from another, and from what it was before it was written anew."""
    try:
        facts = os.stat(name)
    except OSError:  # a name
        return ()
    return os.path.abspath(name), facts.st_mtime_ns, facts.st_size


@functools.lru_cache(MODELS_KEPT)
def _kept_model(name: str, version: tuple[Any, ...], how: _How) -> Model:
    return _load(name, how)


def psnr(image: Frame | NDArray[Any], reference: Frame | NDArray[Any], second: Frame | NDArray[Any] | None = None) -> float:
    """How near an image is to a reference, in dB: on T(v) = (v/(1+v))^(1/2.2), after the reference's exposure.

    Args:
        image: radiance (H, W, 3), or a frame.
        reference: the same, of many samples.
        second: an independent second reference: then the references' own noise does not count against the image.

    Returns:
        Infinity for the reference itself; NaN where the error is lost in the noise of two references.

    >>> import numpy as np
    >>> import n2n_render as n2n
    >>> reference = np.full((8, 8, 3), 0.5)
    >>> round(n2n.psnr(reference * 1.1, reference), 2)
    36.03
    """
    first, other = as_frame(reference).color, as_frame(reference if second is None else second).color
    shown = as_frame(image).color
    if not shown.shape == first.shape == other.shape:
        raise N2NError(
            f"the image is {size_of(shown)} and the reference {size_of(first)}", "Compare pictures of the same size."
        )
    if second is None and np.array_equal(shown, first):
        return float("inf")
    factor = np.float32(exposure((first + other) / 2))
    return metrics.psnr(image=shown * factor, reference_a=first * factor, reference_b=other * factor)


def sample(options: "SampleOptions | None" = None, *, reporter: Reporter = silent, **values: Any) -> "Sampled":
    """Renders noisy pairs of a .blend file, in a child process; see `n2n_render.sample.SampleOptions` for all values.

    >>> import n2n_render as n2n
    >>> n2n.sample(scene="missing.blend", spp=8)
    Traceback (most recent call last):
    n2n_render.errors.N2NError: missing.blend: no such file
    Pass the path of a .blend file with --scene.
    """
    from .sample import SampleOptions
    from .sample import sample as run

    return run(_options(SampleOptions, options, values), reporter)


def train(options: "TrainOptions | None" = None, *, reporter: Reporter = silent, **values: Any) -> "Trained":
    """Trains a network on noisy pairs; see `n2n_render.train.TrainOptions` for all values.

    A loss or a corruption of your own: `n2n_render.train.train`.

    >>> import n2n_render as n2n
    >>> n2n.train(levels=9)
    Traceback (most recent call last):
    n2n_render.errors.N2NError: levels is 9, but must be from 1 to 7
    It is a setting of TrainOptions.
    """
    from .train import TrainOptions
    from .train import train as run

    return run(_options(TrainOptions, options, values), reporter)


def adapt(options: "AdaptOptions | None" = None, *, reporter: Reporter = silent, **values: Any) -> "Adapted":
    """Trains on the very frames that are to be denoised, then denoises them; see `n2n_render.adapt.AdaptOptions`.

    >>> import n2n_render as n2n
    >>> n2n.adapt(inputs=["a.exr"], output="clean", average=3)
    Traceback (most recent call last):
    n2n_render.errors.N2NError: average is 3, but must be one of 1, 2, 4, 8
    It is a setting of AdaptOptions.
    """
    from .adapt import AdaptOptions
    from .adapt import adapt as run

    return run(_options(AdaptOptions, options, values), reporter)


def evaluate(options: "EvaluateOptions | None" = None, *, reporter: Reporter = silent, **values: Any) -> "Evaluated":
    """Compares denoised frames with references; see `n2n_render.evaluate.EvaluateOptions` for all values.

    >>> import n2n_render as n2n
    >>> n2n.evaluate(data=["nowhere"], oidn=False)
    Traceback (most recent call last):
    n2n_render.errors.N2NError: nowhere: no such folder
    Make a dataset with `n2n-render sample --scene x.blend --spp 8`.
    """
    from .evaluate import EvaluateOptions
    from .evaluate import evaluate as run

    return run(_options(EvaluateOptions, options, values), reporter)


def _options(kind: type[Options], options: Options | None, values: dict[str, Any]) -> Options:
    """The options object itself, or one that is made of the values."""
    if options is None:
        try:
            return kind(**values)
        except TypeError as error:
            raise N2NError(str(error).replace(".__init__()", ""), f"help({kind.__name__}) lists what there is.") from None
    if not isinstance(options, kind):
        raise N2NError(
            f"the options are of type {type(options).__name__}, but must be {kind.__name__}", "Or pass values by their names."
        )
    if values:
        raise N2NError(f"{next(iter(values))} is given beside an options object", "Pass one of them.")
    return options

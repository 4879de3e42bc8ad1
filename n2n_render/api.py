"""What a program calls: frames and arrays in, arrays and typed results out. `import n2n_render as n2n` gives all of it.

Radiance is scene-linear, unbounded, (H, W, 3), row 0 on top. What goes wrong is an `N2NError`: one sentence and what to do.
"""

import os
from typing import TYPE_CHECKING, Any, TypeVar, Unpack

import numpy as np
from numpy.typing import NDArray

from .errors import N2NError
from .frame import metrics
from .frame.channels import ALPHA, VECTOR, guide_names
from .frame.frame import Frame
from .frame.given import as_frame, as_path, size_of
from .frame.transfer import exposure
from .loaded import ANY_GUIDES, Model, Running, model_for, model_name
from .progress import Reporter, silent

if TYPE_CHECKING:
    from .adapt import Adapted, AdaptOptions
    from .evaluate import Evaluated, EvaluatedChunk, EvaluatedImages, EvaluateOptions
    from .prepare import Prepared, PrepareOptions
    from .sample import Sampled, SampleOptions
    from .train import Trained, TrainOptions

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
    there = tuple(feature for feature in (*guide_names(), VECTOR) if image.find(name, feature))
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


def denoise(
    image: Frame | NDArray[Any],
    albedo: NDArray[Any] | None = None,
    normal: NDArray[Any] | None = None,
    model: str | os.PathLike[str] | Model = "oidn",
    strength: float | NDArray[Any] = 1.0,
    **running: Unpack[Running],
) -> NDArray[Any]:
    """A clean picture of a noisy one.

    Args:
        image: a frame, or radiance (H, W, 3) of any float type. Negative values count as 0. For a model of photographs their
            pixels, (H, W), (H, W, 1) or (H, W, 3), uint8, uint16 or float [0, 1], as files hold them; for one of slices their
            k-space, (H, W) complex, orthonormal, frequency 0 at [0, 0], 0 where nothing was measured.
        albedo: (H, W, 3) in [0, 1], if the frame has none of its own.
        normal: (H, W, 3), length at most 1, 0 where nothing was hit; the same.
        model: as of `load_model`. Of Open Image Denoise's, oidn and oidn-small take as many guides as there are.
        strength: of renders, 0 to 1, how much of the clean picture is taken: a number, or (H, W, 1), see `coverage`.
        running: as of `load_model`, which is asked once for the same of these.

    Returns:
        (H, W, 3) float32 in the image's own scale, never negative. Of photographs the shape and type of what was given; of
        slices (H, W) float32 in the unit of the k-space.

    Raises:
        N2NError: the image is none of these, a guide that the model needs is missing, the strength is of another shape or
            range, or nothing can run the model.

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
    clean = _denoise(image, albedo, normal, model, running)
    return clean if isinstance(strength, (int, float)) and strength == 1 else _softened(image, clean, strength)


def _softened(image: Frame | NDArray[Any], clean: NDArray[Any], strength: float | NDArray[Any]) -> NDArray[Any]:
    from .denoise.layers import mix

    noisy, share = as_frame(image).color, np.asarray(strength)
    if (
        share.shape not in ((), (*noisy.shape[:2], 1))
        or share.dtype.kind not in "fiu"
        or not ((share >= 0) & (share <= 1)).all()
    ):
        raise N2NError(
            f"the strength is {share.dtype} of the shape {share.shape}, but must be a number from 0 to 1, or one a pixel",
            f"Pass an array of the shape {(*noisy.shape[:2], 1)}, as n2n.coverage gives it.",
        )
    return mix(noisy, clean, share)


def _denoise(
    image: Frame | NDArray[Any],
    albedo: NDArray[Any] | None,
    normal: NDArray[Any] | None,
    model: str | os.PathLike[str] | Model,
    running: Running,
) -> NDArray[Any]:
    if not isinstance(model, Model) and model_name(model) in ANY_GUIDES:
        image = as_frame(image, albedo=albedo, normal=normal)
        return model_for(model, image, running)(image)
    return model_for(model, None, running)(image, albedo, normal)


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


def prepare(options: "PrepareOptions | None" = None, *, reporter: Reporter = silent, **values: Any) -> "Prepared":
    """Makes a dataset of images that no renderer made; see `n2n_render.prepare.PrepareOptions` for all values.

    >>> import n2n_render as n2n
    >>> n2n.prepare(inputs=["nowhere"], output="datasets/photos")
    Traceback (most recent call last):
    n2n_render.errors.N2NError: nowhere: no such file or folder
    Pass images, or folders of them.
    """
    from .prepare import PrepareOptions
    from .prepare import prepare as run

    return run(_options(PrepareOptions, options, values), reporter)


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


def evaluate(
    options: "EvaluateOptions | None" = None, *, reporter: Reporter = silent, **values: Any
) -> "Evaluated | EvaluatedChunk | EvaluatedImages":
    """Compares denoised frames with references, or, with `noise`, images with the truth; see
    `n2n_render.evaluate.EvaluateOptions` for all values.

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

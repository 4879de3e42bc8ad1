"""What a program hands over → a Frame that can be denoised, or one sentence about what is wrong with it."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import N2NError
from .channels import COLOR, Kind, find_channel, kind_of
from .frame import Frame, sanitize

MOST_NOISY = 10.0  # of a float image whose white is 1: no noise leads so far


def as_frame(image: Frame | NDArray[Any], **guides: NDArray[Any] | None) -> Frame:
    """A frame that can be denoised: every channel float32, of its kind's range, all of one size. What it shares with `image`
    is not changed.

    Raises:
        N2NError: a channel is of another shape or type, or holds what is no number.
    """
    given = dict(image) if isinstance(image, Frame) else {COLOR: image}
    given |= {name: guide for name, guide in guides.items() if guide is not None}
    channels = {name: _as_channel(name, pixels) for name, pixels in given.items()}
    size = channels[COLOR].shape[:2]
    odd = next((name for name, pixels in channels.items() if pixels.shape[:2] != size), None)
    if odd:
        raise N2NError(
            f"the image is {size_of(channels[COLOR])}, but its {odd} is {size_of(channels[odd])}", "All must have one size."
        )
    return Frame(**channels)


def as_path(given: object) -> Path:
    """Raises N2NError for what is no path."""
    if isinstance(given, (str, os.PathLike)):
        return Path(os.fspath(given))
    raise N2NError(f"a path is a text or a pathlib.Path, not {type(given).__name__}", "Pass the path of an EXR file.")


def as_pixels(given: object) -> NDArray[Any]:
    """The pixels of a photograph that can be denoised, (H, W, 1 or 3) uint8, uint16 or float [0, 1], see signal.py; (H, W) is
    grey. Raises N2NError for anything else.
    """
    if isinstance(given, (str, os.PathLike, Frame)):
        raise N2NError("a model of photographs takes their pixels, not a path or a frame", "Pass a NumPy array.")
    pixels = _as_array("the image", given)
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixels.ndim != 3 or 0 in pixels.shape or pixels.shape[-1] not in (1, 3):
        wanted = "(height, width), (height, width, 1) or (height, width, 3)"
        raise N2NError(f"the image has the shape {pixels.shape}, but must have {wanted}", _shape_hint(pixels, 3))
    if pixels.dtype.kind != "f" and pixels.dtype not in (np.uint8, np.uint16):
        raise N2NError(
            f"the image is of type {pixels.dtype}, but must be uint8, uint16 or of a float type",
            "Convert it to [0, 1].",
        )
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        wrong = int((~np.isfinite(pixels)).any(-1).sum())
        raise N2NError(f"the image holds {wrong} pixel(s) that are no finite numbers", "Replace them first: np.nan_to_num.")
    if pixels.dtype.kind == "f" and max(abs(float(pixels.min())), abs(float(pixels.max()))) > MOST_NOISY:
        raise N2NError(
            f"the image has values from {pixels.min():.3g} to {pixels.max():.3g}, but must be in [0, 1], but for its noise",
            "Divide it by what is white in it.",
        )
    return pixels


def _as_array(what: str, given: object) -> NDArray[Any]:
    try:
        return np.asarray(given)
    except (
        ValueError,
        TypeError,
        RuntimeError,
    ) as error:  # rows of several lengths; tensors on a GPU, with gradients, bfloat16
        raise N2NError(
            f"{what} cannot be read as an array: {str(error).splitlines()[0]}",
            "Pass a NumPy array of floats; of a tensor, image.detach().float().cpu().numpy().",
        ) from None


def _as_channel(name: str, given: object) -> NDArray[np.float32]:
    known = find_channel(name)
    count = known.count if known else None
    what = "the image" if name == COLOR else name
    if isinstance(given, (str, os.PathLike)):
        raise N2NError(f"{what} is a path, but must be an array or a frame", "Read it first: n2n.read(path).")
    pixels = _as_array(what, given)
    if pixels.ndim != 3 or 0 in pixels.shape or pixels.shape[-1] != (count or pixels.shape[-1]):
        wanted = f"(height, width, {count or 'channels'})"
        raise N2NError(f"{what} has the shape {pixels.shape}, but must have {wanted}", _shape_hint(pixels, count))
    if pixels.dtype.kind != "f":
        raise N2NError(
            f"{what} is of type {pixels.dtype}, but must be of a float type: scene-linear light, not codes of a display",
            "Convert 8-bit pixels with (pixels / 255) ** 2.2, or read an EXR file.",
        )
    with np.errstate(over="ignore"):
        pixels = pixels.astype(np.float32)  # a copy
    background = kind_of(name) is Kind.DISTANCE  # it is infinitely far away
    wrong = np.isnan(pixels) if background else ~np.isfinite(pixels)
    if wrong.any():
        raise N2NError(
            f"{what} holds {int(wrong.any(-1).sum())} pixel(s) that are no finite numbers",
            "Replace them first: np.nan_to_num; n2n.read fills them from their neighbours.",
        )
    return sanitize(kind_of(name), pixels)


def _shape_hint(pixels: NDArray[Any], count: int | None) -> str:
    if pixels.ndim == 3 and pixels.shape[-1] == 4 and count == 3:
        return "Leave alpha out: image[..., :3]."
    if pixels.ndim == 3 and pixels.shape[0] == count:
        return "Put the channels last: image.transpose(1, 2, 0)."
    if pixels.ndim == 2:
        return "Give it its channels: np.repeat(image[..., None], 3, axis=-1)." if count == 3 else "Pass image[..., None]."
    if pixels.ndim == 4:
        return "Pass one image at a time."
    return "Check what was passed."


def size_of(pixels: NDArray[Any]) -> str:
    """ "width×height", for a sentence."""
    return f"{pixels.shape[1]}×{pixels.shape[0]}"

"""A file's view layers → the same file with denoised pictures, whatever makes them: one way for every caller."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from ..frame.arrays import Array, Mask
from ..frame.frame import Frame
from ..io.exr import ExrImage
from ..progress import OnFraction, ignore, part
from .options import AS_DENOISED, PictureOptions
from .renders import LayerRender


class Paint(Protocol):
    """Makes the picture of one layer that has noise."""

    def __call__(self, render: LayerRender, on_fraction: OnFraction, /) -> Array:
        """Radiance (H, W, 3), in the scale of the layer's own frame."""


class CleanAlpha(Protocol):
    """What cleans the alpha of a layer; see `denoise.alpha.AlphaDenoiser`."""

    def __call__(self, frame: Frame, still: Mask | None, /) -> Array | None:
        """Alpha (H, W, 1), or None where there is nothing to clean."""


class LayerDone(Protocol):
    """Is told of each layer whose picture is in the file."""

    def __call__(self, render: LayerRender, /) -> None: ...


def denoise_layers(
    image: ExrImage,
    renders: Sequence[LayerRender],
    paint: Paint,
    clean_alpha: CleanAlpha,
    options: PictureOptions = AS_DENOISED,
    *,
    on_fraction: OnFraction = ignore,
    on_layer: LayerDone = ignore,
) -> None:
    """Replaces the pictures of these layers of `image`, in memory; everything else in it stays.

    A layer without noise, or black, is finished as it is.

    Args:
        paint: Is asked for each picture.
        on_layer: Is told of each layer when its picture is in the file.
    """
    for number, render in enumerate(renders):
        told = part(on_fraction, number, len(renders))
        if render.is_finished:
            put_layer(image, render, render.frame.color, clean_alpha, options)
            told(1.0)
        else:
            put_layer(image, render, paint(render, told), clean_alpha, options)
        on_layer(render)


def put_layer(
    image: ExrImage,
    render: LayerRender,
    color: Array,
    clean_alpha: CleanAlpha,
    options: PictureOptions = AS_DENOISED,
) -> None:
    """Puts the denoised colour (H, W, 3) of a layer into the file, and its alpha, cleaned where it is noisy.

    Pixels that several renders show alike stay as they are. Where nothing was rendered (outside a border, and transparent
    without light) nothing is put.
    """
    frame, alpha = render.frame, clean_alpha(render.frame, render.still_alpha)
    if render.still is not None:
        color = np.where(render.still[..., None], frame.color, color)
    color = mix(frame.color, color, options.strength)
    if frame.alpha is not None:
        empty = (frame.alpha == 0) & (frame.color == 0).all(-1, keepdims=True)
        if empty.any():
            color = np.where(empty, np.float32(0), color)
        alpha = frame.alpha if alpha is None else mix(frame.alpha, alpha, options.strength)
    image.replace_color(render.layer, color, frame.color if options.keep_noisy else None, alpha)


def mix(noisy: Array, denoised: Array, strength: float) -> Array:
    """strength 1: denoised as it is; 0: noisy."""
    if strength >= 1.0:
        return denoised
    mixed: Array = noisy + np.float32(strength) * (denoised - noisy)
    return mixed

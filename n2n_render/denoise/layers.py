"""A file's view layers → the same file with denoised pictures, whatever makes them: one way for every caller."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from ..errors import doubt
from ..frame.arrays import Array, Mask
from ..frame.frame import Frame
from ..io.exr import ExrImage
from ..io.light import LightPass, Role
from ..progress import OnFraction, ignore, part
from .options import AS_DENOISED, PictureOptions
from .passes import Painted
from .renders import LayerRender

LEAST_COLOR = np.float32(1e-3)  # that light is divided by
NO_PARTS = (Role.OTHER, Role.AOV)  # these may be noisy where the picture is not: a shadow on a catcher that is itself unseen


class Paint(Protocol):
    """Makes the picture of one layer that has noise."""

    def __call__(self, render: LayerRender, on_fraction: OnFraction, /) -> Painted:
        """Of the picture, and of the layer's passes of light; in the scale of the layer's own frame."""


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
            put_layer(image, render, Painted(render.frame.color), clean_alpha, options)
            told(1.0)
        else:
            put_layer(image, render, paint(render, told), clean_alpha, options)
        on_layer(render)


def put_layer(
    image: ExrImage,
    render: LayerRender,
    painted: Painted,
    clean_alpha: CleanAlpha,
    options: PictureOptions = AS_DENOISED,
) -> None:
    """Puts the denoised picture of a layer into the file, its passes of light, and its alpha, cleaned where it is noisy.

    Pixels that several renders show alike stay as they are. Where nothing was rendered (outside a border, and transparent
    without light) nothing is put.
    """
    frame, alpha = render.frame, clean_alpha(render.frame, render.still_alpha)
    strength = options.strength if render.strength is None else render.strength
    empty = None
    if frame.alpha is not None:
        empty = (frame.alpha == 0) & (frame.color == 0).all(-1, keepdims=True)
        alpha = frame.alpha if alpha is None else mix(frame.alpha, alpha, strength)

    def finish(noisy: Array, denoised: Array, still: Mask | None) -> Array:
        if still is not None:
            denoised = np.where(still[..., None], noisy, denoised)
        denoised = mix(noisy, denoised, strength)
        if empty is None or not empty.any():
            return denoised
        # Environment, a catcher's shadow and colours may be there though the picture is not.
        return np.where(empty & (noisy == 0).all(-1, keepdims=True), np.float32(0), denoised)

    color = finish(frame.color, painted.color if frame.color.any() else frame.color, render.still)
    image.replace_color(render.layer, color, frame.color if options.keep_noisy else None, alpha)
    noisy_alone = {one.channel for one in render.light if one.role in NO_PARTS}
    finished = {
        name: finish(frame[name], pixels, None if name in noisy_alone else render.still)
        for name, pixels in painted.light.items()
    }
    put_light(image, render.layer, render.light, finished)
    if options.exact_sums and frame.color.any():  # the parts of a black picture are black
        put_sum(image, render, painted.whole)


def put_light(image: ExrImage, layer: str, light: Sequence[LightPass], images: Mapping[str, Array]) -> None:
    """Puts passes of light into the file: as they are in the picture, or divided by their colours, which are put too.

    Where there is light and no colour, there is a little colour: what a compositor multiplies is the light again. A colour that
    passes which stay are divided by stays too.
    """
    put = [one for one in light if one.channel in images]
    colors = {one.color.channel: one.color for one in put if one.color}
    kept = {one.color.channel for one in image.light(layer) if one.color and one.channel not in images}
    for channel, color in colors.items():
        divided = [one for one in put if one.color and one.color.channel == channel]
        lit = np.max([images[one.channel] for one in divided], axis=0) > 0
        shown, least = images[channel], LEAST_COLOR
        if channel in kept:
            shown, least = np.nan_to_num(image.stored_light(layer, color), posinf=0, neginf=0), np.float32(0)
        image.replace_light(layer, color, np.where(lit & (shown <= least), LEAST_COLOR, shown))
        stored = image.stored_light(layer, color)  # rounded, in files of half floats
        there = lit & (stored > 0)
        for one in divided:
            image.replace_light(layer, one, np.divide(images[one.channel], stored, out=np.zeros_like(stored), where=there))
    for one in put:
        if one.color is None:
            image.replace_light(layer, one, images[one.channel])


def put_sum(image: ExrImage, render: LayerRender, channels: Sequence[str]) -> None:
    """Makes the picture the sum of passes as they are in the file, rounded as they are there; no passes: that is doubted."""
    summed = [one for one in render.light if one.channel in channels]
    if not summed:
        doubt(
            f"{image.path}: the sum is not made exact, as the passes that were denoised are not all of the picture (--passes "
            "light-groups or light-passes names all of a kind)"
        )
        return
    total = np.zeros_like(render.frame.color, np.float64)
    for one in summed:
        factor = image.stored_light(render.layer, one.color) if one.color else np.float32(1)
        total += image.stored_light(render.layer, one) * factor
    image.replace_color(render.layer, total.astype(np.float32))


def mix(noisy: Array, denoised: Array, strength: float | Array) -> Array:
    """strength 1: denoised as it is; 0: noisy. Of every pixel, or (H, W, 1)."""
    share = np.asarray(strength, np.float32)
    if (share >= 1).all():
        return denoised
    return np.where(share >= 1, denoised, noisy + share * (denoised - noisy))

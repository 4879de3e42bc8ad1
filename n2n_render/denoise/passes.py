"""The noisy passes of light of a layer → the same passes without noise, and a picture that they add up to.

Each pass is one more radiance, which the picture's own network denoises with the guides that were cleaned for the picture.
What a pass alone shows, a shadow in one light group, is easier to see there than in the picture: so the sum of the denoised
passes is a picture of its own, and the mean of all such pictures is better than each. Where passes are then off that mean, it
is shared out (frame/sums.py). docs/research/passes.md tells what else was tried.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property, reduce
from typing import Any

import numpy as np

from ..errors import doubt
from ..frame.arrays import Array, Mask
from ..frame.filters import box_mean
from ..frame.frame import Frame
from ..frame.independence import in_squares
from ..frame.sums import DARK, HOLDS, adds_up, share_out, summed, unsummed
from ..io.light import CHANNEL, LightPass, Role
from ..progress import OnFraction, ignore, part

ERROR_WINDOW_PX = 7  # over which the noise that was taken away says how wrong a pass may be
BEYOND = 0.01  # of the pixels: where parts are more than the picture in so many, they are no parts of it
SURE_PX = 15  # of a square where as rendered nothing is left over: nothing is left over of the denoised parts either
NOISE_POWER = 0.25  # of the mean square: of 0, 1/4, 1/2 and 1 the best one in two rooms: docs/research/passes.md
FLOOR = 1e-4  # of a pass's mean light
PICTURE = 1.0  # weight of the picture that was denoised as a whole …
OF_SUM = {Role.GROUP: 2.0, Role.LIGHT: 2.0}  # … and of the sum of denoised passes, in the mean of them

DenoiseRadiance = Callable[[Frame, OnFraction], Array]  # a frame with clean guides → the denoised radiance of its colour
CleanColor = Callable[[Array], Array]  # (H, W, 3), a fraction of the light → without noise


@dataclass(frozen=True)
class Painted:
    """What is put into a file for a layer.

    Attributes:
        color: Radiance (H, W, 3).
        light: Channel → (H, W, 3) or (H, W, 1) of each pass of light as it is in the picture, and of the colours that some are
            divided by in the file.
        whole: Channels of passes that are all of the picture; () where there are none. Of groups and light passes the groups.
    """

    color: Array
    light: Mapping[str, Array] = field(default_factory=dict)
    whole: Sequence[str] = ()


@dataclass(frozen=True)
class _Sum:
    """Parts that add up to the picture. noisy, denoised: of each; the last one is what no pass holds, if there is such."""

    role: Role
    channels: list[str]
    noisy: list[Array]
    denoised: list[Array]

    @property
    def total(self) -> Array:
        return summed(self.denoised).astype(np.float32)

    @property
    def is_whole(self) -> bool:
        return len(self.channels) == len(self.noisy)

    @cached_property
    def errors(self) -> list[Array]:
        with ThreadPoolExecutor() as pool:
            return list(pool.map(expected_error, self.noisy, self.denoised))

    @property
    def is_sure(self) -> Mask:
        """(H, W, 3): where there was no noise in any part."""
        sure: Mask = reduce(np.maximum, self.errors) == 0
        return sure

    def shared_out(self, picture: Array) -> dict[str, Array]:
        return dict(zip(self.channels, share_out(self.denoised, self.errors, picture), strict=False))


def light_group(name: str) -> LightPass:
    """A light group of a program's, which lies in no file."""
    return LightPass(name, Role.GROUP, (), ())


def without_light(frame: Frame) -> Frame:
    """The frame without its passes of light: they need not be in memory where only the picture is made."""
    return frame.with_channels(**{name: None for name in frame if name.startswith(CHANNEL)})


def paint_light(
    frame: Frame,
    clean: Frame,
    light: Sequence[LightPass],
    color: Array,
    denoise: DenoiseRadiance,
    clean_color: CleanColor | None = None,
    on_fraction: OnFraction = ignore,
) -> Painted:
    """Denoises the passes of light of one layer.

    Args:
        frame: As it was rendered, with the passes.
        clean: The same with the guides as the network wants them.
        color: The picture as the network denoises it.
        clean_color: What cleans the colours that passes are divided by; None: they stay.
    """
    colors = {one.color.channel: frame[one.color.channel] for one in light if one.color}
    if clean_color:
        colors = {channel: _bounded(image, clean_color) for channel, image in colors.items()}
    images = {}
    for number, one in enumerate(light):
        image = _denoised(as_denoised(frame, one), clean, denoise, part(on_fraction, number, len(light)))
        images[one.channel] = image * colors[one.color.channel] if one.color and one.smooth else image
    sums = [found for role in OF_SUM if (found := _find_sum(role, light, frame, clean, images, denoise))]
    if sums:
        color = _mean_picture(color, sums)
    for found in sums:
        images |= found.shared_out(color)
    whole = next((found.channels for found in sums if found.is_whole), [])
    return Painted(color, {**images, **colors}, whole)


def as_denoised(frame: Frame, light: LightPass) -> Array:
    """A pass of a frame as a network is shown it: smooth light without its colour."""
    noisy = frame[light.channel]
    if not (light.color and light.smooth):
        return noisy
    color = frame[light.color.channel]
    divided: Array = np.divide(noisy, color, out=np.zeros_like(noisy), where=color > 0)
    return divided


def _mean_picture(color: Array, sums: Sequence[_Sum]) -> Array:
    """Of the picture that was denoised as a whole, and of the sums. Where parts hold no noise, they are right."""
    weights = [PICTURE, *(OF_SUM[found.role] for found in sums)]
    pictures = [color, *(found.total for found in sums)]
    mean = np.zeros_like(color)
    for weight, picture in zip(weights, pictures, strict=True):
        mean += np.float32(weight / sum(weights)) * picture
    for found, total in zip(sums, pictures[1:], strict=True):
        mean = np.where(found.is_sure, total, mean)
    return mean


def _denoised(noisy: Array, clean: Frame, denoise: DenoiseRadiance, on_fraction: OnFraction = ignore) -> Array:
    """(H, W, 3) or (H, W, 1)."""
    if noisy.shape[-1] == 1:
        three = _denoised(noisy.repeat(3, -1), clean, denoise, on_fraction)
        grey: Array = three.mean(-1, keepdims=True, dtype=np.float64).astype(np.float32)
        return grey
    shown = _bounded(noisy, lambda color: denoise(clean.with_channels(color=color), on_fraction))
    if shown is noisy:  # nobody was asked
        on_fraction(1.0)
    return shown


def _bounded(noisy: Array, denoise: Callable[[Array], Array]) -> Array:
    """Without noise, and nowhere darker or brighter than it was anywhere: black stays black, ambient occlusion ends at 1."""
    low, high = _of_colors(np.min, noisy), _of_colors(np.max, noisy)
    if (low == high).all():
        return noisy
    clean: Array = np.clip(denoise(noisy), low, high)
    return clean


def _find_sum(
    role: Role,
    light: Sequence[LightPass],
    frame: Frame,
    clean: Frame,
    images: Mapping[str, Array],
    denoise: DenoiseRadiance,
) -> _Sum | None:
    """The passes of a kind, if they are parts of the picture; what they leave of it, light of no group, is one more part.

    A pass that is more than the picture all alone is none: Environment on transparent film.
    """
    named = [one.channel for one in light if one.role is role]
    channels = [channel for channel in named if _may_be_part(frame[channel], frame.color)]
    if len(channels) < 2 and len(named) > 1:
        _doubt_sum(named)
        return None
    if role is Role.GROUP and len(channels) < len(named):
        _doubt_sum([channel for channel in named if channel not in channels])
    if not channels:
        return None
    noisy, denoised = [frame[channel] for channel in channels], [images[channel] for channel in channels]
    held, rest = adds_up(noisy, frame.color), unsummed(noisy, frame.color)
    if len(channels) == 1 and not held.all():
        return None  # one alone is a sum where it is all of the picture
    if float((~held & (rest < 0).any(-1)).mean()) > BEYOND:
        _doubt_sum(channels)
        return None
    if not held.all():
        rest = np.maximum(rest, 0)
        left = np.where(in_squares(held, SURE_PX)[..., None], np.float32(0), _denoised(rest, clean, denoise))
        noisy, denoised = [*noisy, rest], [*denoised, left]
    return _Sum(role, channels, noisy, denoised)


def _doubt_sum(channels: Sequence[str]) -> None:
    names = ", ".join(channel.removeprefix(CHANNEL) for channel in channels)
    verb = "are together" if len(channels) > 1 else "is"
    doubt(f"as rendered, {names} {verb} more than the picture: no part of the sum, and denoised for itself")


def _may_be_part(noisy: Array, picture: Array) -> bool:
    if noisy.shape != picture.shape:
        return False
    above = (noisy > picture + HOLDS * np.maximum(picture, DARK)).any(-1)
    return bool(above.mean() <= BEYOND)


def expected_error(noisy: Array, denoised: Array) -> Array:
    """(H, W, 3): how wrong a pass may be, in proportion: its light, times the root of the noise that was taken away around it.

    By its noise alone the dark parts of a noisy pass would take what bright ones of another are off; by its light alone a clean
    pass would take as much as a noisy one.
    """
    noise = ((noisy - denoised) ** 2).mean(-1, keepdims=True)
    taken = np.maximum(box_mean(noise, ERROR_WINDOW_PX), 0).astype(np.float32)  # rounding may leave less than nothing
    light = denoised + np.float32(FLOOR) * _of_colors(
        np.mean, denoised
    )  # where all passes came out black, the noise alone tells
    error: Array = taken**NOISE_POWER * light
    return error


def _of_colors(ask: Callable[[Array], Any], image: Array) -> Array:
    """One number a colour: three times faster than along two axes."""
    return np.array([ask(image[..., color]) for color in range(image.shape[-1])], np.float32)

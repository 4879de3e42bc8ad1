"""A frame and its neighbours → one frame of more samples: noisy colours are averaged where the neighbours show the same.

The mean is taken *before* a denoiser sees it. Denoisers are not linear: averaging the noise away first gives more than
averaging denoised pictures, as long as the noise stays white. So each neighbour's pixels are moved by the nearest pixel,
never mixed with each other.
"""

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from .arrays import Array
from .filters import box_mean
from .frame import Frame
from .motion import nearest, same_surface, trace, warp
from .transfer import RADIANCE_MAX, encode_tonemap

RINGS = (1, 3, 8)  # neighbours up to so many frames away are taken in one after the other
PICTURES_APART = 0.06  # on T: how alike a neighbour's picture and the frame's own are where both show the same …
APART_PX = 9  # … over a window of so many pixels
FIREFLY = 16.0  # a neighbour's noisy colour is limited to so many times its picture …
FLOOR = 0.1  # … whose darkness counts as this, exposed
SAME_NOISE = 0.2  # correlation of two frames' noise
FEW_PIXELS = 256  # have a correlation by chance
BAND_ROWS = 128  # are brought over at a time: in between they take a hundred bytes a pixel and neighbour


@dataclass(frozen=True)
class Looked:
    """One frame of a window as it was rendered and denoised, in its own scale.

    Attributes:
        frame: its noisy colour, its `vector`, and clean guides as far as there are any.
        picture: (H, W, 3), what a denoiser makes of it alone.
    """

    frame: Frame
    picture: Array


@dataclass(frozen=True)
class Version:
    """The frame in the middle, seen by all its seeds or by a part of them, exposed.

    Attributes:
        color: (H, W, 3), noisy.
        picture: (H, W, 3), what a denoiser makes of it alone: neighbours that show something else count less.
        weight: how much of all samples of one frame are in it, 0 to 1.
    """

    color: Array
    picture: Array
    weight: float


def copies_noise(one: Looked, other: Looked, factor: np.float32) -> bool:
    """Whether two frames have the same noise in the same pixels, as renders of one seed have.

    factor: exposes both. What a denoiser took away is compared, without what changes slowly: of independent noise the
    correlation was 0.00 to 0.04 on five scenes, still ones too.
    """
    if one.picture[..., 0].size < FEW_PIXELS:
        return False
    first, second = (_grain(looked, factor) for looked in (one, other))
    scale = float(np.sqrt((first**2).mean() * (second**2).mean()))
    return float((first * second).mean()) > SAME_NOISE * max(scale, 1e-12)


def _grain(looked: Looked, factor: np.float32) -> Array:
    """(H, W, 3): noise on T, without what changes slowly from pixel to pixel."""
    taken: Array = encode_tonemap(looked.frame.color * factor, np) - encode_tonemap(looked.picture * factor, np)
    return taken - box_mean(taken, 3, extend=True)


def rings_of(reach: int) -> list[range]:
    """How many frames away the neighbours of each ring are."""
    ends = [min(end, reach) for end in RINGS]
    return [range(start + 1, end + 1) for start, end in zip([0, *ends], ends, strict=False) if start < end]


def bring(window: Sequence[Looked | None], factor: np.float32, versions: Sequence[Version], same_noise: bool = False) -> Array:
    """What the neighbours show of the frame in the middle: (versions, rings, H, W, 4) float32.

    Three sums of noisy colours, exposed, times weights, and the sum of the weights. A weight is the trust in the motion, times
    how alike the surfaces are, times how alike the neighbour's picture and the version's are: a reflection, a shadow or a
    lamp that flickers moves otherwise than the surface.

    Args:
        window: an odd number of consecutive frames; None where there is none.
        factor: exposes them.
        same_noise: all frames have the same noise in the same pixels, so that a pixel that did not move is no second sample.
    """
    height, width = _center(window).picture.shape[:2]
    sums = np.zeros((len(versions), len(rings_of(len(window) // 2)), height, width, 4), np.float32)

    def work(rows: slice) -> None:
        for one in _bring_band(window, factor, versions, same_noise, rows):
            for version, weight in enumerate(one.weights):
                sums[version, one.ring, rows, :, :3] += weight * one.color
                sums[version, one.ring, rows, :, 3:] += weight

    _in_bands(height, work)
    return sums


def bring_light(
    window: Sequence[Looked | None],
    factor: np.float32,
    version: Version,
    ring_weights: Sequence[Array | float],
    names: Sequence[str],
    same_noise: bool = False,
    colors: Collection[str] = (),
) -> dict[str, Array]:
    """Passes of light with those of the neighbours taken in, by the very weights that the colour was: name → (H, W, C).

    What adds up to the colour of every frame adds up to the colour that all of them gave.

    Args:
        version: The frame in the middle, by all its seeds.
        ring_weights: Of each ring, (H, W, 1) or a number.
        names: Channels that all frames of the window have.
        colors: Those of them that light was divided by: in them there are no fireflies to limit.
    """
    frame = _center(window).frame
    light = {name: frame[name].astype(np.float32) for name in names}
    count = np.full((frame.height, frame.width, 1), version.weight, np.float32)

    def work(rows: slice) -> None:
        for one in _bring_band(window, factor, [version], same_noise, rows):
            ring = ring_weights[one.ring]
            weight = one.weights[0] * (ring[rows] if isinstance(ring, np.ndarray) else np.float32(ring))
            count[rows] += weight
            for name, image in light.items():
                limit = np.float32(1) if name in colors else one.limit
                image[rows] += weight * limit * nearest(one.looked.frame[name], one.rows, one.columns)
        for image in light.values():
            image[rows] /= count[rows]

    _in_bands(frame.height, work)
    return light


@dataclass(frozen=True)
class _Brought:
    """What one neighbour shows of some rows of the frame in the middle.

    Attributes:
        rows, columns: (h, W), where in the neighbour.
        color: (h, W, 3), exposed, fireflies limited.
        limit: (h, W, 1): how much of it is left by that.
        weights: (h, W, 1), of each version.
    """

    looked: Looked
    ring: int
    rows: Array
    columns: Array
    color: Array
    limit: Array
    weights: list[Array]


def _center(window: Sequence[Looked | None]) -> Looked:
    center = window[len(window) // 2]
    assert center is not None
    return center


def _in_bands(height: int, work: Callable[[slice], None]) -> None:
    """work(rows), for some rows at a time, on all cores."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(work, [slice(start, min(height, start + BAND_ROWS)) for start in range(0, height, BAND_ROWS)]))


def _bring_band(
    window: Sequence[Looked | None], factor: np.float32, versions: Sequence[Version], same_noise: bool, inner: slice
) -> Iterator[_Brought]:
    """The rows `inner` of every neighbour, see `bring`."""
    middle, center = len(window) // 2, _center(window)
    near, height = APART_PX // 2, center.picture.shape[0]
    band = slice(max(0, inner.start - near), min(height, inner.stop + near))
    within = slice(inner.start - band.start, inner.stop - band.start)
    shown = [encode_tonemap(version.picture[band], np) for version in versions]
    for side in (-1, 1):
        way = [center]
        for distance in range(1, middle + 1):
            there = window[middle + side * distance]
            if there is None:
                break
            way.append(there)
        places = trace((looked.frame["vector"] for looked in way), side > 0, band)
        for distance, (looked, place) in enumerate(zip(way[1:], places, strict=True), 1):
            rows, columns, trust = place
            trust = trust * same_surface(center.frame, looked.frame, place, distance, band)
            if same_noise:
                trust = trust * _moved(rows, columns, band)
            noisy = np.minimum(nearest(looked.frame.color, rows, columns) * factor, RADIANCE_MAX)
            picture = warp(looked.picture, rows, columns) * factor
            color = np.minimum(noisy, FIREFLY * np.maximum(picture.max(-1, keepdims=True), FLOOR))
            ring = next(index for index, steps in enumerate(rings_of(middle)) if distance in steps)
            weights = []
            for own in shown:
                apart = box_mean(((encode_tonemap(picture, np) - own) ** 2).mean(-1), APART_PX, extend=True)
                weights.append((trust * np.exp(-apart / (2 * PICTURES_APART**2)))[within, :, None].astype(np.float32))
            limit = (color.sum(-1, keepdims=True) / np.maximum(noisy.sum(-1, keepdims=True), 1e-12))[within]
            yield _Brought(looked, ring, rows[within], columns[within], color[within], limit, weights)


def _moved(rows: Array, columns: Array, band: slice) -> Array:
    """(h, w): where a pixel of the band comes from another pixel."""
    here = np.mgrid[band, : rows.shape[1]]
    moved: Array = (np.rint(rows) != here[0]) | (np.rint(columns) != here[1])
    return moved


def take_in(version: Version, sums: Array, weights: Sequence[Array | float]) -> tuple[Array, Array]:
    """The version and so many of its rings as one noisy colour (H, W, 3), and how many frames' samples are in it (H, W, 1).

    Args:
        sums: (rings, H, W, 4), of this version.
        weights: of each ring that is taken in, (H, W, 1) or a number.
    """
    total = np.float32(version.weight) * version.color
    count: Array = np.full((*version.color.shape[:2], 1), version.weight, np.float32)
    for ring, weight in zip(sums, weights, strict=False):
        total = total + weight * ring[..., :3]
        count = count + weight * ring[..., 3:]
    return total / count, count

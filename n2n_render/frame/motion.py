"""Motion vectors: where the pixels of a frame lie in the frames before and after it, and whether the same is seen there.

Cycles' Vector pass, in pixels, y up: X, Y from a pixel to where its surface was in the frame before; -Z, -W to where it
will be in the next. Without motion blur only: with it the pass is zero (`sample` renders it separately then, for shutters
that are open around the frame's middle).
"""

from collections.abc import Iterable, Iterator

import numpy as np

from .arrays import Array
from .frame import Frame
from .transfer import encode_tonemap

STRAY_PX = 1.0  # there and back again: farther apart than this is another surface
ALBEDO_APART = 0.12  # standard deviations of Gaussians: how alike albedo …
NORMAL_APART = 0.4  # … normal …
FARTHEST = 1e9  # depth of the background, infinite in a Frame
DEPTH_APART = 0.8  # … depth (of its logarithm, for each frame between) of one surface are
Place = tuple[Array, Array, Array]  # rows, columns and trust, (h, w) each


def trace(vectors: Iterable[Array], forward: bool, band: slice = slice(None)) -> Iterator[Place]:
    """Where the pixels of the first frame lie in each further one: rows, columns (h, w), and trust (h, w) in [0, 1].

    Trust is lost where the way back leads elsewhere (the surface is hidden, or new) and out of the picture.

    Args:
        vectors: the Vector passes (H, W, 4) of the first frame, the one beside it, and so on.
        forward: whether these come later in time.
        band: rows of the first frame.
    """
    way = iter(vectors)
    here = next(way)
    height, width = here.shape[:2]
    rows, columns = (grid.astype(np.float32) for grid in np.mgrid[slice(*band.indices(height)), :width])
    trust = np.ones(rows.shape, np.float32)
    ahead = motion(here[band], forward)
    for there in way:
        rows, columns = rows + ahead[..., 0], columns + ahead[..., 1]
        vector = warp(there, rows, columns)
        stray = ((ahead + motion(vector, not forward)) ** 2).sum(-1)
        inside = (rows >= -0.5) & (rows <= height - 0.5) & (columns >= -0.5) & (columns <= width - 0.5)
        trust = trust * (np.exp(-stray / STRAY_PX**2) * inside).astype(np.float32)
        yield rows, columns, trust
        ahead = motion(vector, forward)


def follow(vectors: Iterable[Array], forward: bool) -> Place:
    """Where the pixels of the first frame lie in the last; see `trace`."""
    *_, last = trace(vectors, forward)
    return last


def motion(vector: Array, forward: bool) -> Array:
    """The Vector pass (H, W, 4) → (H, W, 2) rows and columns from each pixel to the next frame, or to the one before."""
    return np.stack([vector[..., 3], -vector[..., 2]] if forward else [-vector[..., 1], vector[..., 0]], axis=-1)


def warp(image: Array, rows: Array, columns: Array) -> Array:
    """image (H, W, C) at fractional pixel positions (h, w), bilinear; the edge goes on outside. (h, w, C) float32."""
    height, width = image.shape[:2]
    rows, columns = np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)
    top, left = rows.astype(np.intp), columns.astype(np.intp)
    bottom, right = np.minimum(top + 1, height - 1), np.minimum(left + 1, width - 1)
    down, across = (rows - top)[..., None].astype(np.float32), (columns - left)[..., None].astype(np.float32)
    above = image[top, left] * (1 - across) + image[top, right] * across
    below = image[bottom, left] * (1 - across) + image[bottom, right] * across
    warped: Array = above * (1 - down) + below * down
    return warped


def nearest(image: Array, rows: Array, columns: Array) -> Array:
    """The same by the nearest pixel: noise stays white, which is what denoisers expect of it."""
    height, width = image.shape[:2]
    taken: Array = image[
        np.clip(np.rint(rows), 0, height - 1).astype(np.intp), np.clip(np.rint(columns), 0, width - 1).astype(np.intp)
    ]
    return taken


def same_surface(center: Frame, other: Frame, place: Place, frames: int, band: slice = slice(None)) -> Array:
    """(h, w) in [0, 1]: how alike the guides of both frames are, of those that both have.

    Denoising guides follow mirrors and glass to what is seen in them.

    Args:
        place: where the center's pixels lie in the other frame.
        frames: how many frames lie between.
        band: rows of the center.
    """
    rows, columns, trust = place
    alike: Array = np.ones(trust.shape, np.float32)
    for name, apart in (("albedo", ALBEDO_APART), ("normal", NORMAL_APART)):
        if name in center and name in other:
            difference = warp(other[name], rows, columns) - center[name][band]
            alike *= np.exp(-(difference**2).sum(-1) / (2 * apart**2))
    if center.depth is not None and other.depth is not None:
        there, here = warp(np.minimum(other.depth, FARTHEST), rows, columns), center.depth[band]
        apart = (np.log(np.clip(there, 1e-6, FARTHEST)) - np.log(np.clip(here, 1e-6, FARTHEST)))[..., 0]
        alike *= np.exp(-(apart**2) / (2 * (DEPTH_APART * frames) ** 2))
    return alike


def share_noise(one: list[Frame], other: list[Frame]) -> bool:
    """Whether two frames of an animation, each with its seeds, have the same noise in the same pixels.

    Also under another seed's number: then it is the negative one. Cycles' noise depends on seed and pixel alone: with a seed
    that does not change from frame to frame, and a camera that stands still, what is learned from one frame's seed is no
    longer independent of the next's.
    """
    apart = [encode_tonemap(frames[0].color, np) - encode_tonemap(frames[1].color, np) for frames in (one, other)]
    scale = np.sqrt((apart[0] ** 2).mean() * (apart[1] ** 2).mean())
    return bool(abs((apart[0] * apart[1]).mean()) > 0.1 * max(scale, 1e-12))

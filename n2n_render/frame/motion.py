"""Motion vectors: what the frames before and after a frame show of it, brought to its own pixels.

Cycles' Vector pass, in pixels, y up: X, Y from a pixel to where its surface was in the frame before; -Z, -W to where it
will be in the next. Without motion blur only: with it the pass is zero (`sample` renders it separately then, for shutters
that are open around the frame's middle).
"""

from collections.abc import Sequence

import numpy as np

from .arrays import Array
from .channels import NEIGHBOR_CHANNELS, Layout
from .filters import box_mean
from .frame import Frame, crop
from .transfer import encode_tonemap, exposure

STRAY_PX = 1.0  # there and back again: farther apart than this is another surface
ALBEDO_APART = 0.12  # standard deviations of Gaussians: how alike albedo …
NORMAL_APART = 0.4  # … normal …
FARTHEST = 1e9  # depth of the background, infinite in a Frame
DEPTH_APART = 0.8  # … depth (of its logarithm, for each frame between) of one surface are
PICTURES_APART = 0.08  # … and on T what the frames on either side show of it: a reflection moves otherwise
AGREEMENT_PX = 5  # window over which the latter is averaged
SEEN = Layout(NEIGHBOR_CHANNELS)
# Of one neighbour: whether it lies ahead; its picture and its noisy colour (H, W, 3); trust in them (H, W).
SeenIn = tuple[bool, Array, Array, Array]
BAND_ROWS = 128  # are brought over at a time: in between they take a hundred bytes a pixel and neighbour


def neighbor_guides(window: Sequence[Frame | None], pictures: Sequence[Array | None]) -> dict[str, Array]:
    """What the neighbours show of the frame in the middle: its channels NEIGHBOR_CHANNELS, float32.

    window: an odd number of consecutive frames, clean guides and `vector` given; None before the shot's first and after its
    last. pictures: a denoised picture (H, W, 3) of each, radiance; that of the middle is not looked at, so that nothing
    here knows the noise of its colour (of that of its guides, which the weights ask, a little: docs/temporal.md).
    neighbors_picture: mean of the neighbours' pictures; neighbors_noisy: of their noisy colours, both radiance (H, W, 3);
    neighbors_weight (H, W, 1): their weight in an unweighted mean with the frame itself, 0 (nothing is seen in them) to 1.
    """
    center = window[len(window) // 2]
    assert center is not None
    factor = np.float32(exposure(center.color))
    window = [
        frame if frame is None or frame.depth is None else frame.with_channels(depth=np.minimum(frame.depth, FARTHEST))
        for frame in window
    ]
    guides = np.empty((center.height, center.width, SEEN.count), np.float32)
    near = AGREEMENT_PX // 2
    for start in range(0, center.height, BAND_ROWS):
        stop = min(center.height, start + BAND_ROWS)
        band = slice(max(0, start - near), min(center.height, stop + near))
        guides[start:stop] = _guides_of_band(window, pictures, band, factor)[start - band.start : stop - band.start]
    return SEEN.split(guides)


def _guides_of_band(window: Sequence[Frame | None], pictures: Sequence[Array | None], band: slice, factor: np.float32) -> Array:
    """The rows `band` of `neighbor_guides`."""
    middle = len(window) // 2
    whole = window[middle]
    assert whole is not None
    center = crop(whole, (band, slice(None)))
    seen: list[SeenIn] = []
    for step in [*range(-middle, 0), *range(1, middle + 1)]:
        end = middle + step
        way = [frame for frame in window[middle : end : 1 if step > 0 else -1] if frame is not None]
        other, picture = window[end], pictures[end]
        if other is None or picture is None or len(way) < abs(step):
            continue
        rows, columns, trust = follow([frame["vector"] for frame in (*way, other)], step > 0, band)
        trust *= _same_surface(center, other, rows, columns, abs(step))
        seen.append((step > 0, warp(picture, rows, columns), warp(other.color, rows, columns), trust))
    if not seen:
        return np.zeros((center.height, center.width, SEEN.count), np.float32)
    weights = _agreeing(seen, factor)
    total = sum(weights)
    means = [
        sum(weight * entry[index] for weight, entry in zip(weights, seen, strict=True)) / np.maximum(total, 1e-3)
        for index in (1, 2)
    ]
    return np.concatenate([*means, total / (1 + total)], axis=-1)


def follow(vectors: list[Array], forward: bool, band: slice = slice(None)) -> tuple[Array, Array, Array]:
    """Where the pixels of the first frame lie in the last: rows, columns (H, W), and trust (H, W) in [0, 1].

    vectors: the Vector passes (H, W, 4) of the frames on the way, first and last included. Trust is lost where the way back
    leads elsewhere (the surface is hidden, or new) and out of the picture. band: rows of the first frame, all by default.
    """
    height, width = vectors[0].shape[:2]
    rows, columns = (grid.astype(np.float32) for grid in np.mgrid[slice(*band.indices(height)), :width])
    trust = np.ones(rows.shape, np.float32)
    for index, (here, there) in enumerate(zip(vectors, vectors[1:], strict=False)):
        ahead = motion(warp(here, rows, columns) if index else here[band], forward)
        rows, columns = rows + ahead[..., 0], columns + ahead[..., 1]
        stray = ((ahead + motion(warp(there, rows, columns), not forward)) ** 2).sum(-1)
        inside = (rows >= -0.5) & (rows <= height - 0.5) & (columns >= -0.5) & (columns <= width - 0.5)
        trust *= np.exp(-stray / STRAY_PX**2) * inside
    return rows, columns, trust


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


def share_noise(one: list[Frame], other: list[Frame]) -> bool:
    """Whether two frames of an animation, each with its seeds, have the same noise in the same pixels.

    Also under another seed's number: then it is the negative one. Cycles' noise depends on seed and pixel alone: with a seed
    that does not change from frame to frame, and a camera that stands still, what is learned from one frame's seed is no
    longer independent of the next's.
    """
    apart = [encode_tonemap(frames[0].color, np) - encode_tonemap(frames[1].color, np) for frames in (one, other)]
    scale = np.sqrt((apart[0] ** 2).mean() * (apart[1] ** 2).mean())
    return bool(abs((apart[0] * apart[1]).mean()) > 0.1 * max(scale, 1e-12))


def _same_surface(center: Frame, other: Frame, rows: Array, columns: Array, frames: int) -> Array:
    """(H, W) in [0, 1]: how alike the guides are. Denoising guides follow mirrors and glass to what is seen in them."""
    alike: Array = np.ones(rows.shape, np.float32)
    for name, apart in (("albedo", ALBEDO_APART), ("normal", NORMAL_APART)):
        if name in center and name in other:
            difference = warp(other[name], rows, columns) - center[name]
            alike *= np.exp(-(difference**2).sum(-1) / (2 * apart**2))
    if center.depth is not None and other.depth is not None:
        depths = [np.log(np.clip(depth[..., 0], 1e-6, 1e9)) for depth in (warp(other.depth, rows, columns), center.depth)]
        alike *= np.exp(-((depths[0] - depths[1]) ** 2) / (2 * (DEPTH_APART * frames) ** 2))
    return alike


def _agreeing(seen: Sequence[SeenIn], factor: np.float32) -> list[Array]:
    """The trust (H, W, 1) in each neighbour, less where those on the other side of the frame show something else."""
    weights = []
    for forward, shown, _, trust in seen:
        others = [entry for entry in seen if entry[0] != forward] or [entry for entry in seen if entry[1] is not shown]
        total = sum(entry[3] for entry in others)
        if others:
            mean = sum(entry[3][..., None] * entry[1] for entry in others) / np.maximum(total, 1e-3)[..., None]
            apart = ((encode_tonemap(shown * factor, np) - encode_tonemap(mean * factor, np)) ** 2).mean(-1)
            apart = np.where(total > 0.05, box_mean(apart, AGREEMENT_PX, extend=True), 0)
            trust = trust * np.exp(-apart / (2 * PICTURES_APART**2))
        weights.append(trust[..., None].astype(np.float32))
    return weights

"""Pixels that no training on a shot sees as targets, so that its judge can ask them."""

import numpy as np

from ..frame.arrays import Mask

TILE_PX = 32  # pixels are held out of training in tiles of this size
HELD_OUT = 1 / 8  # of all tiles


def held_out_pixels(height: int, width: int) -> Mask:
    """(H, W): whole tiles, at least one.

    The same ones in all frames of a shot: where an artist renders an animation with one fixed seed and a locked camera,
    the noise is the same in all frames too, and what is held out of one must not be learned from the next.
    """
    rng = np.random.default_rng(7)
    rows, columns = -(-height // TILE_PX), -(-width // TILE_PX)
    order = rng.permutation(rows * columns)
    tiles = np.zeros(rows * columns, bool)
    tiles[order[: max(1, round(HELD_OUT * len(order)))]] = True
    return tiles.reshape(rows, columns).repeat(TILE_PX, 0).repeat(TILE_PX, 1)[:height, :width]

"""Tiles cover the image once and start on the grid."""

import numpy as np
import pytest

from n2n_render.frame import tiles


@pytest.mark.parametrize("size", [(1, 1), (32, 33), (100, 257), (256, 64)])
def test_every_pixel_belongs_to_exactly_one_tile(size):
    covered = np.zeros(size, int)
    plan = list(tiles.cut(*size, tile_px=60, overlap_px=20, alignment=32))
    for tile in plan:
        covered[tile.inner] += 1
    assert (covered == 1).all()
    assert len(plan) == -(-size[0] // 64) * -(-size[1] // 64)


def test_tiles_start_on_the_alignment_grid_and_overlap_enough():
    for tile in tiles.cut(500, 700, tile_px=128, overlap_px=40, alignment=32):
        for inner, outer, length in zip(tile.inner, tile.outer, (500, 700), strict=True):
            assert outer.start % 32 == 0
            assert inner.start - outer.start >= 40 or outer.start == 0
            assert outer.stop - inner.stop >= 40 or outer.stop == length
            assert tile.crop[0].stop - tile.crop[0].start == tile.inner[0].stop - tile.inner[0].start


@pytest.mark.parametrize(
    "start, stop, most, expected", [(0, 10, 4, (3, 7)), (0, 3, 4, (0, 3)), (80, 100, 6, (87, 93)), (5, 10, 2, (6, 8))]
)
def test_the_middle_lies_between_equal_rims(start, stop, most, expected):
    assert tiles.middle(start, stop, most) == slice(*expected)

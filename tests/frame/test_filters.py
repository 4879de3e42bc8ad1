"""Box filters: against the mean that is written out, at the edges too."""

import numpy as np
import pytest

from n2n_render.frame.filters import box_mean, box_sum, window_sums

SIZES = [(9, 12), (5, 3), (1, 7), (2, 2)]


def squares(image, size):
    """Pixel → what of the image lies in the square around it."""
    near = size // 2
    for y, x in np.ndindex(image.shape[:2]):
        yield (y, x), image[max(0, y - near) : y + near + 1, max(0, x - near) : x + near + 1]


@pytest.mark.parametrize("shape", [*SIZES, (6, 8, 3)])
@pytest.mark.parametrize("size", [1, 3, 7])
def test_a_mean_is_that_of_the_pixels_of_the_image(shape, size):
    image = np.random.default_rng(1).gamma(0.3, 3.0, shape).astype(np.float32)
    mean, (sums, counts) = box_mean(image, size), box_sum(image, size)
    for (y, x), part in squares(image, size):
        np.testing.assert_allclose(mean[y, x], part.mean((0, 1)), rtol=1e-5)
        np.testing.assert_allclose((sums / counts)[y, x], part.mean((0, 1)), rtol=1e-5)
        assert counts[y, x].item() == part.shape[0] * part.shape[1]


@pytest.mark.parametrize("shape", [*SIZES, (6, 8, 3)])
@pytest.mark.parametrize("size", [3, 5])
def test_the_edge_goes_on_outside_where_that_is_wanted(shape, size):
    image = np.random.default_rng(2).random(shape)
    near = size // 2
    padded = np.pad(image, [(near, near)] * 2 + [(0, 0)] * (image.ndim - 2), mode="edge")
    inner = box_mean(padded, size)[near : near + shape[0], near : near + shape[1]]
    np.testing.assert_allclose(box_mean(image, size, extend=True), inner)


@pytest.mark.parametrize("shape", [(6, 9), (4, 4, 3)])
@pytest.mark.parametrize("size", [1, 2, 4])
def test_sums_over_whole_squares_are_those_of_the_pixels_in_them(shape, size):
    image = np.random.default_rng(3).random(shape)
    sums = window_sums(image, size)
    assert sums.shape == (shape[0] - size + 1, shape[1] - size + 1, *shape[2:])
    for y, x in np.ndindex(sums.shape[:2]):
        np.testing.assert_allclose(sums[y, x], image[y : y + size, x : x + size].sum((0, 1)))

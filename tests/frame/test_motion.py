"""Motion vectors: where pixels lie in other frames, and where nobody can know it."""

import numpy as np
import pytest
from conftest import noisy_frame, true_frame

from n2n_render.frame.frame import Frame
from n2n_render.frame.motion import follow, nearest, share_noise, trace, warp

SIZE = (40, 56)
MARGIN = 8
INSIDE = np.s_[MARGIN:-MARGIN, MARGIN:-MARGIN]


def texture(rows, columns):
    """A smooth picture without end, (h, w, 3) in [0.1, 0.9]."""
    waves = [0.31 * rows + 0.2 * columns, 0.27 * columns - 0.1 * rows, 0.17 * rows - 0.23 * columns]
    return np.stack([0.5 + 0.4 * np.sin(wave) for wave in waves], -1).astype(np.float32)


def vectors(before, after):
    """(H, W, 4) as Cycles writes it. before, after: (rows, columns) down and to the right, to where the surface was and
    will be, of all pixels or (H, W) of each.
    """
    values = (before[1], -before[0], -after[1], after[0])
    return np.stack([np.broadcast_to(np.float32(value), SIZE) for value in values], -1)


def animation(*places):
    """Frames of a flat wall whose corner is at each of these (row, column), and their pictures."""
    grid, frames = np.mgrid[: SIZE[0], : SIZE[1]], []
    for index, place in enumerate(places):
        before, after = places[max(index - 1, 0)], places[min(index + 1, len(places) - 1)]
        wall = texture(grid[0] - place[0], grid[1] - place[1])
        frames.append(
            Frame(
                color=2 * wall,
                albedo=wall,
                normal=np.broadcast_to(np.float32([0, 0, 1]), wall.shape),
                depth=np.full((*SIZE, 1), 3, np.float32),
                vector=vectors(np.subtract(before, place), np.subtract(after, place)),
            )
        )
    return frames, [frame.color / 2 for frame in frames]


@pytest.mark.parametrize("shift", [(0, 0), (3, -2), (0.5, 0), (0, -0.5), (-1.5, 2.5)])
@pytest.mark.parametrize("forward", [True, False])
def test_a_shifted_picture_is_brought_back(shift, forward):
    """Down is down and right is right, in both directions of time."""
    frames, pictures = animation((0, 0), shift)
    (here, there), (shown, other) = (frames, pictures) if forward else (frames[::-1], pictures[::-1])
    rows, columns, trust = follow([here.vector, there.vector], forward)
    back = warp(other, rows, columns)
    assert back.dtype == np.float32 and back.shape == shown.shape
    np.testing.assert_allclose(back[INSIDE], shown[INSIDE], atol=0.01 if np.any(np.mod(shift, 1)) else 1e-5)
    np.testing.assert_allclose(trust[INSIDE], 1, atol=1e-4)
    if any(shift):
        assert np.abs(other - shown)[INSIDE].mean() > 10 * np.abs(back - shown)[INSIDE].mean()


@pytest.mark.parametrize("forward", [True, False])
def test_a_way_over_several_frames_adds_up(forward):
    """Each step is another one, so that vectors of the wrong frame or of the wrong pixels would show."""
    frames, pictures = animation((0, 0), (2, -1), (1, 2.5), (4, 3))
    if not forward:
        frames, pictures = frames[::-1], pictures[::-1]
    for last in (1, 2, 3):
        rows, columns, trust = follow([frame.vector for frame in frames[: last + 1]], forward)
        np.testing.assert_allclose(warp(pictures[last], rows, columns)[INSIDE], pictures[0][INSIDE], atol=0.01)
        np.testing.assert_allclose(trust[INSIDE], 1, atol=1e-4)


def test_a_way_asks_the_pixels_that_it_leads_to():
    """A surface that moves faster at the right: the second step is that of the place where the first one ended."""
    columns = np.broadcast_to(np.arange(SIZE[1], dtype=np.float32), SIZE)
    found = follow([vectors((0, 0), (0, columns / 20))] * 3, True)[1]  # each frame is a twentieth wider
    np.testing.assert_allclose(found[:, :40], columns[:, :40] * 1.05**2, atol=1e-3)


def test_all_places_on_the_way_are_those_of_the_way_to_each_frame():
    frames, _ = animation((0, 0), (2, -1), (1, 2.5), (4, 3))
    vectors_on_the_way = [frame.vector for frame in frames]
    for last, place in enumerate(trace(vectors_on_the_way, True), 1):
        for found, expected in zip(place, follow(vectors_on_the_way[: last + 1], True), strict=True):
            np.testing.assert_array_equal(found, expected)
    band = slice(5, 17)
    for part, whole in zip(trace(vectors_on_the_way, True, band), trace(vectors_on_the_way, True), strict=True):
        for found, expected in zip(part, whole, strict=True):
            np.testing.assert_allclose(found, expected[band], atol=1e-5)


def test_the_nearest_pixel_is_taken_as_it_is():
    image = np.arange(5 * 7, dtype=np.float32).reshape(5, 7, 1)
    rows, columns = np.float32([[0.4, 2.6, -3.0, 9.0]]), np.float32([[1.4, 2.6, 0.0, 6.2]])
    np.testing.assert_array_equal(nearest(image, rows, columns)[0, :, 0], [image[0, 1, 0], image[3, 3, 0], 0, image[4, 6, 0]])


def test_outside_of_the_picture_there_is_no_trust():
    """A wall that goes down by five pixels: the last five rows leave, and the first five were nowhere."""
    frames, _ = animation((0, 0), (5, 0))
    forward, backward = (
        follow([frame.vector for frame in frames], True)[2],
        follow([frames[1].vector, frames[0].vector], False)[2],
    )
    assert (forward[-5:] == 0).all() and (forward[:-5] > 0.999).all()
    assert (backward[:5] == 0).all() and (backward[5:] > 0.999).all()


def test_what_is_hidden_or_new_has_no_trust():
    """A square goes eight pixels to the right over a wall that stands still: where it will be, and where it was."""
    square, shift = np.zeros((2, *SIZE), bool), 8
    square[0, 10:26, 10:18] = square[1, 10:26, 10 + shift : 18 + shift] = True
    first = vectors((0, 0), (0, np.where(square[0], shift, 0)))
    second = vectors((0, np.where(square[1], -shift, 0)), (0, 0))
    forward, backward = follow([first, second], True)[2], follow([second, first], False)[2]
    assert forward[square[1]].max() < 1e-6 and backward[square[0]].max() < 1e-6
    assert forward[~square[1]].min() > 0.999 and backward[~square[0]].min() > 0.999


@pytest.mark.parametrize("size, at", [((1, 1), 0.0), ((1, 5), 3.5), ((6, 1), 0.0)])
def test_tiny_pictures_can_be_warped(size, at):
    image = np.arange(size[0] * size[1], dtype=np.float32).reshape(*size, 1)
    where = np.full((2, 3), at, np.float32)
    found = warp(image, where * 0, where)
    assert found.shape == (2, 3, 1) and np.allclose(found, at if size[1] > 1 else 0)


def seeds(truth, *noise):
    return [noisy_frame(truth, seed) for seed in noise]


def test_the_same_noise_in_two_frames_is_found():
    """Also where a part of what is seen has changed."""
    one, other = true_frame(*SIZE), true_frame(*SIZE)
    other.color[:, 20:30] *= 0.5
    assert share_noise(seeds(one, 1, 2), seeds(other, 1, 2))


def test_independent_noise_is_not_taken_for_the_same():
    for first in range(1, 40, 4):
        assert not share_noise(seeds(true_frame(*SIZE), first, first + 1), seeds(true_frame(*SIZE), first + 2, first + 3))


@pytest.mark.parametrize("later", [(2, 1), (2, 3), (3, 1)], ids=str)
def test_the_same_noise_under_another_seeds_number_is_found(later):
    """Seeds 1 and 2 in one frame, 2 and 3 in the next, as when the frame's number is the seed: noise is shared as well."""
    assert share_noise(seeds(true_frame(*SIZE), 1, 2), seeds(true_frame(*SIZE), *later))


def test_frames_without_any_noise_share_none():
    frame = true_frame(*SIZE)
    assert not share_noise([frame, frame], [frame, frame])

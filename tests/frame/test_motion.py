"""Motion vectors: neighbours come to the pixels that they show, and whatever shows another surface gets no share."""

import numpy as np
import pytest
from conftest import noisy_frame, true_frame

from n2n_render.frame.frame import Frame
from n2n_render.frame.motion import SEEN, follow, neighbor_guides, share_noise, warp

SIZE = (40, 56)
MARGIN = 8
INSIDE = np.s_[MARGIN:-MARGIN, MARGIN:-MARGIN]


def stacked_guides(frames, pictures):
    """(H, W, 7)."""
    return SEEN.stack(neighbor_guides(frames, pictures))


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


def still(count, **changes):
    """So many times the same frame; `changes` of the last one."""
    frames, pictures = animation(*[(0, 0)] * count)
    return [*frames[:-1], frames[-1].with_channels(**changes)], pictures


def share_of(frames, pictures):
    return stacked_guides(frames, pictures)[..., 6]


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


@pytest.mark.parametrize("count", [1, 2, 4])
def test_neighbors_that_show_the_same_share_as_in_a_plain_mean(count):
    """Of `count` on each side 2 count / (2 count + 1); at the end of a shot count / (count + 1)."""
    frames, pictures = still(2 * count + 1)
    found = stacked_guides(frames, pictures)
    assert found.shape == (*SIZE, 7) and found.dtype == np.float32
    np.testing.assert_allclose(found[..., 6], 2 * count / (2 * count + 1), rtol=1e-4)
    for missing in (np.s_[:count], np.s_[count + 1 :]):
        window = np.array([*frames, None], dtype=object)[:-1]
        window[missing] = None
        np.testing.assert_allclose(share_of(list(window), pictures), count / (count + 1), rtol=1e-4)


def test_pictures_and_noisy_colors_are_means_over_the_neighbors():
    """Brought to the middle's pixels: first the pictures, then the noisy colours, each with all neighbours alike."""
    frames, pictures = animation((0, 0), (1, 2), (2, 4))
    for frame, factor in zip(frames, (0.98, 5, 1.02), strict=True):
        frame.color = frame.color * np.float32(factor)
    found = stacked_guides(frames, pictures)
    np.testing.assert_allclose(found[INSIDE][..., :3], pictures[1][INSIDE], atol=1e-4)
    np.testing.assert_allclose(found[INSIDE][..., 3:6], 2 * pictures[1][INSIDE], atol=1e-3)


def test_the_middles_own_picture_is_never_looked_at():
    """So that nothing of its noise gets in: neither a picture that is broken nor none at all."""
    frames, pictures = still(3)
    expected = stacked_guides(frames, pictures)
    for picture in (np.full_like(pictures[1], np.nan), None):
        np.testing.assert_array_equal(stacked_guides(frames, [pictures[0], picture, pictures[2]]), expected)
    assert np.isfinite(expected).all()


def test_the_noise_of_the_middle_changes_the_exposure_only():
    """Other noise of the same brightness gives nearly the same guides."""
    frames, pictures = still(3)
    noisy = frames[1].with_channels(color=noisy_frame(frames[1], 3).color)
    np.testing.assert_allclose(
        stacked_guides([frames[0], noisy, frames[2]], pictures), stacked_guides(frames, pictures), atol=1e-3
    )


def test_without_any_neighbor_there_is_nothing():
    frames, pictures = still(5)
    found = stacked_guides([None, None, frames[2], None, None], [None, None, pictures[2], None, None])
    assert found.shape == (*SIZE, 7) and found.dtype == np.float32 and not found.any()


def test_no_way_leads_over_a_frame_that_is_missing():
    """Two frames on, with the one between not there: nobody knows the way."""
    frames, pictures = still(5)
    gaps = [frames[0], None, frames[2], None, frames[4]]
    assert not stacked_guides(gaps, pictures).any()
    np.testing.assert_allclose(share_of([*gaps[:3], frames[3], frames[4]], pictures), 2 / 3, rtol=1e-4)


@pytest.mark.parametrize(
    "change",
    [
        {"albedo": np.full((*SIZE, 3), 5, np.float32)},
        {"normal": np.broadcast_to(np.float32([1, 0, 0]), (*SIZE, 3))},
        {"depth": np.full((*SIZE, 1), 30, np.float32)},
        {"depth": np.full((*SIZE, 1), np.inf, np.float32)},
    ],
    ids=["albedo", "normal", "depth", "background"],
)
def test_another_surface_gets_no_share(change):
    frames, pictures = still(2, **change)
    assert share_of([None, *frames], [None, *pictures]).max() < 0.05


def test_surfaces_count_pixel_by_pixel_and_background_is_alike():
    """Half of the frame shows something else in the neighbour; the sky is as far away in both."""
    frames, pictures = still(2)
    for frame in frames:
        frame.depth[:10] = np.inf
    frames[1].normal = frames[1].normal.copy()
    frames[1].normal[:, 30:] = (1, 0, 0)
    found = share_of([None, *frames], [None, *pictures])
    np.testing.assert_allclose(found[:, :30], 0.5, rtol=1e-4)
    assert found[:, 30:].max() < 0.05


def test_a_depth_that_changes_a_little_with_each_frame_is_the_same_surface():
    frames, pictures = still(5)
    for index, frame in enumerate(frames):
        frame.depth = frame.depth * np.float32(1.03**index)
    assert share_of(frames, pictures).min() > 0.75


def test_guides_that_were_not_read_are_not_asked():
    frames, pictures = still(3)
    for frame in frames:
        frame.albedo = frame.normal = frame.depth = None
    np.testing.assert_allclose(share_of(frames, pictures), 2 / 3, rtol=1e-4)


def test_neighbors_that_disagree_get_less_share():
    """What the frame before shows is not what the frame after shows, as in a mirror; only there they lose it."""
    frames, pictures = still(3)
    pictures[0] = pictures[0].copy()
    pictures[0][:, 40:] = pictures[0][:, 40:] * 3 + 1
    found = share_of(frames, pictures)
    assert found[:, 44:].max() < 0.1
    np.testing.assert_allclose(found[:, :36], 2 / 3, rtol=1e-4)


def test_two_neighbors_on_one_side_are_compared_too():
    frames, pictures = still(3)
    pictures[2] = pictures[2] * 3 + 1
    assert share_of([None, None, *frames], [None, None, *pictures]).max() < 0.1
    pictures[2] = pictures[1]
    np.testing.assert_allclose(share_of([None, None, *frames], [None, None, *pictures]), 2 / 3, rtol=1e-4)


def test_the_brightness_of_the_scene_changes_no_share():
    frames, pictures = animation((0, 0), (1, 2), (2, 4))
    pictures[0] = pictures[0] * 1.3
    expected = stacked_guides(frames, pictures)
    for frame in frames:
        frame.color = frame.color * np.float32(1000)
    found = stacked_guides(frames, [picture * np.float32(1000) for picture in pictures])
    np.testing.assert_allclose(found[..., 6], expected[..., 6], atol=1e-4)
    np.testing.assert_allclose(found[..., :6], 1000 * expected[..., :6], rtol=1e-3, atol=1e-2)


def test_vectors_beyond_all_bounds_leave_everything_finite():
    """Half floats end at 65504, which is what a broken vector becomes."""
    frames, pictures = still(3)
    frames[1].vector = frames[1].vector.copy()
    frames[1].vector[5:9, 5:9] = 65504.0
    found = stacked_guides(frames, pictures)
    assert np.isfinite(found).all() and (found[5:9, 5:9, 6] == 0).all()


def test_it_makes_no_difference_how_many_rows_are_brought_over_at_a_time(monkeypatch):
    frames, pictures = animation((0, 0), (2.5, -1), (6, 1), (5, 5.5), (9, 8))
    pictures[1] = pictures[1] + 0.3 * (np.mgrid[: SIZE[0], : SIZE[1]][0] % 9 == 0)[..., None]  # disagrees in some rows
    found = []
    for rows in (7, 1000):
        monkeypatch.setattr("n2n_render.frame.motion.BAND_ROWS", rows)
        found.append(stacked_guides(frames, pictures))
    np.testing.assert_allclose(*found, atol=1e-6)
    assert np.ptp(found[0][..., 6]) > 0.1


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

"""Neighbours' noisy colours: brought to the pixels that they show, weighed by what they show, averaged before denoising."""

import numpy as np
import pytest
from conftest import noisy_frame

from n2n_render.frame.accumulate import FIREFLY, RINGS, Looked, Version, bring, bring_light, copies_noise, rings_of, take_in
from n2n_render.frame.frame import Frame

SIZE, ONE = (40, 56), np.float32(1)
MARGIN = 9
INSIDE = np.s_[MARGIN:-MARGIN, MARGIN:-MARGIN]


def wall_at(place):
    """A smooth picture without end, moved down and to the right by `place`: (H, W, 3) in [0.1, 0.9]."""
    grid = np.mgrid[: SIZE[0], : SIZE[1]]
    rows, columns = grid[0] - place[0], grid[1] - place[1]
    waves = [0.31 * rows + 0.2 * columns, 0.27 * columns - 0.1 * rows, 0.17 * rows - 0.23 * columns]
    return np.stack([0.5 + 0.4 * np.sin(wave) for wave in waves], -1).astype(np.float32)


def shot(*places, seed=0, noise=0.3):
    """Frames of a flat wall whose corner is at each of these places, each with its own noise, and their clean pictures."""
    rng, window = np.random.default_rng(seed), []
    for index, place in enumerate(places):
        (up, left), (down, right) = (
            np.subtract(places[other], place) for other in (max(index - 1, 0), min(index + 1, len(places) - 1))
        )
        wall = wall_at(place)
        vector = np.broadcast_to(np.float32([left, -up, -right, down]), (*SIZE, 4))
        normal = np.broadcast_to(np.float32([0, 0, 1]), wall.shape)
        color = np.maximum(wall + noise * rng.standard_normal(wall.shape), 0).astype(np.float32)
        frame = Frame(color=color, albedo=wall, normal=normal, depth=np.full((*SIZE, 1), 3, np.float32), vector=vector)
        window.append(Looked(frame, wall))
    return window


def whole_of(window):
    center = window[len(window) // 2]
    return Version(center.frame.color, center.picture, 1.0)


def taken(window, **options):
    """The middle with everything taken in, and how many frames' samples that is."""
    whole = whole_of(window)
    sums = bring(window, ONE, [whole], **options)[0]
    return take_in(whole, sums, [1.0] * len(sums))


def changed(window, index, picture=None, **channels):
    """The window with one frame changed."""
    looked = window[index]
    other = Looked(looked.frame.with_channels(**channels), looked.picture if picture is None else picture)
    return [*window[:index], other, *window[index + 1 :]]


@pytest.mark.parametrize("reach", range(1, 9))
def test_the_rings_hold_every_neighbour_once(reach):
    assert [step for ring in rings_of(reach) for step in ring] == list(range(1, reach + 1))
    assert rings_of(8)[-1] == range(RINGS[-2] + 1, 9)


def test_noise_falls_as_that_of_so_many_samples():
    """Of four moving neighbours and the frame itself: a fifth of the variance."""
    window = shot((0, 0), (1, 2), (2, 4), (3, 6), (4, 8))
    color, count = taken(window)
    np.testing.assert_allclose(count[INSIDE], 5, rtol=0.02)
    before, after = (((image - window[2].picture)[INSIDE] ** 2).mean() for image in (window[2].frame.color, color))
    assert after < before / 4.5


def test_colours_come_from_where_the_surface_was_and_are_not_mixed_with_their_neighbours():
    """Half a pixel beside each other: a pixel is one of the noisy ones, so that noise stays white."""
    window = shot((0, 0), (0, 0.4))
    window = [None, window[0], window[1]]
    sums = bring(window, ONE, [whole_of(window)])[0, 0]
    brought = sums[..., :3] / sums[..., 3:]
    np.testing.assert_allclose(brought[INSIDE], window[2].frame.color[INSIDE], atol=1e-5)


@pytest.mark.parametrize("missing", [1, 3])
def test_no_way_leads_over_a_frame_that_is_missing(missing):
    window = shot(*[(0, 0)] * 5)
    window[missing] = None
    np.testing.assert_allclose(taken(window)[1], 3, rtol=1e-3)


def test_alone_a_frame_is_what_it_was():
    window = [None, *shot((0, 0)), None]
    color, count = taken(window)
    np.testing.assert_array_equal(color, window[1].frame.color)
    assert (count == 1).all()


@pytest.mark.parametrize(
    "change",
    [
        {"albedo": np.full((*SIZE, 3), 5, np.float32)},
        {"normal": np.broadcast_to(np.float32([1, 0, 0]), (*SIZE, 3))},
        {"depth": np.full((*SIZE, 1), 30, np.float32)},
        {"depth": np.full((*SIZE, 1), np.inf, np.float32)},
        {"picture": np.full((*SIZE, 3), 5, np.float32)},
    ],
    ids=["albedo", "normal", "depth", "background", "a shadow or a lamp"],
)
def test_what_shows_something_else_brings_nothing(change):
    window = changed([None, *shot((0, 0), (0, 0))], 2, **change)
    assert taken(window)[1].max() < 1.05


def test_what_shows_something_else_in_a_part_brings_nothing_there():
    window = [None, *shot((0, 0), (0, 0))]
    picture = window[2].picture.copy()
    picture[:, 36:] += 3
    count = taken(changed(window, 2, picture=picture))[1]
    assert count[:, 42:].max() < 1.05 and count[:, :30].min() > 1.95


def test_the_brightness_of_the_scene_changes_nothing():
    """What is brought is exposed; which frames count does not depend on their scale."""
    window = [None, *shot((0, 0), (1, 2))]
    window[2] = Looked(window[2].frame, window[2].picture * np.float32(1.1))
    bright = [
        looked and Looked(looked.frame.with_channels(color=looked.frame.color * 1000), looked.picture * 1000)
        for looked in window
    ]
    np.testing.assert_allclose(
        bring(bright, np.float32(0.001), [whole_of(window)]), bring(window, ONE, [whole_of(window)]), rtol=1e-3, atol=1e-4
    )


def test_each_version_asks_its_own_picture():
    """A version whose picture is another one takes nothing in; its noise is nowhere else."""
    window = [None, *shot((0, 0), (0, 0))]
    whole = whole_of(window)
    other = Version(np.full_like(whole.color, np.nan), whole.picture + 3, 0.5)
    sums = bring(window, ONE, [whole, other])
    assert np.isfinite(sums).all() and sums[0, 0, ..., 3].min() > 0.95 and sums[1, 0, ..., 3].max() < 0.05


def test_background_is_as_far_away_in_both():
    window = shot((0, 0), (0, 0))
    for looked in window:
        looked.frame.depth[:10] = np.inf
    assert taken([None, *window])[1].min() > 1.95


def test_fireflies_of_neighbours_are_limited_by_their_picture():
    window = [None, *shot((0, 0), (0, 0))]
    color = window[2].frame.color.copy()
    color[20, 20] = 1e4
    sums = bring(changed(window, 2, color=color), ONE, [whole_of(window)])[0, 0]
    assert sums[20, 20, :3].max() <= FIREFLY * window[2].picture[20, 20].max() + 1e-3


def test_guides_that_files_do_not_have_are_not_asked():
    window = shot((0, 0), (0, 0), (0, 0))
    for looked in window:
        looked.frame.albedo = looked.frame.normal = looked.frame.depth = None
    np.testing.assert_allclose(taken(window)[1], 3, rtol=1e-3)


def test_the_same_noise_is_no_second_sample():
    """Of a still frame nothing is gained; of what moved another pixel is."""
    for place, worth in (((0, 0), 1), ((0, 3), 2)):
        window = [None, *shot((0, 0), place)]
        np.testing.assert_allclose(taken(window, same_noise=True)[1][INSIDE], worth, atol=0.02)


def test_the_same_noise_is_found_and_other_noise_is_not():
    one, other = shot((0, 0), (1, 3))
    noise = one.frame.color - one.picture
    assert not copies_noise(one, other, ONE) and not copies_noise(*shot((0, 0), (0, 0), seed=5), ONE)
    again = np.maximum(other.picture + noise, 0)
    assert copies_noise(one, Looked(other.frame.with_channels(color=again), other.picture), ONE)
    clean = Looked(one.frame.with_channels(color=one.picture), one.picture)
    assert not copies_noise(clean, clean, ONE)


def test_vectors_beyond_all_bounds_leave_everything_finite():
    """Half floats end at 65504, which is what a broken vector becomes."""
    window = shot((0, 0), (0, 0), (0, 0))
    window[1].frame.vector = window[1].frame.vector.copy()
    window[1].frame.vector[5:9, 5:9] = 65504.0
    color, count = taken(window)
    assert np.isfinite(color).all() and (count[5:9, 5:9] == 1).all()


def test_it_makes_no_difference_how_many_rows_are_brought_over_at_a_time(monkeypatch):
    window = shot((0, 0), (2.5, -1), (6, 1), (5, 5.5), (9, 8))
    rows = np.mgrid[: SIZE[0], : SIZE[1]][0]
    window = changed(window, 1, picture=window[1].picture + 0.3 * (rows % 9 == 0)[..., None])
    found = []
    for count in (7, 1000):
        monkeypatch.setattr("n2n_render.frame.accumulate.BAND_ROWS", count)
        found.append(bring(window, ONE, [whole_of(window)]))
    np.testing.assert_allclose(*found, atol=1e-4)
    assert np.ptp(found[0][..., 3]) > 0.1


def test_real_noise_of_a_frame_is_not_its_neighbours():
    """Of renders with other seeds, whose noise is no Gaussian."""
    truth = Frame(color=wall_at((0, 0)))
    looked = [Looked(noisy_frame(truth, seed), truth.color) for seed in (1, 2)]
    assert not copies_noise(*looked, ONE) and copies_noise(looked[0], looked[0], ONE)


def test_passes_of_light_take_in_what_the_colour_does():
    """Passes that add up to every frame's colour add up to what is taken in, whatever the rings count."""
    window = shot((0, 0), (1, 2), (2, 4), (3, 6), (4, 8))
    share = np.random.default_rng(3).uniform(0, 1, (5, *SIZE, 1)).astype(np.float32)
    window = [
        Looked(looked.frame.with_channels(one=part * looked.frame.color, two=(1 - part) * looked.frame.color), looked.picture)
        for looked, part in zip(window, share, strict=True)
    ]
    whole = whole_of(window)
    rings = [np.linspace(0, 1, SIZE[1], dtype=np.float32)[None, :, None] * np.ones((SIZE[0], 1, 1), np.float32), 0.25]
    weights = rings[: len(rings_of(2))]
    light = bring_light(window, ONE, whole, weights, ["one", "two"])
    color = take_in(whole, bring(window, ONE, [whole])[0], weights)[0]
    np.testing.assert_allclose(light["one"] + light["two"], color, rtol=1e-4, atol=1e-5)
    assert (window[2].frame["one"] == share[2] * window[2].frame.color).all()  # nobody's arrays are changed


def test_what_light_was_divided_by_has_no_fireflies_to_limit():
    window = [None, *shot((0, 0), (0, 0))]
    color = window[2].frame.color.copy()
    color[20, 20] = 1e4
    window = changed(window, 2, color=color)
    window = [looked and Looked(looked.frame.with_channels(paint=looked.frame.albedo), looked.picture) for looked in window]
    whole = whole_of(window)
    limited, whole_paint = (bring_light(window, ONE, whole, [1.0], ["paint"], colors=some) for some in ((), ("paint",)))
    np.testing.assert_allclose(whole_paint["paint"][20, 20], window[1].frame.albedo[20, 20], rtol=1e-4)
    assert limited["paint"][20, 20].max() < 0.6 * whole_paint["paint"][20, 20].max()

"""Pairs: independent noise, the same noise, parts of it, other pictures, and no noise at all."""

import logging

import numpy as np
import pytest
from conftest import noisy_frame, true_frame

from n2n_render.errors import N2NError
from n2n_render.frame.frame import Frame
from n2n_render.frame.independence import check_independent, compare, has_noise, look_at, noise_free

SIZE = (96, 128)


def render(seed, spread=1.0, view=0):
    return noisy_frame(true_frame(*SIZE, view), seed, spread)


def compared(one, other):
    return compare(look_at(one, "a.exr"), look_at(other, "b.exr"))


def check(*frames):
    check_independent([look_at(frame, f"{name}.exr") for name, frame in zip("abc", frames, strict=False)])


@pytest.mark.parametrize("spread", [0.03, 0.3, 1.0, 3.0])
@pytest.mark.parametrize("view", [0, 1, 2])
def test_independent_renders_are_taken(view, spread, caplog):
    with caplog.at_level(logging.WARNING):
        check(render(1, spread, view), render(2, spread, view))
        check(render(1, spread, view), render(2, spread / 3, view))  # of other sample counts
    assert not caplog.text


def changed_pixel(frame):
    color = frame.color.copy()
    color[20, 30] = 7
    return color


SAME = {
    "identical": lambda frame, other: frame.color,
    "one pixel changed": lambda frame, other: changed_pixel(frame),
    "half floats": lambda frame, other: frame.color.astype(np.float16).astype(np.float32),
    "brighter by a thousandth": lambda frame, other: frame.color * 1.001,
    "blended": lambda frame, other: (frame.color + other.color) / 2,
}


@pytest.mark.parametrize("change", SAME.values(), ids=SAME)
def test_the_same_noise_is_refused_with_the_figure(change):
    one, other = render(1), render(2)
    with pytest.raises(N2NError, match="correlation (0.[5-9]|1)"):
        check(one, Frame(change(one, other)))


def test_a_little_of_the_other_render_is_doubted(caplog):
    one, other = render(1), render(2)
    with caplog.at_level(logging.WARNING):
        check(one, Frame(0.3 * one.color + 0.7 * other.color))
    assert "may share noise" in caplog.text


def test_a_third_render_is_compared_with_all_before():
    with pytest.raises(N2NError, match="c.exr and b.exr"):
        check(render(1), render(2), render(2))


@pytest.mark.parametrize("spread", [0.3, 1.0])
def test_another_view_is_refused(spread):
    with pytest.raises(N2NError, match="do not show the same picture"):
        check(render(1, spread), render(2, spread, view=1))


def test_renders_without_noise_are_a_pair():
    drawing = np.zeros((*SIZE, 3), np.float32)
    drawing[30:60, 40:90] = 0.8
    for color in (
        np.zeros((*SIZE, 3), np.float32),
        drawing,
        np.full((*SIZE, 3), 0.3, np.float32),
        np.linspace(0, 1, SIZE[0], dtype=np.float32)[:, None, None].repeat(SIZE[1], 1).repeat(3, 2),
    ):
        check(Frame(color), Frame(color.copy()))
        assert compared(Frame(color), Frame(color)).correlation is None
        assert not has_noise([Frame(color), Frame(color.copy())])


def test_noise_beside_a_still_region_is_found_and_the_region_too():
    one, other = render(1), render(2)
    for frame in (one, other):
        frame.color[:, 64:] = 0.25
    check(one, other)
    free = noise_free([one, other])
    assert free[:, 64:].all() and not free[:, :64].any()
    with pytest.raises(N2NError, match="same noise"):
        check(one, Frame(one.color.copy()))


def test_a_single_black_pixel_is_no_region():
    one, other = render(1), render(2)
    for frame in (one, other):
        frame.color[40, 40] = 0
    assert not noise_free([one, other])[40, 40]


@pytest.mark.parametrize("place", [np.s_[:48, :64], np.s_[60:], np.s_[:, :30]], ids=["a quarter", "the bottom", "a strip"])
def test_a_part_with_the_same_noise_is_refused(place):
    """A part that was rendered again and put into both, a tile with one seed: before, it was taken to be finished."""
    one, other = render(1), render(2)
    other.color[place] = one.color[place]
    with pytest.raises(N2NError, match="same noise in about"):
        check(one, other)


def test_small_print_that_is_the_same_in_both_is_no_noise():
    rng = np.random.default_rng(3)
    one, other = render(1), render(2)
    letters = np.kron(rng.random((24, 32)) < 0.4, np.ones((2, 2)))[:48, :64].astype(np.float32)
    for frame in (one, other):
        frame.color[:48, :64] = 0.05 + 0.9 * letters[..., None]
    check(one, other)


def test_darkness_that_light_has_not_met_yet_is_not_still():
    """Few samples of a small lamp: most pixels are black in both renders, and none of them is known to be."""
    truth = true_frame(*SIZE)
    for guides in ({"albedo": np.full_like(truth.color, 0.5)}, {}):
        frames = [Frame(3 * truth.color * (np.random.default_rng(seed).random((*SIZE, 1)) < 0.02), **guides) for seed in (1, 2)]
        assert noise_free(frames).mean() < 0.01
    frames = [Frame(frame.color, albedo=np.zeros_like(truth.color)) for frame in frames]
    assert noise_free(frames).mean() > 0.3  # where nothing was hit


@pytest.mark.parametrize("spread", [0.01, 0.03])
def test_a_fine_texture_with_little_noise_is_no_pair_to_refuse(spread):
    """Grass and gravel at hundreds of samples: single pixels differ by more than the noise."""
    rng = np.random.default_rng(1)
    texture = Frame(rng.uniform(0.4, 0.6, (*SIZE, 3)).astype(np.float32))
    check(noisy_frame(texture, 1, spread), noisy_frame(texture, 2, spread))
    with pytest.raises(N2NError, match="same noise"):
        check(noisy_frame(texture, 1, spread), noisy_frame(texture, 1, spread))

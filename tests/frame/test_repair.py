"""Pixels without information are filled from their neighbours, and nothing else is touched."""

import logging

import numpy as np
import pytest
from conftest import noisy_frame, true_frame

from n2n_render.errors import N2NError
from n2n_render.frame.channels import Kind
from n2n_render.frame.repair import repair
from n2n_render.io.exr import ExrImage, read_frame, write_frame

BAD = [np.nan, np.inf, -np.inf, 1e30, -1e30]


@pytest.mark.parametrize("value", BAD)
@pytest.mark.parametrize("kind", [kind for kind in Kind if kind not in (Kind.DISTANCE, Kind.VARIANCE)])
def test_a_pixel_without_information_is_like_those_around_it(kind, value):
    pixels = np.full((9, 11, 3), 0.4, np.float32)
    pixels[4, 5, 1] = value
    assert repair(kind, pixels) == 1
    np.testing.assert_allclose(pixels, 0.4, rtol=1e-6)


@pytest.mark.parametrize("hole", [np.s_[0:1, 0:1], np.s_[10:13, 4:40], np.s_[0:40, 0:63], np.s_[5:47, :], np.s_[:, 63:]])
def test_holes_of_any_size_lie_between_the_values_around_them(hole):
    pixels = np.random.default_rng(1).uniform(1, 2, (48, 64, 3)).astype(np.float32)
    before, mask = pixels.copy(), np.zeros((48, 64), bool)
    mask[hole] = True
    pixels[mask] = np.nan
    assert repair(Kind.RADIANCE, pixels) == mask.sum()
    np.testing.assert_array_equal(pixels[~mask], before[~mask])
    assert (pixels >= 1).all() and (pixels <= 2).all()


@pytest.mark.parametrize("value", [1e5, 1e7, 9.9e9])
def test_a_lone_pixel_that_outshines_all_around_it_was_never_seen(value):
    """What is really there reaches its neighbours through the pixel filter."""
    pixels = np.full((9, 9, 3), 0.4, np.float32)
    pixels[4, 4] = value
    assert repair(Kind.RADIANCE, pixels) == 1
    np.testing.assert_allclose(pixels, 0.4, rtol=1e-6)
    pixels[4, 4], pixels[4, 5] = value, value / 50
    assert repair(Kind.RADIANCE, pixels) == 0 and pixels[4, 4, 0] == np.float32(value)


def test_fireflies_within_half_floats_are_the_renderer_s_own():
    pixels = np.full((9, 9, 3), 0.4, np.float32)
    pixels[4, 4] = 60000
    assert repair(Kind.RADIANCE, pixels) == 0


def test_a_sun_is_no_hole():
    pixels = np.ones((9, 9, 3), np.float32)
    pixels[3:6, 3:6] = 1.6e9
    assert repair(Kind.RADIANCE, pixels) == 0 and (pixels[3:6, 3:6] == np.float32(1.6e9)).all()


def test_the_depth_of_the_background_stays_infinite():
    depth = np.full((9, 9, 1), 2.0, np.float32)
    depth[:, 5:] = np.inf
    depth[4, 1], depth[4, 7] = np.nan, np.nan
    assert repair(Kind.DISTANCE, depth) == 2 and depth[4, 1] == 2.0 and np.isinf(depth[4, 7])


def test_what_was_filled_is_counted_and_said(tmp_path, caplog):
    frame = noisy_frame(true_frame(48, 64), 1)
    frame.color[5, 5:8] = np.inf
    frame.albedo[9, 9] = np.nan
    write_frame(tmp_path / "a.exr", frame)
    with caplog.at_level(logging.WARNING):
        found = read_frame(tmp_path / "a.exr", ("albedo",))
    assert "3 pixel(s) of Combined" in caplog.text and "1 pixel(s) of Denoising Albedo" in caplog.text
    assert found.color[5, 5:8].max() < 4 * found.color[3:8, 3:10].mean()  # no lamp
    assert found.color[5, 5:8].min() > 0  # no hole


def test_a_picture_without_any_number_is_an_error(tmp_path):
    frame = noisy_frame(true_frame(8, 8), 1)
    frame.color[:] = np.nan
    write_frame(tmp_path / "a.exr", frame)
    with pytest.raises(N2NError, match="no pixel holds a number"):
        read_frame(tmp_path / "a.exr")


def test_nothing_that_is_not_finite_is_written(tmp_path):
    write_frame(tmp_path / "a.exr", true_frame(8, 8))
    image = ExrImage.open(tmp_path / "a.exr")
    broken = np.ones((8, 8, 3), np.float32)
    broken[2, 2, 0] = np.nan
    with pytest.raises(N2NError, match="no numbers"):
        image.replace_color("ViewLayer", broken)
    with pytest.raises(N2NError, match="no numbers"):
        image.add_pass("ViewLayer", "Error", {"V": broken[..., 0]})

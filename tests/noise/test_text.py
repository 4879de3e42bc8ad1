"""Text: how much it covers, and what many observations say."""

import sys

import numpy as np
import pytest

from n2n_render.errors import N2NError
from n2n_render.noise import text
from n2n_render.noise.text import write_text

SIGNAL = np.random.default_rng(1).random((96, 128, 3), np.float32) - np.float32(0.5)


def written(share, seed, signal=SIGNAL):
    observation = write_text(signal, share, np.random.default_rng(seed))
    assert observation.signal.dtype == np.float32 and not observation.facts
    return observation.signal


@pytest.mark.parametrize("share", [0.0, 0.1, 0.25, 0.5, 0.75])
def test_it_covers_the_share(share):
    covered = [(written(share, seed) != SIGNAL).any(-1).mean() for seed in range(40)]
    assert np.mean(covered) == pytest.approx(share, abs=0.01)
    assert np.max(np.abs(np.subtract(covered, share))) < 0.08  # half the largest string


@pytest.mark.slow
def test_it_covers_every_place_alike():
    covered = np.mean([(written(0.25, seed) != SIGNAL).any(-1) for seed in range(300)], axis=0)
    assert covered[:8].mean() == pytest.approx(0.25, abs=0.04)
    assert covered[:, -8:].mean() == pytest.approx(0.25, abs=0.04)
    assert covered[40:56, 56:72].mean() == pytest.approx(0.25, abs=0.04)


@pytest.mark.slow
def test_the_median_of_many_observations_is_the_clean_picture_and_the_mean_is_not():
    many = np.stack([written(0.25, seed) for seed in range(200)])
    clean = np.abs(np.median(many, axis=0) - SIGNAL)
    assert np.quantile(clean, 0.99) < 0.02
    assert np.abs(many.mean(0) - SIGNAL).mean() > 5 * clean.mean()


def test_two_observations_are_independent_and_the_same_generator_makes_the_same_again():
    generator = np.random.default_rng(2)
    grey = np.zeros((128, 128, 1), np.float32)
    pairs = [[write_text(grey, 0.3, generator).signal.ravel() for _ in range(2)] for _ in range(100)]
    assert abs(np.mean([np.corrcoef(one, two)[0, 1] for one, two in pairs])) < 0.03
    assert abs(np.mean([np.corrcoef(one != 0, two != 0)[0, 1] for one, two in pairs])) < 0.03
    np.testing.assert_array_equal(written(0.3, 3), written(0.3, 3))


def test_it_writes_colours_of_the_range_on_pictures_of_any_size_and_leaves_the_picture_alone():
    for shape in ((1, 1, 3), (5, 40, 1), (300, 3, 3)):
        signal = np.zeros(shape, np.float32)
        noisy = written(0.5, 4, signal)
        assert noisy.shape == shape and np.abs(noisy).max() <= 0.5
        assert not signal.any()


def test_it_says_what_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    text._font.cache_clear()
    text._string.cache_clear()
    with pytest.raises(N2NError, match="needs Pillow"):
        written(0.5, 5)

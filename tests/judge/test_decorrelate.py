"""Parts of one render: what their noise takes back of each other's is measured and undone, and nothing else changes."""

import numpy as np
import pytest

from n2n_render.frame.filters import box_mean
from n2n_render.judge.decorrelate import correlation, decorrelate

SIZE = 128, 160
FIRST = np.s_[:, :80]  # the left half of the picture


def picture(rng):
    """Soft light with a texture of single pixels, (H, W, 3)."""
    light = box_mean(rng.random((*SIZE, 1)), 41)
    return ((0.2 + light) * rng.choice([0.3, 0.9], (*SIZE, 1))).repeat(3, -1).astype(np.float32)


def noisy_parts(truth, correlation_of_two, rng, count=2):
    """Gaussian noise of a sixteenth of the light; correlation_of_two: a number or (H, W, 1)."""
    common, own = rng.standard_normal((*SIZE, 3)), rng.standard_normal((count, *SIZE, 3))
    apart = own - own.mean(0)  # correlation -1 / (count - 1)
    apart *= (count / (count - 1)) ** 0.5
    share = (1 - np.asarray(correlation_of_two)) * (count - 1) / count
    noise = np.sqrt(share) * apart + np.sqrt(np.maximum(1 - share, 0)) * common
    return [(truth * (1 + each / 16)).astype(np.float32) for each in noise]


def pictures_of(parts, truth):
    """What a denoiser might make of each: blotches of the part's own noise, and an error that all have alike."""
    wrong = 0.02 * np.sin(np.arange(SIZE[1]) / 9)[:, None]
    return [(truth + box_mean(part - truth, 15) + wrong).astype(np.float32) for part in parts]


def measured(parts, truth, place=np.s_[:]):
    noise = [(part - truth)[place].ravel() for part in parts]
    return np.mean([np.corrcoef(one, two)[0, 1] for index, one in enumerate(noise) for two in noise[:index]])


@pytest.mark.parametrize("count", [2, 3, 4])
def test_parts_of_one_render_become_uncorrelated(count):
    rng = np.random.default_rng(count)
    truth = picture(rng)
    strong = -0.4 / (count - 1)
    parts = noisy_parts(truth, strong, rng, count)
    assert measured(parts, truth) == pytest.approx(strong, abs=0.02)
    done = decorrelate(parts, pictures_of(parts, truth))
    assert abs(measured(done, truth)) < 0.05
    assert all(part.dtype == np.float32 for part in done)


def test_their_mean_stays():
    rng = np.random.default_rng(1)
    truth = picture(rng)
    parts = noisy_parts(truth, -0.3, rng)
    np.testing.assert_allclose(
        np.mean(decorrelate(parts, pictures_of(parts, truth)), axis=0), np.mean(parts, axis=0), rtol=1e-5, atol=1e-6
    )


def test_each_region_has_its_own_correlation():
    """As where an even light meets one that is hard to find."""
    rng = np.random.default_rng(2)
    truth = picture(rng)
    there = np.zeros((*SIZE, 1))
    there[FIRST] = -0.4
    parts = noisy_parts(truth, there, rng)
    found = correlation(parts, pictures_of(parts, truth))[..., 0]
    assert found[:, :50].mean() == pytest.approx(-0.4, abs=0.06)
    assert -0.05 < found[:, 110:].mean() <= 0
    done = decorrelate(parts, pictures_of(parts, truth))
    assert abs(measured(done, truth, np.s_[:, :50])) < 0.11 and abs(measured(done, truth, np.s_[:, 100:])) < 0.05


def test_independent_renders_stay_nearly_as_they_are():
    rng = np.random.default_rng(3)
    truth = picture(rng)
    parts = noisy_parts(truth, 0.0, rng)
    done = decorrelate(parts, pictures_of(parts, truth))
    moved = np.sqrt(np.mean((done[0] - parts[0]) ** 2) / np.mean((parts[0] - parts[1]) ** 2))
    assert moved < 0.02
    assert abs(measured(done, truth)) < 0.03


def test_renders_that_have_noise_in_common_are_not_made_worse():
    """A correlation above 0 is no part's: it is left."""
    rng = np.random.default_rng(4)
    truth = picture(rng)
    parts = noisy_parts(truth, 0.3, rng)
    assert correlation(parts, pictures_of(parts, truth)).min() > -0.02


def test_fireflies_stay_in_their_part():
    """No other part takes them back, so that they must not get into it: it is a target."""
    rng = np.random.default_rng(5)
    truth = picture(rng)
    parts = noisy_parts(truth, -0.5, rng)
    parts[0][60, 70] += 500
    one, two = decorrelate(parts, pictures_of(parts, truth))
    assert one[60, 70].min() > 497 and two[60, 70].max() < 3


def test_what_is_equal_stays_equal():
    """A black frame, and a sky behind it."""
    black = [np.zeros((*SIZE, 3), np.float32)] * 2
    assert not np.any(decorrelate(black, black))
    rng = np.random.default_rng(6)
    truth = picture(rng)
    parts = noisy_parts(truth, -0.3, rng)
    for part in parts:
        part[:40] = truth[:40]
    done = decorrelate(parts, pictures_of(parts, truth))
    assert np.array_equal(done[0][:40], done[1][:40])


def test_two_stay_within_their_range():
    rng = np.random.default_rng(7)
    truth = picture(rng)
    parts = [np.maximum(part, 0) for part in noisy_parts(truth, -0.8, rng)]
    done = np.stack(decorrelate(parts, pictures_of(parts, truth)))
    low, high = np.min(parts, axis=0), np.max(parts, axis=0)
    assert (done >= low - 1e-5).all() and (done <= high + 1e-5).all() and done.min() >= 0

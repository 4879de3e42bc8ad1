"""Every corruption against its formula: mean, variance, independence."""

import numpy as np
import pytest

from n2n_render.noise.photographic import add_brown, add_gaussian, count_photons, drop_pixels, replace_pixels

FLAT = np.full((200, 200, 3), 0.2, np.float32)
RANDOM = {
    "gaussian": (add_gaussian, 25.0),
    "brown": (add_brown, 25.0),
    "poisson": (count_photons, 30.0),
    "bernoulli": (drop_pixels, 0.5),
    "impulse": (replace_pixels, 0.7),
}


def correlation(one, other):
    return np.corrcoef(one.ravel(), other.ravel())[0, 1]


@pytest.mark.parametrize("add, strength", RANDOM.values(), ids=RANDOM)
def test_two_observations_share_nothing_but_the_signal_and_the_same_generator_makes_the_same_again(add, strength):
    generator = np.random.default_rng(1)
    one, two = (add(FLAT, strength, generator).signal - FLAT for _ in range(2))
    again = add(FLAT, strength, np.random.default_rng(1)).signal - FLAT
    assert one.dtype == np.float32 and one.shape == FLAT.shape
    assert abs(correlation(one, two)) < 0.03
    np.testing.assert_array_equal(again, one)


@pytest.mark.parametrize("add", [add_gaussian, add_brown])
@pytest.mark.parametrize("level", [-0.5, 0.5])
def test_gaussian_noise_has_its_mean_and_variance_and_is_clipped_nowhere(add, level):
    signal = np.full((300, 300, 3), level, np.float32)
    noise = add(signal, 25.0, np.random.default_rng(2)).signal - signal
    assert noise.mean() == pytest.approx(0, abs=0.004)
    assert noise.std() == pytest.approx(25 / 255, rel=0.03)
    assert abs(correlation(noise[..., 0], noise[..., 1])) < 0.03


@pytest.mark.slow
def test_only_brown_noise_is_shared_by_neighbours_up_to_the_edges():
    signal = np.zeros((300, 300, 1), np.float32)
    brown, white = (add(signal, 25.0, np.random.default_rng(3)).signal for add in (add_brown, add_gaussian))
    assert correlation(brown[1:], brown[:-1]) == pytest.approx(np.exp(-1 / (4 * 1.5**2)), abs=0.03)
    assert abs(correlation(white[1:], white[:-1])) < 0.02
    many = np.stack([add_brown(signal[:9, :9], 25.0, np.random.default_rng(seed)).signal for seed in range(2000)])
    np.testing.assert_allclose(many.std(0), 25 / 255, rtol=0.1)


@pytest.mark.parametrize("events", [0.001, 3.0, 50.0])
def test_poisson_noise_has_the_signal_as_its_mean_and_a_variance_that_grows_with_it(events):
    signal = np.linspace(-0.5, 0.5, 5, dtype=np.float32)[:, None, None] * np.ones((1, 400_000, 1), np.float32)
    noisy = count_photons(signal, events, np.random.default_rng(4)).signal.astype(np.float64)
    variance = (signal[:, 0, 0] + 0.5) / events
    np.testing.assert_allclose(noisy.mean((1, 2)), signal[:, 0, 0], atol=5 * np.sqrt(variance.max() / 400_000) + 1e-6)
    np.testing.assert_allclose(noisy.var((1, 2)), variance, rtol=0.3 if events < 1 else 0.02)


def test_poisson_noise_without_light_is_that_of_very_little_light():
    one, other = (count_photons(FLAT, events, np.random.default_rng(5)).signal for events in (0.0, 0.001))
    assert np.isfinite(one).all()
    np.testing.assert_array_equal(one, other)
    assert (count_photons(FLAT - 2, 30.0, np.random.default_rng(5)).signal == -0.5).all()


def test_missing_pixels_are_black_and_known_and_the_others_exact():
    observation = drop_pixels(FLAT, 0.3, np.random.default_rng(6))
    measured = observation.facts["measured"]
    assert measured.shape == (200, 200, 1) and measured.dtype == np.float32
    assert measured.mean() == pytest.approx(0.7, abs=0.01)
    np.testing.assert_array_equal(observation.signal, np.where(measured == 1, FLAT, np.float32(-0.5)))
    np.testing.assert_array_equal(drop_pixels(FLAT, 0.0, np.random.default_rng(6)).signal, FLAT)


def test_impulses_are_even_colours_and_the_most_frequent_value_stays():
    noisy = replace_pixels(FLAT, 0.7, np.random.default_rng(7)).signal
    replaced = (noisy != FLAT).any(-1)
    assert replaced.mean() == pytest.approx(0.7, abs=0.01)
    assert (noisy != FLAT).all(-1)[replaced].mean() > 0.999  # a pixel's channels together
    colors = noisy[replaced]
    np.testing.assert_allclose(colors.mean(0), 0, atol=0.01)
    np.testing.assert_allclose(colors.var(0), 1 / 12, rtol=0.03)
    assert colors.min() >= -0.5 and colors.max() <= 0.5
    assert abs(correlation(colors[:, 0], colors[:, 1])) < 0.03
    values, counts = np.unique(noisy[..., 0], return_counts=True)
    assert values[counts.argmax()] == FLAT[0, 0, 0]

"""k-space: what is measured, what it says in the mean, and that it is put back exactly."""

import numpy as np
import pytest
import torch

from n2n_render.errors import N2NError
from n2n_render.noise.kspace import put_back, sampling_probability, undersample, zero_filled

SIZES = [(15, 15), (16, 16), (15, 16), (32, 20)]


def slice_of(size):
    """A grey image with the black background of a slice."""
    signal = np.full((*size, 1), -0.5, np.float32)
    signal[3:-3, 3:-3] = np.random.default_rng(1).random((size[0] - 6, size[1] - 6, 1)) - 0.5
    return signal


def negated(values):
    """What is at -k, by the definition: index -i modulo the size."""
    rows, columns = (-np.arange(length) % length for length in values.shape[:2])
    return values[rows][:, columns]


@pytest.mark.parametrize("size", [*SIZES, (255, 255), (181, 217)])
@pytest.mark.parametrize("fraction", [0.1, 0.4, 1.0])
def test_the_probability_has_its_mean_falls_with_the_frequency_and_is_1_at_frequency_0(size, fraction):
    probability = sampling_probability(*size, fraction)
    assert probability.mean() == pytest.approx(fraction, rel=1e-9)
    assert probability[0, 0] == 1 and probability.max() == 1
    np.testing.assert_allclose(probability, negated(probability), rtol=1e-12)
    if fraction < 1:
        assert (np.diff(probability[0, : size[1] // 2 + 1]) < 0).all()
        distance = np.hypot(np.fft.fftfreq(size[0])[:, None], np.fft.fftfreq(size[1])[None])
        rate = -np.log(probability[0, 1]) * size[1]
        np.testing.assert_allclose(probability, np.exp(-rate * distance), rtol=1e-9)


def test_the_probability_at_the_edge_is_about_the_papers():
    assert sampling_probability(255, 255, 0.1)[0, 127] == pytest.approx(0.0226, abs=0.0001)


@pytest.mark.parametrize("fraction", [0.0, 1 / 256, 1.01, np.nan, -1.0])
def test_a_fraction_that_cannot_be_is_refused(fraction):
    with pytest.raises(N2NError, match="16 × 16"):
        sampling_probability(16, 16, fraction)


@pytest.mark.parametrize("size", SIZES)
def test_the_mask_is_hermitian_and_keeps_the_fraction_and_the_spectrum_holds_what_was_measured(size):
    signal, generator = slice_of(size), np.random.default_rng(2)
    transform = np.fft.fft2(signal[..., 0], norm="ortho")
    kept = []
    for _ in range(300):
        facts = undersample(signal, 0.3, generator).facts
        measured, spectrum = facts["measured"], facts["spectrum"]
        assert measured.shape == (*size, 1) and spectrum.shape == (*size, 2)
        assert measured.dtype == spectrum.dtype == np.float32
        np.testing.assert_array_equal(measured, negated(measured))
        assert measured[0, 0, 0] == 1
        np.testing.assert_allclose(spectrum[..., 0] + 1j * spectrum[..., 1], measured[..., 0] * transform, atol=1e-6)
        kept.append(measured)
    assert np.mean(kept) == pytest.approx(0.3, abs=0.015)
    np.testing.assert_allclose(np.mean(kept, axis=0)[..., 0], sampling_probability(*size, 0.3), atol=0.12)


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
def test_the_zero_filled_image_is_real_and_its_mean_over_masks_is_the_image(size):
    signal, generator, probability = slice_of(size), np.random.default_rng(3), sampling_probability(*size, 0.3)
    images = []
    for _ in range(3000):
        observation = undersample(signal, 0.3, generator)
        images.append(observation.signal)
    spectrum = observation.facts["spectrum"]
    weighted = (spectrum[..., 0] + 1j * spectrum[..., 1]) / probability
    assert np.abs(np.fft.ifft2(weighted).imag).max() < 1e-6
    np.testing.assert_array_equal(zero_filled(spectrum, observation.facts["measured"], probability), observation.signal)
    spread = np.std(images, axis=0) / np.sqrt(len(images))
    assert np.abs((np.mean(images, axis=0) - signal) / spread).max() < 5
    assert observation.signal.mean() == pytest.approx(signal.mean(), abs=1e-6)  # frequency 0 is exact


def test_two_observations_are_independent_and_the_same_generator_makes_the_same_again():
    signal, generator = slice_of((64, 64)), np.random.default_rng(4)
    one, two = (undersample(signal, 0.1, generator) for _ in range(2))
    again = undersample(signal, 0.1, np.random.default_rng(4))
    assert abs(np.corrcoef((one.signal - signal).ravel(), (two.signal - signal).ravel())[0, 1]) < 0.1
    np.testing.assert_array_equal(again.signal, one.signal)
    np.testing.assert_array_equal(again.facts["spectrum"], one.facts["spectrum"])


def test_all_frequencies_are_the_image():
    signal = slice_of((16, 15))
    np.testing.assert_allclose(undersample(signal, 1.0, np.random.default_rng(5)).signal, signal, atol=1e-6)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("xp", [np, torch], ids=["numpy", "torch"])
def test_what_was_measured_is_put_back_exactly_and_the_rest_stays(size, xp):
    facts = undersample(slice_of(size), 0.3, np.random.default_rng(6)).facts
    guess = np.random.default_rng(7).random((*size, 1), np.float32)
    if xp is np:
        result = put_back(guess, facts["spectrum"], facts["measured"], np)
    else:
        tensors = [torch.from_numpy(array).permute(2, 0, 1)[None] for array in (guess, facts["spectrum"], facts["measured"])]
        result = put_back(*tensors, torch)[0].permute(1, 2, 0).numpy()
    assert result.shape == guess.shape
    after, before = (np.fft.fft2(image[..., 0].astype(np.float64), norm="ortho") for image in (result, guess))
    wanted = np.where(facts["measured"][..., 0] == 1, facts["spectrum"][..., 0] + 1j * facts["spectrum"][..., 1], before)
    np.testing.assert_allclose(after, wanted, atol=3e-6)

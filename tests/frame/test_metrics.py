"""Metrics against values worked out by hand, and against a known truth."""
import numpy as np
import pytest

from n2n_render.frame import metrics

RNG = np.random.default_rng(2)
TRUTH = RNG.uniform(0.1, 2.0, (64, 64, 3)).astype(np.float32)


def test_two_reference_halves_measure_the_true_error():
    """The references' own noise is far larger than the image's error, and yet cancels."""
    truth = np.tile(TRUTH, (8, 8, 1))
    image = truth + 0.05
    halves = [truth + RNG.normal(0, 0.2, truth.shape) for _ in range(2)]
    measured = metrics.squared_error(image=image, reference_a=halves[0], reference_b=halves[1]).mean()
    assert measured == pytest.approx(0.05 ** 2, rel=0.1)
    naive = metrics.squared_error(image=image, reference_a=halves[0], reference_b=halves[0]).mean()
    assert naive > 10 * measured


def test_relmse_and_smape_by_hand():
    image, reference = np.full((2, 2, 3), 3.0), np.full((2, 2, 3), 1.0)
    assert metrics.relmse(image=image, reference_a=reference, reference_b=reference) == pytest.approx(4 / 1.01)
    assert metrics.smape(image=image, reference=reference) == pytest.approx(2 / 4.01)


def test_psnr_by_hand():
    """T(1) = 0.5^(1/2.2); black against it."""
    halves = {"reference_a": np.ones((4, 4, 3)), "reference_b": np.ones((4, 4, 3))}
    assert metrics.psnr(image=np.zeros((4, 4, 3)), **halves) == pytest.approx(-10 * np.log10(0.5 ** (2 / 2.2)))


def test_perfect_images_score_best():
    assert metrics.ssim(image=TRUTH, reference=TRUTH) == pytest.approx(1.0)
    assert metrics.flip(image=TRUTH, reference=TRUTH)[0] == pytest.approx(0.0, abs=1e-6)


def test_flip_grows_with_the_error_and_its_map_fits_the_image():
    error, error_map = metrics.flip(image=TRUTH * 1.5, reference=TRUTH)
    assert error_map.shape == TRUTH.shape[:2] and error > metrics.flip(image=TRUTH * 1.1, reference=TRUTH)[0] > 0
    assert metrics.ssim(image=TRUTH[::-1], reference=TRUTH) < 0.5

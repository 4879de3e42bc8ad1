"""Metrics against values worked out by hand, and against a known truth."""

import numpy as np
import pytest

from n2n_render.frame import metrics
from n2n_render.frame.metrics import change_error

RNG = np.random.default_rng(2)
TRUTH = RNG.uniform(0.1, 2.0, (64, 64, 3)).astype(np.float32)


def test_two_reference_halves_measure_the_true_error():
    """The references' own noise is far larger than the image's error, and yet cancels."""
    truth = np.tile(TRUTH, (8, 8, 1))
    image = truth + 0.05
    halves = [truth + RNG.normal(0, 0.2, truth.shape) for _ in range(2)]
    measured = metrics.squared_error(image=image, reference_a=halves[0], reference_b=halves[1]).mean()
    assert measured == pytest.approx(0.05**2, rel=0.1)
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


def _standing_still(*pictures):
    still = np.zeros((32, 40, 4), np.float32)
    return {"images": pictures, "vectors": (still, still)}


def test_a_constant_error_does_not_flicker_and_a_changing_one_does():
    truth = np.random.default_rng(1).uniform(0.2, 1, (32, 40, 3)).astype(np.float32)
    references = {"references_a": (truth, truth), "references_b": (truth, truth)}
    assert change_error(**_standing_still(truth, truth), **references) == pytest.approx(0, abs=1e-9)
    assert change_error(**_standing_still(truth * 1.2, truth * 1.2), **references) == pytest.approx(0, abs=1e-9)
    assert change_error(**_standing_still(truth * 1.1, truth * 0.9), **references) > 1e-4


def test_what_moves_is_compared_where_it_went():
    wide = np.random.default_rng(2).uniform(0.2, 1, (32, 44, 3)).astype(np.float32)
    first, second = wide[:, :40], wide[:, 4:]  # the camera moves right: everything moves 4 pixels left
    vector = np.zeros((32, 40, 4), np.float32)
    vector[..., 0], vector[..., 2] = 4, 4  # before: 4 to the right; next: -4
    both = {"references_a": (first, second), "references_b": (first, second), "vectors": (vector, vector)}
    assert change_error(images=(first, second), **both) == pytest.approx(0, abs=1e-9)
    brighter = change_error(images=(first, second * 1.1), **both)
    still = change_error(images=(first, second * 1.1), **{**both, "vectors": (0 * vector, 0 * vector)})
    assert brighter > 1e-4 and still == pytest.approx(brighter, rel=0.5)
    assert change_error(images=(first, first), **both) > 10 * brighter

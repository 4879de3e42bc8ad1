"""Judging pictures by independent noisy renders: on synthetic pictures, whose errors are known."""

import numpy as np
import pytest

from n2n_render.frame.transfer import encode_tonemap, tonemap_slope
from n2n_render.judge import blend, error, evidence

SIZE = (96, 320)
BIAS = 0.1


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def truth(size=SIZE):
    """A smooth texture between 0.2 and 0.8."""
    y, x = np.mgrid[: size[0], : size[1]]
    return (0.5 + 0.3 * np.sin(0.07 * x + 0.05 * y))[..., None].repeat(3, -1).astype(np.float32)


def noisy(image, spread, rng):
    return image + rng.normal(0, spread, image.shape).astype(np.float32)


def evidence_of(start, other, rng, held_out=True, spread=0.3):
    """Without a curve: what counts is plain squared error."""
    size = start.shape[:2]
    return evidence.find_evidence(other - start, noisy(truth(size), spread, rng) - start, np.full(size, held_out))


@pytest.mark.parametrize("reach, best", [(1.0, 1.0), (2.0, 0.5), (4.0, 0.25), (0.5, 1.0), (-1.0, 0.0)])
def test_the_best_weight_of_the_way_is_found(rng, reach, best):
    """`other` lies `reach` times as far from the start as the truth does, or on the wrong side."""
    start = truth() + BIAS
    weight = evidence.best_weight(evidence_of(start, start + reach * (truth() - start), rng), caution=0.0)
    assert weight == pytest.approx(best, abs=0.05)


def test_caution_stays_nearer_to_the_start(rng):
    start = truth() + BIAS
    found = evidence_of(start, start + 2 * (truth() - start), rng)
    weights = [evidence.best_weight(found, caution) for caution in (0.0, 1.0, 5.0, 1000.0)]
    assert weights[0] > weights[1] > weights[2] > weights[3] == 0.0


def test_a_step_that_only_noise_speaks_for_is_hardly_ever_taken(rng):
    """Steps that are unrelated to the truth, from a start that is right already."""
    small = truth((32, 64))
    weights = [evidence.best_weight(evidence_of(small, noisy(small, 0.02, rng), rng)) for _ in range(40)]
    assert np.mean(weights) < 0.15


def test_only_held_out_pixels_are_asked(rng):
    start, other, render = truth() + BIAS, truth(), noisy(truth(), 0.3, rng)
    held_out = rng.random(SIZE) < 0.2
    found = evidence.find_evidence(other - start, render - start, held_out)
    render[~held_out], other[~held_out] = 1e6, -1e6
    again = evidence.find_evidence(other - start, render - start, held_out)
    for name in ("gain", "reach", "noise"):
        np.testing.assert_array_equal(getattr(again, name), getattr(found, name))
        assert getattr(found, name).sum() > 0


@pytest.mark.parametrize("usual", [0.0, 0.37, 1.0])
def test_without_evidence_the_usual_weight_is_taken(rng, usual):
    start = truth() + BIAS
    weight = evidence.weight_map(evidence_of(start, truth(), rng, held_out=False), usual, 0.3, SIZE)
    assert weight.shape == (*SIZE, 1)
    np.testing.assert_allclose(weight, usual, atol=1e-6)


def test_far_from_all_evidence_the_usual_weight_is_taken(rng):
    start, held_out = truth() + BIAS, np.zeros(SIZE, bool)
    held_out[:, :64] = True
    render = noisy(truth(), 0.3, rng)
    weight = evidence.weight_map(evidence.find_evidence(truth() - start, render - start, held_out), 0.3, 0.3, SIZE)
    assert weight[:, :48].min() > 0.8
    np.testing.assert_allclose(weight[:, 176:], 0.3, atol=1e-6)


@pytest.mark.parametrize("size", [SIZE, (90, 301)])
def test_the_weight_follows_the_place_smoothly(rng, size):
    """On the left the other picture is the truth, on the right it is as much worse."""
    start = truth(size) + BIAS
    other = truth(size)
    other[:, size[1] // 2 :] += 2 * BIAS
    weight = evidence.weight_map(evidence_of(start, other, rng), 0.5, evidence.WEIGHT_SPREAD, size)[..., 0]
    assert weight.shape == size and weight.min() >= 0 and weight.max() <= 1
    assert weight[:, : size[1] // 4].min() > 0.85 and weight[:, -size[1] // 4 :].max() < 0.15
    for axis in (0, 1):
        assert np.abs(np.diff(weight, axis=axis)).max() <= 1 / evidence.CELL_PX


def test_weak_evidence_moves_the_weight_only_a_little(rng):
    """A step far below the noise, over little space: nearly what is usual."""
    small = truth((32, 32))
    weight = evidence.weight_map(evidence_of(small, small + 0.003, rng, spread=0.5), 0.5, 0.3, (32, 32))
    np.testing.assert_allclose(weight, 0.5, atol=0.1)


def noise_weight(halves, bias, held_out):
    """How much of the mean of two halves is taken, where all pictures are biased: those of either half a little more."""
    picture, of_half = truth() + bias, truth() + bias / error.ERROR_OF_MEAN**0.5
    return blend.noise_weight_map(
        blend.Versions(picture, (of_half, of_half)),
        blend.Versions((halves[0] + halves[1]) / 2, tuple(halves)),
        np.full(SIZE, held_out),
        np.full(SIZE, bias**2) * (tonemap_slope(picture, np) ** 2).mean(-1),
    )


@pytest.mark.parametrize("spread, bias, best", [(1.0, 0.01, 0.0), (0.01, BIAS, 1.0), (BIAS * 2**0.5, BIAS, 0.5)])
def test_the_noisy_mean_is_taken_as_far_as_it_is_better(rng, spread, bias, best):
    """Very noisy renders: nothing; nearly clean ones and a bad picture: all; as large errors in both: half."""
    weight = noise_weight([noisy(truth(), spread, rng) for _ in range(2)], bias, True)
    assert weight.shape == (*SIZE, 1) and weight.min() >= 0 and weight.max() <= 1
    np.testing.assert_allclose(weight, best, atol=0.12)


def test_into_a_picture_that_is_expected_to_be_good_chance_lets_no_noise(rng):
    """Not even as much as gain and reach alone would by accident."""
    weight = noise_weight([noisy(truth(), 0.3, rng) for _ in range(2)], 1e-3, True)
    assert weight.max() < 1e-4


def test_where_nothing_is_held_out_no_noise_is_let_in(rng):
    weight = noise_weight([noisy(truth(), 0.01, rng) for _ in range(2)], BIAS, False)
    np.testing.assert_allclose(weight, 0, atol=1e-6)


@pytest.mark.parametrize("true", [0.05, 0.5, 30.0])
def test_the_evidence_is_that_of_the_error_on_t_even_of_missed_highlights(rng, true):
    """However far the pictures are from the truth: noise alone is what the judge adds."""
    size = (160, 160, 3)
    start, other, reference = np.full(size, 0.1), np.full(size, 0.3), np.full(size, true)
    render = reference * rng.gamma(4.0, 0.25, size)
    residual = evidence.residual_on_display(start, render, reference)
    found = evidence.find_evidence(evidence.step_on_display(start, other), residual, np.ones(size[:2], bool)).total()
    change = (
        (encode_tonemap(other, np) - encode_tonemap(reference, np)) ** 2
        - (encode_tonemap(start, np) - encode_tonemap(reference, np)) ** 2
    ).sum()
    assert found.reach - 2 * found.gain == pytest.approx(change, rel=0.05)


def test_the_radiance_s_error_is_local(rng):
    """A lamp is a thousand times as bright as the wall; both are wrong by a tenth of themselves, in one half each."""
    level = np.full((64, 64, 3), 0.1, np.float32)
    level[30:33, 30:33] = 100.0
    one, two = level * (1 + 0.1 * rng.normal(size=(2, *level.shape))).astype(np.float32)
    found = np.sqrt(error.radiance_error_map((one, two), 1.0))
    np.testing.assert_allclose(found / level[..., 0], 0.1 * error.ERROR_OF_PICTURE**0.5, rtol=0.5)


def test_fireflies_are_judged_by_what_the_other_seed_shows_there():
    """An outlier of one seed is limited; what is bright in both stays."""
    other = np.full((20, 20, 3), 0.5, np.float32)
    other[2:9, 2:9] = 200.0
    render = other.copy()
    render[15, 15] = 1000.0
    found = evidence.limit_fireflies(render, other)
    assert found[15, 15].tolist() == [evidence.FIREFLY_CLAMP * 0.5] * 3
    found[15, 15] = render[15, 15]
    np.testing.assert_array_equal(found, render)


def calibration(common, own, render_spread, size, rng):
    """Pictures whose error is partly common to both halves and partly their own."""
    true = np.full((*size, 3), 0.5, np.float32)
    pictures, targets = (
        [noisy(image, spread, rng) for _ in range(2)]
        for image, spread in ((noisy(true, common, rng), own), (true, render_spread))
    )
    found = error.Calibration()
    found.add(pictures, targets, true)
    return found


@pytest.mark.parametrize("ratio", [1.5, 2.0, 3.0])
def test_much_evidence_measures_how_much_larger_the_error_is_than_the_difference(rng, ratio):
    found = calibration(0.02 * (ratio - 1) ** 0.5, 0.02, 0.03, (256, 256), rng)
    assert found.ratio() == pytest.approx(ratio, rel=0.1)


def test_little_evidence_leaves_the_usual_ratio(rng):
    assert error.Calibration().ratio() == error.DIFFERENCE_TO_ERROR
    assert calibration(0.02, 0.02, 1.0, (32, 32), rng).ratio() == pytest.approx(error.DIFFERENCE_TO_ERROR, abs=0.1)


@pytest.mark.parametrize("own", [0.0, 0.01])
def test_what_both_halves_get_wrong_alike_is_measured_and_expected_of_their_mean_too(rng, own):
    """Neighbours bring the same error into both halves' pictures; more samples of the frame itself do not lessen it."""
    common, start_spread, render_spread, size = 0.02, 0.03, 0.03, (256, 256)
    true = np.full((*size, 3), 0.5, np.float32)
    wrong = noisy(true, common, rng)
    pictures, starts, targets = (
        [noisy(image, spread, rng) for _ in range(2)]
        for image, spread in ((wrong, own), (true, start_spread), (true, render_spread))
    )
    found = error.SharedError()
    found.add(pictures, starts, targets, true)
    expected = (common**2 + (1 - error.DIFFERENCE_TO_ERROR) * own**2) / start_spread**2
    assert found.factor() == pytest.approx(expected, rel=0.1)
    whole = error.error_map(pictures, error.DIFFERENCE_TO_ERROR, starts, found.factor())
    truly = common**2 + (1 + error.DIFFERENCE_TO_ERROR * (error.ERROR_OF_PICTURE - 1)) * own**2
    assert whole.mean() == pytest.approx(truly * (tonemap_slope(true, np) ** 2).mean(), rel=0.1)


def test_little_evidence_leaves_the_usual_weight_of_what_halves_get_wrong_alike(rng):
    assert error.SharedError().factor() == error.SHARED_ERROR and error.SharedError(0.0).factor() == 0.0
    true = np.full((32, 32, 3), 0.5, np.float32)
    pictures, starts, targets = ([noisy(true, spread, rng) for _ in range(2)] for spread in (0.01, 0.03, 1.0))
    found = error.SharedError()
    found.add(pictures, starts, targets, true)
    assert found.factor() == pytest.approx(error.SHARED_ERROR, abs=0.05)


@pytest.mark.parametrize("size", [(64, 96), (37, 53), (3, 2)])
def test_the_error_map_has_the_size_and_the_mean_of_the_frame(rng, size):
    one, two = (np.abs(noisy(truth(size), 0.05, rng)) for _ in range(2))
    found = error.error_map((one, two), 2.0)
    apart = ((encode_tonemap(one, np) - encode_tonemap(two, np)) ** 2).mean() / 2
    assert found.shape == size and (found > 0).all()
    assert found.mean() == pytest.approx(2.0 * error.ERROR_OF_PICTURE * apart, rel=0.1)


def test_the_error_map_is_that_of_known_errors(rng):
    """Independent errors in both halves, small enough for T to be straight: ratio 1."""
    spread = 0.02
    one, two = (noisy(truth(), spread, rng) for _ in range(2))
    found = error.error_map((one, two), 1.0)
    expected = error.ERROR_OF_PICTURE * spread**2 * (tonemap_slope(truth(), np) ** 2).mean()
    assert found.mean() == pytest.approx(expected, rel=0.05)


def test_the_error_map_shows_where_the_error_is(rng):
    one, two = (noisy(truth(), 0.005, rng) for _ in range(2))
    two[:, :100] = np.abs(noisy(truth(), 0.1, rng))[:, :100]
    found = error.error_map((one, two), 1.0)
    assert found[:, :80].min() > 5 * found[:, 130:].max()

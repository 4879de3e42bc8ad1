"""Judging pictures by independent noisy renders: on synthetic pictures, whose errors are known."""

import numpy as np
import pytest

from n2n_render.adapt import judge
from n2n_render.frame.transfer import encode_tonemap, tonemap_slope

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


def evidence_of(start, other, rng, known=True, spread=0.3):
    """Without a curve: what counts is plain squared error."""
    size = start.shape[:2]
    return judge.find_evidence(other - start, noisy(truth(size), spread, rng) - start, np.full(size, known))


@pytest.mark.parametrize("reach, best", [(1.0, 1.0), (2.0, 0.5), (4.0, 0.25), (0.5, 1.0), (-1.0, 0.0)])
def test_the_best_share_of_the_way_is_found(rng, reach, best):
    """`other` lies `reach` times as far from the start as the truth does, or on the wrong side."""
    start = truth() + BIAS
    share = judge.best_share(evidence_of(start, start + reach * (truth() - start), rng), caution=0.0)
    assert share == pytest.approx(best, abs=0.05)


def test_caution_stays_nearer_to_the_start(rng):
    start = truth() + BIAS
    evidence = evidence_of(start, start + 2 * (truth() - start), rng)
    shares = [judge.best_share(evidence, caution) for caution in (0.0, 1.0, 5.0, 1000.0)]
    assert shares[0] > shares[1] > shares[2] > shares[3] == 0.0


def test_a_step_that_only_noise_speaks_for_is_hardly_ever_taken(rng):
    """Steps that are unrelated to the truth, from a start that is right already."""
    small = truth((32, 64))
    shares = [judge.best_share(evidence_of(small, noisy(small, 0.02, rng), rng)) for _ in range(40)]
    assert np.mean(shares) < 0.15


def test_only_known_pixels_are_asked(rng):
    start, other, render = truth() + BIAS, truth(), noisy(truth(), 0.3, rng)
    known = rng.random(SIZE) < 0.2
    found = judge.find_evidence(other - start, render - start, known)
    render[~known], other[~known] = 1e6, -1e6
    again = judge.find_evidence(other - start, render - start, known)
    for name in ("gain", "reach", "noise"):
        np.testing.assert_array_equal(getattr(again, name), getattr(found, name))
        assert getattr(found, name).sum() > 0


@pytest.mark.parametrize("usual", [0.0, 0.37, 1.0])
def test_without_evidence_the_usual_share_is_taken(rng, usual):
    start = truth() + BIAS
    share = judge.share_map(evidence_of(start, truth(), rng, known=False), usual, 0.3, SIZE)
    assert share.shape == (*SIZE, 1)
    np.testing.assert_allclose(share, usual, atol=1e-6)


def test_far_from_all_evidence_the_usual_share_is_taken(rng):
    start, known = truth() + BIAS, np.zeros(SIZE, bool)
    known[:, :64] = True
    render = noisy(truth(), 0.3, rng)
    share = judge.share_map(judge.find_evidence(truth() - start, render - start, known), 0.3, 0.3, SIZE)
    assert share[:, :48].min() > 0.8
    np.testing.assert_allclose(share[:, 176:], 0.3, atol=1e-6)


@pytest.mark.parametrize("size", [SIZE, (90, 301)])
def test_the_share_follows_the_place_smoothly(rng, size):
    """On the left the other picture is the truth, on the right it is as much worse."""
    start = truth(size) + BIAS
    other = truth(size)
    other[:, size[1] // 2 :] += 2 * BIAS
    share = judge.share_map(evidence_of(start, other, rng), 0.5, judge.SHARE_SPREAD, size)[..., 0]
    assert share.shape == size and share.min() >= 0 and share.max() <= 1
    assert share[:, : size[1] // 4].min() > 0.85 and share[:, -size[1] // 4 :].max() < 0.15
    for axis in (0, 1):
        assert np.abs(np.diff(share, axis=axis)).max() <= 1 / judge.CELL_PX


def test_weak_evidence_moves_the_share_only_a_little(rng):
    """A step far below the noise, over little space: nearly what is usual."""
    small = truth((32, 32))
    share = judge.share_map(evidence_of(small, small + 0.003, rng, spread=0.5), 0.5, 0.3, (32, 32))
    np.testing.assert_allclose(share, 0.5, atol=0.1)


def noise_share(halves, bias, known):
    """How much of the mean of two halves is taken, where all pictures are biased: those of either half a little more."""
    picture, of_half = truth() + bias, truth() + bias / judge.ERROR_OF_MEAN**0.5
    return judge.noise_share_map(
        picture,
        (halves[0] + halves[1]) / 2,
        halves,
        [of_half, of_half],
        np.full(SIZE, known),
        np.full(SIZE, bias**2) * (tonemap_slope(picture, np) ** 2).mean(-1),
    )


@pytest.mark.parametrize("spread, bias, best", [(1.0, 0.01, 0.0), (0.01, BIAS, 1.0), (BIAS * 2**0.5, BIAS, 0.5)])
def test_the_noisy_mean_is_taken_as_far_as_it_is_better(rng, spread, bias, best):
    """Very noisy renders: nothing; nearly clean ones and a bad picture: all; as large errors in both: half."""
    share = noise_share([noisy(truth(), spread, rng) for _ in range(2)], bias, True)
    assert share.shape == (*SIZE, 1) and share.min() >= 0 and share.max() <= 1
    np.testing.assert_allclose(share, best, atol=0.12)


def test_into_a_picture_that_is_expected_to_be_good_chance_lets_no_noise(rng):
    """Not even as much as gain and reach alone would by accident."""
    share = noise_share([noisy(truth(), 0.3, rng) for _ in range(2)], 1e-3, True)
    assert share.max() < 1e-4


def test_where_nothing_is_known_no_noise_is_let_in(rng):
    share = noise_share([noisy(truth(), 0.01, rng) for _ in range(2)], BIAS, False)
    np.testing.assert_allclose(share, 0, atol=1e-6)


@pytest.mark.parametrize("true", [0.05, 0.5, 30.0])
def test_the_evidence_is_that_of_the_error_on_t_even_of_missed_highlights(rng, true):
    """However far the pictures are from the truth: noise alone is what the judge adds."""
    size = (160, 160, 3)
    start, other, reference = np.full(size, 0.1), np.full(size, 0.3), np.full(size, true)
    render = reference * rng.gamma(4.0, 0.25, size)
    residual = judge.shown_residual(start, render, reference)
    found = judge.find_evidence(judge.shown_step(start, other), residual, np.ones(size[:2], bool)).total()
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
    found = np.sqrt(judge.radiance_error_map(one, two, 1.0))
    np.testing.assert_allclose(found / level[..., 0], 0.1 * judge.ERROR_OF_MEAN**0.5, rtol=0.5)


def test_fireflies_are_judged_by_what_the_other_seed_shows_there():
    """An outlier of one seed is limited; what is bright in both stays."""
    other = np.full((20, 20, 3), 0.5, np.float32)
    other[2:9, 2:9] = 200.0
    render = other.copy()
    render[15, 15] = 1000.0
    found = judge.without_fireflies(render, other)
    assert found[15, 15].tolist() == [judge.FIREFLY_CLAMP * 0.5] * 3
    found[15, 15] = render[15, 15]
    np.testing.assert_array_equal(found, render)


def calibration(common, own, render_spread, size, rng):
    """Pictures whose error is partly common to both halves and partly their own."""
    true = np.full((*size, 3), 0.5, np.float32)
    pictures, judges = (
        [noisy(image, spread, rng) for _ in range(2)]
        for image, spread in ((noisy(true, common, rng), own), (true, render_spread))
    )
    found = judge.Calibration()
    found.add(pictures, judges, true)
    return found


@pytest.mark.parametrize("ratio", [1.5, 2.0, 3.0])
def test_much_evidence_measures_how_much_larger_the_error_is_than_the_difference(rng, ratio):
    found = calibration(0.02 * (ratio - 1) ** 0.5, 0.02, 0.03, (256, 256), rng)
    assert found.ratio() == pytest.approx(ratio, rel=0.1)


def test_little_evidence_leaves_the_usual_ratio(rng):
    assert judge.Calibration().ratio() == judge.DIFFERENCE_TO_ERROR
    assert calibration(0.02, 0.02, 1.0, (32, 32), rng).ratio() == pytest.approx(judge.DIFFERENCE_TO_ERROR, abs=0.1)


@pytest.mark.parametrize("own", [0.0, 0.01])
def test_what_both_halves_get_wrong_alike_is_measured_and_expected_of_their_mean_too(rng, own):
    """Neighbours bring the same error into both halves' pictures; more samples of the frame itself do not lessen it."""
    common, start_spread, render_spread, size = 0.02, 0.03, 0.03, (256, 256)
    true = np.full((*size, 3), 0.5, np.float32)
    wrong = noisy(true, common, rng)
    pictures, starts, judges = (
        [noisy(image, spread, rng) for _ in range(2)]
        for image, spread in ((wrong, own), (true, start_spread), (true, render_spread))
    )
    found = judge.SharedError()
    found.add(pictures, starts, judges, true)
    expected = (common**2 + (1 - judge.DIFFERENCE_TO_ERROR) * own**2) / start_spread**2
    assert found.share() == pytest.approx(expected, rel=0.1)
    whole = judge.error_map(*pictures, judge.DIFFERENCE_TO_ERROR, starts, found.share())
    truly = common**2 + (1 + judge.DIFFERENCE_TO_ERROR * (judge.ERROR_OF_MEAN - 1)) * own**2
    assert whole.mean() == pytest.approx(truly * (tonemap_slope(true, np) ** 2).mean(), rel=0.1)


def test_little_evidence_leaves_the_usual_share_of_what_halves_get_wrong_alike(rng):
    assert judge.SharedError().share() == judge.SHARED_ERROR and judge.SharedError(0.0).share() == 0.0
    true = np.full((32, 32, 3), 0.5, np.float32)
    pictures, starts, judges = ([noisy(true, spread, rng) for _ in range(2)] for spread in (0.01, 0.03, 1.0))
    found = judge.SharedError()
    found.add(pictures, starts, judges, true)
    assert found.share() == pytest.approx(judge.SHARED_ERROR, abs=0.05)


@pytest.mark.parametrize("size", [(64, 96), (37, 53), (3, 2)])
def test_the_error_map_has_the_size_and_the_mean_of_the_frame(rng, size):
    one, two = (np.abs(noisy(truth(size), 0.05, rng)) for _ in range(2))
    found = judge.error_map(one, two, 2.0)
    apart = ((encode_tonemap(one, np) - encode_tonemap(two, np)) ** 2).mean() / 2
    assert found.shape == size and (found > 0).all()
    assert found.mean() == pytest.approx(2.0 * judge.ERROR_OF_MEAN * apart, rel=0.1)


def test_the_error_map_is_that_of_known_errors(rng):
    """Independent errors in both halves, small enough for T to be straight: ratio 1."""
    spread = 0.02
    one, two = (noisy(truth(), spread, rng) for _ in range(2))
    found = judge.error_map(one, two, 1.0)
    expected = judge.ERROR_OF_MEAN * spread**2 * (tonemap_slope(truth(), np) ** 2).mean()
    assert found.mean() == pytest.approx(expected, rel=0.05)


def test_the_error_map_shows_where_the_error_is(rng):
    one, two = (noisy(truth(), 0.005, rng) for _ in range(2))
    two[:, :100] = np.abs(noisy(truth(), 0.1, rng))[:, :100]
    found = judge.error_map(one, two, 1.0)
    assert found[:, :80].min() > 5 * found[:, 130:].max()

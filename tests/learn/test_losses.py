"""What each loss does to the expectation of a noisy target."""

import numpy as np
import pytest
import torch

from n2n_render.frame.transfer import decode_tonemap, encode_tonemap, tonemap_slope
from n2n_render.learn.losses import clamp_fireflies, l2, l2_display, l2_tonemapped, perceptual_weight, relative_l2

TARGETS = torch.from_numpy(np.random.default_rng(1).gamma(0.5, 2.0, 200_000).astype(np.float32))  # mean 1, heavy noise


def minimum(loss):
    """The constant prediction that gradient descent on `loss` ends at, over all noisy targets."""
    value = torch.tensor(0.5, requires_grad=True)
    optimizer = torch.optim.Adam([value], 0.02)
    for _ in range(600):
        optimizer.zero_grad()
        loss(value.expand_as(TARGETS), TARGETS).mean().backward()
        optimizer.step()
    return value.item()


@pytest.mark.slow
@pytest.mark.parametrize("loss", [l2, relative_l2])
def test_unbiased_losses_find_the_mean(loss):
    assert minimum(loss) == pytest.approx(TARGETS.mean().item(), rel=0.01)


@pytest.mark.slow
@pytest.mark.nightly
def test_tone_mapped_targets_are_biased_as_the_paper_says():
    """The minimum is E[T(y)], which is darker than T(E[y])."""
    assert minimum(l2_display) == pytest.approx(encode_tonemap(TARGETS, torch).mean().item(), rel=0.01)
    assert minimum(l2_tonemapped) < 0.8 * TARGETS.mean().item()


def test_relative_l2_has_no_gradient_through_its_denominator():
    prediction, target = torch.tensor([0.5], requires_grad=True), torch.tensor([2.0])
    relative_l2(prediction, target).sum().backward()
    assert prediction.grad.item() == pytest.approx(2 * (0.5 - 2.0) / 0.51**2)


def test_the_firefly_clamp_limits_outliers_only_and_only_by_the_other_seed():
    noisy = torch.full((1, 3, 16, 16), 0.5)
    target = noisy.clone()
    target[..., 4, 4] = 1000.0
    clamped = clamp_fireflies(target, noisy, 16.0)
    assert clamped[..., 4, 4].tolist() == [[8.0] * 3]
    clamped[..., 4, 4] = target[..., 4, 4]
    torch.testing.assert_close(clamped, target)
    torch.testing.assert_close(clamp_fireflies(target, noisy, 0), target)


def test_a_lamp_is_no_firefly():
    """What is bright in both seeds stays."""
    lamp = torch.full((1, 3, 16, 16), 0.1)
    lamp[..., 5:11, 5:11] = 500.0
    torch.testing.assert_close(clamp_fireflies(lamp, lamp, 16.0), lamp)


POSTERIORS = [np.array(values) for values in ([0.1, 0.2], [0.05, 0.3], [0.5, 1.5])]  # radiances that an input allows


def weighted_minimum(radiances):
    """Where E[w (f - r)²] has no gradient, the initial estimate being each radiance itself; weights take no gradient."""
    f = radiances.mean()
    for _ in range(50):
        weight = perceptual_weight(np.full_like(radiances, f), radiances, np)
        f = (weight * radiances).sum() / weight.sum()
    return f


@pytest.mark.parametrize("radiances", POSTERIORS, ids=str)
def test_the_perceptual_weight_moves_the_minimum_to_the_best_picture_on_t(radiances):
    """Exactly there, as the initial estimate is the truth: T⁻¹(E[T(r)]), but for the shift at black."""
    best = decode_tonemap(encode_tonemap(radiances, np).mean(), np)
    assert abs(weighted_minimum(radiances) - best) < 0.03 * abs(radiances.mean() - best)


@pytest.mark.parametrize("radiances", POSTERIORS, ids=str)
def test_the_perceptual_weight_makes_uncertain_pictures_darker(radiances):
    assert radiances.min() < weighted_minimum(radiances) < radiances.mean()


def test_the_perceptual_weight_is_that_of_the_error_on_t_where_nothing_is_uncertain():
    radiance = np.geomspace(0.01, 10, 20)
    weight = perceptual_weight(radiance, radiance, np)
    np.testing.assert_allclose(weight, tonemap_slope(radiance, np) ** 2)
    tensors = perceptual_weight(torch.from_numpy(radiance), torch.from_numpy(radiance), torch)
    np.testing.assert_allclose(tensors.numpy(), weight)

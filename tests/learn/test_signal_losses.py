"""What each loss of signals finds among noisy targets, and what it leaves out."""

import numpy as np
import pytest
import torch

from n2n_render.learn.losses import SignalLoss
from n2n_render.noise.kspace import put_back, undersample
from n2n_render.noise.photographic import drop_pixels

CLEAN = np.array([-0.4, 0.0, 0.3])  # three pixels, of each of which there are many targets
MANY = 4000


@pytest.fixture
def rng():
    """Of each test its own: what it draws does not depend on the tests before it."""
    return np.random.default_rng(1)


def targets(rng):
    """(MANY, 1, 1, 3): 40 % clean, 55 % brighter, all different, 5 % darker: mean, median and mode are three values."""
    which = rng.random((MANY, 3))
    brighter, darker = CLEAN + rng.uniform(0.1, 0.9, (MANY, 3)), CLEAN - rng.uniform(0, 0.1, (MANY, 3))
    values = np.where(which < 0.40, CLEAN, np.where(which < 0.95, brighter, darker))
    return torch.from_numpy(values.astype(np.float32))[:, None, None, :]


def found(name, steps=600, **batch):
    """Where gradient descent on one number a pixel ends."""
    loss, pixels = SignalLoss(name), torch.zeros(1, 1, 1, 3, requires_grad=True)
    optimizer = torch.optim.Adam([pixels], 0.01)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 0.01 * min(1, 2 * (1 - step / steps))
        optimizer.zero_grad()
        value, logged = loss(pixels.expand_as(batch["target"]), {**batch, "fraction": torch.tensor(step / steps)})
        value.backward()
        optimizer.step()
        assert not logged and value.ndim == 0
    return pixels.detach().numpy().ravel()


@pytest.mark.slow
def test_each_loss_finds_its_own_middle(rng):
    target = targets(rng)
    mean, median = target.mean(0).numpy().ravel(), target.median(0).values.numpy().ravel()
    assert (median > CLEAN + 0.05).all() and (mean > median + 0.05).all()
    np.testing.assert_allclose(found("l2", target=target), mean, atol=0.003)
    np.testing.assert_allclose(found("l1", target=target), median, atol=0.01)
    off = [
        np.abs(found("annealed_l0", target=targets(rng)) - CLEAN) for _ in range(6)
    ]  # a descent ends somewhere about the mode
    assert np.mean(off) < 0.04 < 0.25 * (median - CLEAN).min() and np.max(off) < (median - CLEAN).min()


def test_annealed_l0_goes_from_squares_to_a_constant():
    prediction, target = torch.tensor([[[[0.5, 0.1]]]]), torch.zeros(1, 1, 1, 2)
    values = [
        SignalLoss("annealed_l0")(prediction, {"target": target, "fraction": torch.tensor(part)})[0].item()
        for part in (0.0, 0.5, 1.0, 1.2)
    ]
    assert values == pytest.approx([0.13, 0.3, 1.0, 1.0])  # who goes on beyond the end is not led away from the target


@pytest.mark.slow
def test_masked_l2_finds_the_clean_signal_and_ignores_what_is_missing(rng):
    observation = drop_pixels(np.tile(CLEAN.astype(np.float32)[None, :, None], (MANY, 1, 1)), 0.6, rng)
    target, measured = (
        torch.from_numpy(array)[:, None, None, :, 0] for array in (observation.signal, observation.facts["measured"])
    )
    np.testing.assert_allclose(found("masked_l2", target=target, target_measured=measured), CLEAN, atol=0.003)
    assert np.abs(found("l2", target=target) - CLEAN).max() > 0.05
    prediction = torch.zeros_like(target)
    loss = SignalLoss("masked_l2")(prediction, {"target": target, "target_measured": measured})[0]
    other = torch.where(measured == 1, target, torch.full_like(target, 7.0))
    assert SignalLoss("masked_l2")(prediction, {"target": other, "target_measured": measured})[0] == loss
    torch.testing.assert_close(SignalLoss("masked_l2")(prediction, {"target": target})[0], (target**2).mean())


@pytest.mark.parametrize("size", [15, 16])
def test_data_consistency_asks_only_for_what_the_input_lacks(size, rng):
    signal = rng.random((size, size, 1), np.float32) - np.float32(0.5)
    noisy, target = (undersample(signal, 0.3, rng) for _ in range(2))
    batch = {"target": target.signal, "noisy_spectrum": noisy.facts["spectrum"], "noisy_measured": noisy.facts["measured"]}
    batch = {name: torch.from_numpy(array).permute(2, 0, 1)[None] for name, array in batch.items()}
    prediction = torch.rand(1, 1, size, size, requires_grad=True)
    loss, _ = SignalLoss("data_consistency")(prediction, batch)
    loss.backward()
    measured = batch["noisy_measured"][0, 0] == 1
    gradient = torch.fft.fft2(prediction.grad[0, 0])
    assert gradient[measured].abs().max() < 1e-5 < gradient[~measured].abs().max()
    moved = torch.fft.fft2(prediction.detach()) + 5.0 * measured
    changed = torch.fft.ifft2(moved).real
    assert (changed - prediction).abs().max() > 0.1
    torch.testing.assert_close(SignalLoss("data_consistency")(changed, batch)[0], loss.detach())


@pytest.mark.slow
def test_data_consistency_finds_the_clean_image_where_the_input_lacks_it(rng):
    signal = rng.random((8, 8, 1), np.float32) - np.float32(0.5)
    noisy = undersample(signal, 0.5, rng)
    target = np.stack([undersample(signal, 0.5, rng).signal for _ in range(3000)])
    batch = {
        "target": torch.from_numpy(target).permute(0, 3, 1, 2),
        **{f"noisy_{name}": torch.from_numpy(fact).permute(2, 0, 1)[None] for name, fact in noisy.facts.items()},
    }
    pixels = torch.zeros(1, 1, 8, 8, requires_grad=True)
    optimizer = torch.optim.Adam([pixels], 0.02)
    for _ in range(200):
        optimizer.zero_grad()
        SignalLoss("data_consistency")(pixels, batch)[0].backward()
        optimizer.step()
    result = put_back(pixels.detach(), batch["noisy_spectrum"], batch["noisy_measured"], torch).numpy()[0, 0]
    error = np.abs(result - signal[..., 0]).mean()
    assert error < 0.02 < 0.5 * np.abs(noisy.signal - signal).mean()


def test_the_options_name_every_loss_and_no_other():
    from n2n_render.config import SIGNAL_LOSSES
    from n2n_render.learn import losses

    assert SIGNAL_LOSSES == tuple(losses.SIGNAL_LOSSES)

"""What the judge of observations says of a network: on bursts by estimates, as nobody knows the truth."""

import numpy as np
import pytest
import torch

from n2n_render.errors import N2NError
from n2n_render.io.collection import open_collection
from n2n_render.learn.observations import SignalJudge
from n2n_render.network.specification import PaperNetwork, signal_specification
from n2n_render.noise.table import Noise


class Blur(torch.nn.Module):
    """Stands for a network that has learned something: the mean of 3 × 3 pixels."""

    def forward(self, x):
        return torch.nn.functional.avg_pool2d(x, 3, 1, 1, count_include_pad=False)


def judged(module, items, noise):
    model = signal_specification(1, PaperNetwork("none", "direct", levels=1))
    return SignalJudge(model, items, noise, torch.device("cpu"), "float32").look(module, 1).values


def burst(folder, image, sigmas):
    rng = np.random.default_rng(4)
    for index, sigma in enumerate(sigmas):
        np.save(folder / f"{index}.npy", (image + rng.normal(0, sigma, image.shape)).clip(0, 1).astype(np.float32))
    return open_collection(folder, bursts=True).items


@pytest.mark.parametrize("sigmas", [(0.05, 0.05), (0.03, 0.06)])
def test_a_bursts_two_shots_tell_the_error_that_nobody_knows(tmp_path, sigmas):
    rows, columns = np.mgrid[0:256, 0:256]
    image = 0.5 + 0.2 * np.sin(rows / 9)[..., None] * np.cos(columns / 7)[..., None]
    items = burst(tmp_path, image, sigmas)
    pictures = [Blur()(torch.from_numpy(shot[None, ..., 0].copy()))[0, ..., None].numpy() for shot in items[0].shots]
    true = np.mean([np.mean((picture - image) ** 2) for picture in pictures])
    found = judged(Blur(), items, Noise.parse("pairs"))
    assert found["squared_error"] == pytest.approx(true, rel=0.1)
    assert found["psnr_db"] == pytest.approx(-10 * np.log10(true), abs=0.4)


def test_an_error_that_is_lost_in_the_noise_is_no_psnr(tmp_path):
    class Right(torch.nn.Module):
        def forward(self, x):
            return x * 0

    sign = np.where(np.random.default_rng(1).random((64, 64, 1)) < 0.5, -1, 1).astype(np.float32)
    for index, noise in enumerate((sign, -sign)):  # the worst luck: each shot's noise is the other's opposite
        np.save(tmp_path / f"{index}.npy", 0.5 + 0.1 * noise)
    found = judged(Right(), open_collection(tmp_path, bursts=True).items, Noise.parse("pairs"))
    assert found["squared_error"] == pytest.approx(-0.01, rel=1e-3) and np.isnan(found["psnr_db"])


def test_a_network_that_is_not_finite_ends_a_training_on_bursts(tmp_path):
    class Broken(torch.nn.Module):
        def forward(self, x):
            return x * float("nan")

    items = burst(tmp_path, np.full((64, 64, 1), 0.5), (0.1, 0.1))
    with pytest.raises(N2NError, match="not finite any more"):
        judged(Broken(), items, Noise.parse("pairs"))

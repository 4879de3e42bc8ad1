"""The ladder: two entrances, one way; a network in training takes it as it is at the moment."""

import numpy as np
import pytest
import torch
from conftest import noisy_frame, true_frame

from n2n_render.engines.choice import make_engine
from n2n_render.engines.options import EngineOptions
from n2n_render.engines.torch_engine import TorchEngine
from n2n_render.errors import N2NError
from n2n_render.frame.frame import Frame
from n2n_render.frame.transfer import depth_scale, expose, exposure
from n2n_render.ladder.ladder import Ladder, encode_channels
from n2n_render.learn.running import LiveLadder, encode_batch
from n2n_render.network.build import build_network
from n2n_render.network.checkpoint import Checkpoint
from n2n_render.network.specification import PaperNetwork, Specification, oidn_specification

PAPER = Specification(
    features=("albedo", "normal", "depth"), network=PaperNetwork(levels=3, encoder_width=8, decoder_width=8, head_widths=(8, 8))
)
MODELS = {
    "paper": PAPER,
    "display": Specification(features=("albedo",), encoding="tonemap", output="display", network=PAPER.network),
    "oidn": oidn_specification("oidn", (8,) * 15, features=("albedo", "normal")),
}


def ladder_of(model, tile_px=None):
    checkpoint = Checkpoint(model, build_network(model, seed=4).eval().state_dict())
    return Ladder(model, make_engine(checkpoint, EngineOptions("cpu", "torch")), tile_px)


def exposed_channels(frame):
    """(channels as a training caches them, the exposure in them)."""
    factor, scale = exposure(frame.color), depth_scale(frame.depth)
    return {name: expose(name, image, factor, scale) for name, image in frame.items()}, np.float32(factor)


@pytest.fixture
def frame():
    return noisy_frame(true_frame(90, 130), 1)


@pytest.mark.parametrize("kind", list(MODELS))
def test_both_entrances_lead_to_the_same_picture(kind, frame):
    ladder = ladder_of(MODELS[kind])
    channels, factor = exposed_channels(frame)
    np.testing.assert_allclose(ladder.denoise_exposed(channels) / factor, ladder.denoise(frame), rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(MODELS))
def test_a_live_network_gives_the_picture_of_its_checkpoint(kind, frame):
    """In half floats, as the cache holds them, and in tiles."""
    channels, _ = exposed_channels(frame)
    cached = {name: image.astype(np.float16) for name, image in channels.items()}
    network = build_network(MODELS[kind], seed=4).eval()
    expected = ladder_of(MODELS[kind]).denoise_exposed(cached)
    for tile_px in (None, 32):
        live = LiveLadder(MODELS[kind], TorchEngine(network, torch.device("cpu"), "float32"), tile_px)
        np.testing.assert_allclose(live.denoise_exposed(cached), expected, rtol=1e-3, atol=1e-4)


def test_a_live_engine_runs_the_weights_of_the_moment_and_changes_none(frame):
    network = build_network(PAPER, seed=4).eval()
    ladder = LiveLadder(PAPER, TorchEngine(network, torch.device("cpu"), "float32"))
    channels, _ = exposed_channels(frame)
    kept = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    before = ladder.denoise_exposed(channels)
    assert all(torch.equal(tensor, kept[name]) for name, tensor in network.state_dict().items())
    with torch.no_grad():
        next(iter(network.parameters())).mul_(1.5)
    assert not np.allclose(ladder.denoise_exposed(channels), before, rtol=1e-3)
    assert all(parameter.requires_grad for parameter in network.parameters())


def test_training_and_denoising_encode_alike(frame):
    channels, _ = exposed_channels(frame)
    stacked = torch.from_numpy(PAPER.layout.stack(channels)).permute(2, 0, 1)[None]
    trained_on = encode_batch(PAPER, {"noisy": stacked[:, :3], "guides": stacked[:, 3:]})[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(PAPER.layout.stack(encode_channels(PAPER, channels, np)), trained_on, rtol=1e-5, atol=1e-6)


class Broken:
    """An engine whose weights are damaged."""

    name, description, precision, coarse, on_cpu = "broken", "a broken engine", "float32", False, True
    tile_px = 64

    def run(self, encoded, on_progress=None):
        return np.full((*encoded.shape[:2], 3), np.nan, np.float32)


def test_a_picture_that_is_not_finite_is_refused_where_it_is_for_somebody(frame):
    """A training looks for itself: it knows what to do about it."""
    ladder = Ladder(PAPER, Broken())
    with pytest.raises(N2NError, match="not finite"):
        ladder.denoise(frame)
    assert np.isnan(ladder.denoise_exposed(exposed_channels(frame)[0])).all()


def test_a_channel_that_is_missing_is_named(frame):
    with pytest.raises(N2NError, match="no depth"):
        ladder_of(PAPER).denoise(Frame(frame.color, albedo=frame.albedo, normal=frame.normal))


def test_progress_is_told_tile_by_tile_and_the_frame_is_left_alone(frame):
    kept, fractions = {name: image.copy() for name, image in frame.items()}, []
    ladder_of(PAPER, 64).denoise(frame, fractions.append)
    assert fractions == sorted(fractions) and len(fractions) == 6 and fractions[-1] == 1.0
    for name, image in frame.items():
        np.testing.assert_array_equal(image, kept[name])

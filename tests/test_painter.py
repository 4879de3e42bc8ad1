"""Seeds of a frame → a picture: what is painted how often, from what, and what becomes of it."""

from dataclasses import replace

import numpy as np
import pytest
from conftest import noisy_frame, true_frame

from n2n_render.denoise.adapted import Palette
from n2n_render.engines.options import EngineOptions
from n2n_render.frame.frame import mean_frame
from n2n_render.guides.prefilter import Prefilter
from n2n_render.judge.held_out import held_out_pixels
from n2n_render.network.provenance import Provenance
from n2n_render.network.registry import open_model

SIZE = (48, 80)
QUICK = EngineOptions("cpu", "torch")
HELD_OUT = held_out_pixels(*SIZE)


@pytest.fixture
def frames():
    """Two seeds, guides noisy too."""
    seeds = [noisy_frame(true_frame(*SIZE), seed) for seed in (1, 2)]
    for seed, frame in enumerate(seeds):
        noise = np.random.default_rng(seed).normal(0, 0.1, frame.albedo.shape)
        frame.albedo = np.clip(frame.albedo + noise, 0, 1).astype(np.float32)
    return seeds


def palette(weight=0.5, change=1.02):
    """A network whose weights are a little larger than those of its start."""
    start = open_model("oidn-small")
    told = Provenance(blend_weight=weight, error_ratio=1.8, options={"init": "oidn-small"}, origin="a test")
    weights = {name: tensor * np.float32(change) for name, tensor in start.weights.items()}
    return Palette(replace(start, weights=weights, provenance=told), start)


class Counted:
    """An engine that remembers what it was shown."""

    def __init__(self, engine):
        self.engine, self.shown = engine, []

    def __getattr__(self, name):
        return getattr(self.engine, name)

    def run(self, encoded, on_progress=None):
        self.shown.append(encoded.copy())
        return self.engine.run(encoded, on_progress)


def watched(painter):
    """The engines of network, start, albedo and normal."""
    ladders = [painter.network.ladder, *([painter.start.ladder] if painter.start else []), *painter.prefilter.ladders.values()]
    engines = [Counted(ladder.engine) for ladder in ladders]
    for ladder, engine in zip(ladders, engines, strict=True):
        ladder.use(engine)
    return engines


def painter_of(palette, **options):
    return palette.open(Prefilter.open(palette.adapted.model, QUICK), QUICK, **options)


@pytest.mark.slow
@pytest.mark.parametrize(
    "options, passes",
    [
        ({"average": 2}, [4, 2, 2, 2]),
        ({"average": 4}, [6, 2, 2, 2]),
        ({"average": 1, "fast": True}, [1, 1, 1]),
        ({"average": 2, "fast": True}, [2, 1, 1]),
    ],
)
def test_a_picture_costs_so_many_passes(frames, options, passes):
    """Network, start, albedo, normal."""
    painter = painter_of(palette(), **options)
    engines = watched(painter)
    painter.paint(frames, HELD_OUT)
    assert [len(engine.shown) for engine in engines] == passes


@pytest.mark.slow
@pytest.mark.parametrize("weight, start", [(0.001, False), (0.5, True)])
def test_where_nothing_was_learned_the_start_paints_alone(frames, weight, start):
    painter = painter_of(palette(weight), average=1)
    assert (painter.start is not None) == start
    assert painter.paint(frames, HELD_OUT).weights["adapted"] == pytest.approx(weight if start else 0.0, abs=0.5 * weight)


@pytest.mark.slow
def test_what_is_made_of_a_half_knows_nothing_of_the_other_half(frames):
    """Neither colours nor guides, so that the other half can judge it."""
    other = replace_albedo(frames[1])
    shown = []
    for second in (frames[1], other):
        painter = painter_of(palette(), average=1)
        network, start, *_ = watched(painter)
        painter.paint([frames[0], second], HELD_OUT)
        shown.append([*network.shown[1:], *start.shown])  # after the mean: first half, second half; both again
    for same, changed in ((0, 1), (2, 3)):
        np.testing.assert_array_equal(shown[0][same], shown[1][same])
        assert not np.array_equal(shown[0][changed], shown[1][changed])


def replace_albedo(frame):
    return frame.with_channels(albedo=frame.albedo[::-1].copy(), color=frame.color * np.float32(1.1))


@pytest.mark.slow
def test_both_networks_see_a_half_alike_and_everything_else_turned_otherwise(frames):
    painter = painter_of(palette(), average=4)
    network, start, *_ = watched(painter)
    painter.paint(frames, HELD_OUT)
    for one, two in zip(network.shown[4:], start.shown, strict=True):
        np.testing.assert_array_equal(one, two)
    assert len({image.tobytes() for image in network.shown}) == 6


@pytest.mark.slow
def test_the_picture_lies_between_start_and_network_and_near_the_truth(frames):
    truth = true_frame(*SIZE).color
    pictures = {weight: painter_of(palette(weight), average=4).paint(frames, HELD_OUT).color for weight in (0.0, 0.5, 1.0)}
    between = (pictures[0.0] + pictures[1.0]) / 2
    assert np.abs(pictures[0.5] - between).mean() < 0.3 * np.abs(pictures[1.0] - pictures[0.0]).mean()
    noise = np.abs(mean_frame(frames).color - truth).mean()
    assert np.abs(pictures[0.5] - truth).mean() < 0.5 * noise


@pytest.mark.slow
def test_from_nothing_there_is_no_way_back(frames):
    painter = painter_of(replace(palette(), start=None), average=1)
    assert painter.start is None
    picture = painter.paint(frames, HELD_OUT)
    assert picture.weights["adapted"] == 1.0 and picture.psnr_db is not None


def test_a_fast_picture_tells_nothing_of_its_error_and_pixels_without_noise_stay(frames):
    for frame in frames:
        frame.color[:16] = 0.3
    picture = painter_of(palette(), average=1, fast=True).paint(frames, HELD_OUT)
    assert picture.error is None and picture.error_display is None and picture.psnr_db is None
    np.testing.assert_array_equal(picture.color[:13], np.float32(0.3))


@pytest.mark.slow
def test_three_seeds_count_alike(frames):
    """The mean of a half of one and a half of two is that of all three."""
    frames = [*frames, noisy_frame(true_frame(*SIZE), 3)]
    painter = painter_of(palette(), average=1)
    engines = watched(painter)
    painter.paint(frames, HELD_OUT)
    alone = painter_of(palette(), average=1, fast=True)
    watching = watched(alone)
    alone.paint(frames, HELD_OUT)
    np.testing.assert_allclose(engines[0].shown[0][..., :3], watching[0].shown[0][..., :3], rtol=1e-4, atol=1e-5)

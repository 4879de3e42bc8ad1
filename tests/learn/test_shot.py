"""A shot as arrays: pixels held out of the training, crops of independent seeds."""

import numpy as np
import pytest
from adapt_fixtures import make_frame
from conftest import noisy_frame, true_frame

from n2n_render.frame.frame import mean_frame
from n2n_render.frame.transfer import exposure
from n2n_render.io.exr import read_frame, write_frame
from n2n_render.io.renders import read_group
from n2n_render.judge.held_out import TILE_PX, held_out_pixels
from n2n_render.learn import shot
from n2n_render.learn.arrays import split_exposed
from n2n_render.learn.samplers import Crops, Prefetch, ShotSampler
from n2n_render.learn.shot import FrameLoader, ShotFrame
from n2n_render.progress import ignore

HELD_OUT_VALUE = 100.0


def flat_frame(folder, values, size=(48, 64), index=0) -> ShotFrame:
    """One constant image for each seed, guides too."""
    images = np.array(values)[:, None, None, None] * np.ones((len(values), *size, 10))
    return make_frame(folder, images, np.ones((*size, 3)), index)


@pytest.fixture
def make_crops():
    """make_crops(frames, …) → ShotSampler."""

    def make(frames, features=("albedo", "depth"), batch=4, crop_px=32, seed=1):
        return ShotSampler(frames, features, Crops(batch, crop_px, seed))

    return make


@pytest.mark.parametrize("size", [(256, 320), (64, 96), (200, 333), (33, 10), (32, 32), (5, 7)])
def test_whole_tiles_are_held_out_and_at_least_one(size):
    held_out = held_out_pixels(*size)
    assert held_out.shape == size and held_out.dtype == bool and held_out.any()
    tiles = [held_out[y : y + TILE_PX, x : x + TILE_PX] for y in range(0, size[0], TILE_PX) for x in range(0, size[1], TILE_PX)]
    assert all(tile.all() or not tile.any() for tile in tiles)
    assert sum(tile.all() for tile in tiles) == max(1, round(len(tiles) / 8))
    np.testing.assert_array_equal(held_out_pixels(*size), held_out)


def test_crops_tell_exactly_the_pixels_that_are_held_out(tmp_path, make_crops):
    """Held-out pixels have a value of their own; wherever cropping, mirroring and turning bring it, `trainable` is 0."""
    frames = []
    for index in range(3):
        marked = np.where(held_out_pixels(96, 160), HELD_OUT_VALUE, 1.0)[..., None]
        images = np.broadcast_to(marked, (2, 96, 160, 10)) * np.array([1.0, 2.0])[:, None, None, None]
        frames.append(make_frame(tmp_path, images, np.broadcast_to(marked, (96, 160, 3)), index))
    crops = make_crops(frames, crop_px=48)
    seen = []
    for step in range(10):
        batch = crops.make(step)
        assert set(np.unique(batch["trainable"])) <= {0.0, 1.0} and batch["trainable"].shape == (4, 1, 48, 48)
        for key in ("target", "initial_estimate", "noisy"):
            np.testing.assert_array_equal(batch[key] >= HELD_OUT_VALUE, batch["trainable"].repeat(3, 1) == 0)
        seen.append(batch["trainable"].mean())
    assert 0.75 < np.mean(seen) < 0.97


def test_input_and_target_share_no_seed_and_leave_none_out(tmp_path, make_crops):
    """Three constant seeds: every mean of some of them tells which they were. Guides are those of the input."""
    values = {0: 1.0, 1: 10.0, 2: 100.0}
    subsets = [{0}, {1}, {2}, {0, 1}, {0, 2}, {1, 2}]
    means = {round(np.mean([values[seed] for seed in subset]), 1): subset for subset in subsets}
    crops, inputs = make_crops([flat_frame(tmp_path, list(values.values()))]), set()
    for step in range(30):
        batch = crops.make(step)
        for noisy, target, guides in zip(batch["noisy"], batch["target"], batch["guides"], strict=True):
            assert noisy.std() < 1e-3 and target.std() < 1e-3
            of_input, of_target = (means[round(float(image.mean()), 1)] for image in (noisy, target))
            assert of_input | of_target == {0, 1, 2} and not of_input & of_target
            np.testing.assert_allclose(guides, noisy.mean(), rtol=1e-3)
            inputs.add(frozenset(of_input))
    assert inputs == set(map(frozenset, subsets))


def test_two_seeds_are_input_and_target_in_turn(tmp_path, make_crops):
    crops = make_crops([flat_frame(tmp_path, [1.0, 10.0])])
    found = [
        (noisy.mean(), target.mean())
        for step in range(10)
        for noisy, target in zip(*(crops.make(step)[key] for key in ("noisy", "target")), strict=True)
    ]
    assert set(found) == {(1.0, 10.0), (10.0, 1.0)}


def test_a_batch_is_the_same_whenever_it_is_asked_for(tmp_path, make_crops):
    rng = np.random.default_rng(1)
    frames = [make_frame(tmp_path, rng.random((2, 48, 64, 10)), rng.random((48, 64, 3)), index) for index in range(2)]
    first, second = make_crops(frames), make_crops(frames)
    ahead = Prefetch(first)
    in_order = [{key: tensor.numpy() for key, tensor in ahead.get(step).items()} for step in range(5)]
    ahead.close()
    for step in (4, 0, 2):
        for key, array in second.make(step).items():
            np.testing.assert_array_equal(array, in_order[step][key])
            assert array.dtype == np.float32 and array.flags.c_contiguous
    for other in (second.make(0, stream=1), second.make(1), make_crops(frames, seed=2).make(0)):
        assert not np.array_equal(other["noisy"], in_order[0]["noisy"])


def test_crops_are_no_larger_than_the_smallest_frame_and_models_may_want_no_guides(tmp_path, make_crops):
    frames = [flat_frame(tmp_path, [1.0, 2.0], size, index) for index, size in enumerate([(20, 64), (64, 40)])]
    batch = make_crops(frames, features=(), crop_px=128).make(0)
    assert batch["noisy"].shape == (4, 3, 20, 20) and batch["guides"].shape == (4, 0, 20, 20)


def test_large_frames_are_looked_at_more(tmp_path, make_crops):
    frames = [
        flat_frame(tmp_path, [value, value], size, index)
        for index, (value, size) in enumerate([(1.0, (32, 32)), (2.0, (96, 96))])
    ]
    crops = make_crops(frames, batch=16)
    large = np.mean([crops.make(step)["noisy"].mean(axis=(1, 2, 3)) == 2.0 for step in range(10)])
    assert 0.8 < large < 0.98  # 9 of 10 pixels are its


def loaded(paths, folder, key="key", on_fraction=ignore):
    def estimate(frame, on_fraction):
        on_fraction(1.0)
        return frame.color * 0 + 0.25

    return FrameLoader(folder, ("albedo",), estimate, None).load(paths, None, key, on_fraction=on_fraction)


def test_a_loaded_frame_holds_exposed_seeds_guides_and_an_initial_estimate(make_dataset, tmp_path):
    paths = sorted(make_dataset(views=1).glob("*.exr"))
    told = []
    frame, renders = loaded(paths, tmp_path, on_fraction=told.append), [read_frame(path, ("albedo",)) for path in paths]
    factor = exposure(mean_frame(renders).color)
    assert frame.images.shape == (2, 48, 64, 10) and told == [0.25, 0.5, 1.0]  # each seed, the estimate
    assert frame.exposure == loaded(paths, tmp_path).exposure == factor
    np.testing.assert_array_equal(frame.held_out(), held_out_pixels(48, 64))
    np.testing.assert_allclose(frame.initial_estimate, 0.25 * factor, rtol=1e-3)
    for image, render in zip(frame.images, renders, strict=True):
        np.testing.assert_allclose(image[..., :3], render.color * factor, rtol=2e-3, atol=1e-4)
        np.testing.assert_allclose(split_exposed(image)["albedo"], render.albedo, atol=1e-3)


def test_a_frame_is_decoded_once_unless_something_changed(make_dataset, tmp_path, monkeypatch):
    paths = sorted(make_dataset(views=1).glob("*.exr"))
    decoded = []
    monkeypatch.setattr(shot, "read_group", lambda *arguments: decoded.append(1) or read_group(*arguments))
    for _ in range(2):
        loaded(paths, tmp_path)
    assert len(decoded) == 1
    loaded(paths, tmp_path, key="another start")
    write_frame(paths[0], noisy_frame(true_frame(48, 64), 55))
    loaded(paths, tmp_path)
    assert len(decoded) == 3

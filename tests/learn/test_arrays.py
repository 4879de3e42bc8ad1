"""Crops: independent seeds, own features, held-out views untouched, the same batch whenever it is asked for."""

import numpy as np
import pytest
from conftest import noisy_frame, true_frame

from n2n_render.errors import N2NError
from n2n_render.frame.channels import FEATURES
from n2n_render.io.dataset import FrameName, find_pairs, parse_name
from n2n_render.io.exr import ExrImage, write_frame
from n2n_render.learn.arrays import cache_pair, split_single_view
from n2n_render.learn.samplers import Crops, PairSampler, Prefetch


def batches(folder, **options):
    pairs = [cache_pair(pair, FEATURES) for pair in find_pairs(folder)]
    return PairSampler(pairs, FEATURES, Crops(batch=3, size_px=32, seed=5), **options)


def test_batch_k_is_a_function_of_seed_and_k(make_dataset):
    folder = make_dataset()
    first, second = batches(folder), batches(folder)
    wanted = first.make(7)
    ahead = Prefetch(second)
    for step in range(8):
        got = ahead.get(step)
    ahead.close()
    for key in ("noisy", "target", "guides"):
        np.testing.assert_array_equal(got[key].numpy(), wanted[key])
    assert not np.array_equal(first.make(8)["noisy"], wanted["noisy"])
    assert not np.array_equal(first.make(7, stream=1)["noisy"], wanted["noisy"])


def test_shapes_and_types(make_dataset):
    batch = batches(make_dataset()).make(0)
    assert {key: value.shape for key, value in batch.items()} == {
        "noisy": (3, 3, 32, 32),
        "target": (3, 3, 32, 32),
        "guides": (3, 7, 32, 32),
    }
    assert all(value.dtype == np.float32 and value.flags.c_contiguous for value in batch.values())


def test_either_seed_may_be_the_input_and_never_both(make_dataset):
    """With constant images of seed 1 → 1, 2 → 2, 3 → 4 all six ordered pairs occur, and no seed is paired with itself."""
    folder = make_dataset(views=1, seeds=3)
    truth = true_frame(48, 64)
    for index, path in enumerate(find_pairs(folder)[0].noisy):
        truth.color[:] = 2.0**index
        write_frame(path, truth)
    made = [batches(folder).make(step) for step in range(30)]
    ratios = {
        round(float(n.mean() / t.mean()), 2) for batch in made for n, t in zip(batch["noisy"], batch["target"], strict=True)
    }
    assert ratios == {0.25, 0.5, 2.0, 4.0}


def test_reference_targets_are_the_clean_ones(make_dataset):
    folder = make_dataset(views=2, references=(0, 1))
    noisy, clean = batches(folder, target="noisy", augmented=False), batches(folder, target="reference", augmented=False)
    a, b = noisy.make(0), clean.make(0)
    np.testing.assert_array_equal(a["noisy"], b["noisy"])
    assert b["target"].std() < a["target"].std()


def test_a_single_view_is_cut_in_two(make_dataset):
    pair = cache_pair(find_pairs(make_dataset(views=1))[0], FEATURES)
    training, validation = split_single_view(pair)
    assert training.columns == (0, 51) and validation.columns == (51, 64)
    made = PairSampler([training], (), Crops(4, 16, seed=1), augmented=False).make(0)["noisy"]
    left = np.array(pair.images[:, :, :51, :3], np.float32).transpose(0, 3, 1, 2)
    for crop in made:
        places = [left[s, :, y : y + 16, x : x + 16] for s in (0, 1) for y in range(33) for x in range(36)]
        assert any(np.array_equal(crop, place) for place in places)


def test_small_images_give_small_crops(make_dataset):
    assert batches(make_dataset(size=(20, 30))).make(0)["noisy"].shape == (3, 3, 20, 20)


def test_the_cache_follows_the_files(make_dataset):
    folder = make_dataset(views=1)
    pair = find_pairs(folder)[0]
    before = np.array(cache_pair(pair, FEATURES).images)
    write_frame(pair.noisy[0], noisy_frame(true_frame(48, 64, seed=0), 9))
    after = np.array(cache_pair(pair, FEATURES).images)
    assert not np.array_equal(before[0], after[0])


def test_seeds_of_different_size_are_an_error(make_dataset):
    folder = make_dataset(views=1)
    write_frame(folder / "v000_f0001_s0002_0008spp.exr", true_frame(48, 50))
    with pytest.raises(N2NError, match="differ in size"):
        cache_pair(find_pairs(folder)[0], FEATURES)


@pytest.mark.parametrize("frame", [-12, -1, 0, 1])
def test_arrays_of_negative_frames_are_kept(make_dataset, frame):
    folder = make_dataset(views=1)
    for path in sorted(folder.glob("*.exr")):
        path.rename(folder / FrameName("v000", frame, "s", parse_name(path.name).seed, 8).filename)
    (pair,) = find_pairs(folder)
    assert pair.name == f"data/v000_f{'-' * (frame < 0)}{abs(frame):04d}"
    assert cache_pair(pair, FEATURES).images.shape == (2, 48, 64, 10)
    assert cache_pair(pair, FEATURES[:1]).images.any() and cache_pair(pair, FEATURES).images.any()
    assert len(list((folder / ".cache").glob("*.npy"))) == 2


def test_seeds_with_other_data_windows_are_put_together(make_dataset):
    """Equal in size, different in origin: before, pixels of different places were trained on as a pair."""
    folder = make_dataset(views=1)
    pair = find_pairs(folder)[0]
    image = ExrImage.open(pair.noisy[1])
    header = image.parts[0][0]
    header["dataWindow"] = tuple(corner + np.array([4, 0], np.int32) for corner in header["dataWindow"])
    image.write(pair.noisy[1])
    with pytest.raises(N2NError, match="covers only a part"):
        cache_pair(pair, FEATURES)

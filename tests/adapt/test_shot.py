"""A shot as arrays: pixels held out of the training, crops of independent seeds, files that belong together."""

import numpy as np
import pytest
from conftest import noisy_frame, true_frame

from n2n_render.adapt import shot
from n2n_render.adapt.shot import TILE_PX, Crops, ShotFrame, find_groups, find_subjects, held_out_pixels, load_frame, read_group
from n2n_render.errors import N2NError
from n2n_render.frame.frame import mean_frame
from n2n_render.frame.transfer import exposure
from n2n_render.io.exr import read_frame, write_frame
from n2n_render.train.dataset import ArrayFile, save_array, split_exposed

HELD_OUT_VALUE = 100.0


def make_frame(folder, images, pilot, index=0) -> ShotFrame:
    """images (seeds, H, W, 10), pilot (H, W, 3)."""
    files = []
    for name, array in (("images", images), ("pilot", pilot)):
        save_array(folder / f"{name}{index}.npy", array.astype(np.float16))
        files.append(ArrayFile.of(folder / f"{name}{index}.npy"))
    return ShotFrame((), *files)


def flat_frame(folder, values, size=(48, 64), index=0) -> ShotFrame:
    """One constant image for each seed, guides too."""
    images = np.array(values)[:, None, None, None] * np.ones((len(values), *size, 10))
    return make_frame(folder, images, np.ones((*size, 3)), index)


@pytest.fixture
def make_crops():
    """make_crops(frames, …) → Crops whose threads end with the test."""
    made = []

    def make(frames, features=("albedo", "depth"), batch=4, crop_px=32, seed=1):
        made.append(Crops(frames, features, batch, crop_px, seed))
        return made[-1]

    yield make
    for crops in made:
        crops.close()


@pytest.mark.parametrize("size", [(256, 320), (64, 96), (200, 333), (33, 10), (32, 32), (5, 7)])
def test_whole_tiles_are_held_out_and_at_least_one(size):
    held_out = held_out_pixels(*size)
    assert held_out.shape == size and held_out.dtype == bool and held_out.any()
    tiles = [held_out[y : y + TILE_PX, x : x + TILE_PX] for y in range(0, size[0], TILE_PX) for x in range(0, size[1], TILE_PX)]
    assert all(tile.all() or not tile.any() for tile in tiles)
    assert sum(tile.all() for tile in tiles) == max(1, round(len(tiles) / 8))
    np.testing.assert_array_equal(held_out_pixels(*size), held_out)


def test_crops_know_exactly_the_pixels_that_are_held_out(tmp_path, make_crops):
    """Held-out pixels have a value of their own; wherever cropping, mirroring and turning bring it, `known` is 0."""
    frames = []
    for index in range(3):
        marked = np.where(held_out_pixels(96, 160), HELD_OUT_VALUE, 1.0)[..., None]
        images = np.broadcast_to(marked, (2, 96, 160, 10)) * np.array([1.0, 2.0])[:, None, None, None]
        frames.append(make_frame(tmp_path, images, np.broadcast_to(marked, (96, 160, 3)), index))
    crops = make_crops(frames, crop_px=48)
    seen = []
    for step in range(10):
        batch = crops.make(step)
        assert set(np.unique(batch["known"])) <= {0.0, 1.0} and batch["known"].shape == (4, 1, 48, 48)
        for key in ("target", "pilot", "noisy"):
            np.testing.assert_array_equal(batch[key] >= HELD_OUT_VALUE, batch["known"].repeat(3, 1) == 0)
        seen.append(batch["known"].mean())
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
    in_order = [first.get(step) for step in range(5)]
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


def loaded(paths, folder, key="key", make_pilot=lambda frame: frame.color * 0 + 0.25):
    return load_frame(paths, None, ("albedo",), None, make_pilot, folder, key)


def test_a_loaded_frame_holds_exposed_seeds_guides_and_pilot(make_dataset, tmp_path):
    paths = sorted(make_dataset(views=1).glob("*.exr"))
    frame, renders = loaded(paths, tmp_path), [read_frame(path, ("albedo",)) for path in paths]
    factor = exposure(mean_frame(renders).color)
    assert frame.images.shape == (2, 48, 64, 10)
    np.testing.assert_array_equal(frame.held_out(), held_out_pixels(48, 64))
    np.testing.assert_allclose(frame.pilot, 0.25 * factor, rtol=1e-3)
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


def test_datasets_know_their_seeds(make_dataset):
    one, two = make_dataset("one", views=2, seeds=3, references=(0,)), make_dataset("two", views=1)
    groups, names = find_groups([str(one)], [])
    assert names == ["v000_f0001.exr", "v001_f0001.exr"]
    assert [[path.name for path in group] for group in groups] == [
        [f"v00{view}_f0001_s000{seed}_0008spp.exr" for seed in (1, 2, 3)] for view in (0, 1)
    ]
    assert find_groups([str(one), str(two)], [])[1] == ["one-v000_f0001.exr", "one-v001_f0001.exr", "two-v000_f0001.exr"]


def test_other_files_need_the_same_frames_with_another_seed(make_dataset, tmp_path):
    for name in ("a_0001.exr", "a_0002.exr", "b_0001.exr", "b_0002.exr"):
        (tmp_path / name).touch()
    groups, names = find_groups([str(tmp_path / "a_####.exr")], [str(tmp_path / "b_####.exr")])
    assert names == ["a_0001.exr", "a_0002.exr"]
    assert groups == [(tmp_path / f"a_000{frame}.exr", tmp_path / f"b_000{frame}.exr") for frame in (1, 2)]
    with pytest.raises(N2NError, match="--pair"):
        find_groups([str(tmp_path / "a_####.exr")], [])
    with pytest.raises(N2NError, match="not for datasets"):
        find_groups([str(make_dataset())], [str(tmp_path / "b_####.exr")])
    with pytest.raises(N2NError, match="has one seed only"):
        find_groups([str(make_dataset("single", seeds=1))], [])


def test_a_frame_that_a_dataset_lacks_is_said(make_dataset, caplog):
    folder = make_dataset(views=1, size=(8, 8))
    for frame in (2, 3, 5):
        for path in sorted(folder.glob("v000_f0001_*.exr")):
            (folder / path.name.replace("f0001", f"f{frame:04d}")).write_bytes(path.read_bytes())
    assert len(find_groups([str(folder)], [])[0]) == 4
    assert "frame 4 of a sequence from 1 to 5" in caplog.text


def test_two_files_that_are_named_are_seeds_of_one_frame(tmp_path):
    for name in ("still_s1.exr", "still_s2.exr"):
        (tmp_path / name).touch()
    groups, names = find_groups([str(tmp_path / "still_s1.exr")], [str(tmp_path / "still_s2.exr")])
    assert groups == [(tmp_path / "still_s1.exr", tmp_path / "still_s2.exr")] and names == ["still_s1.exr"]


def test_the_same_noise_and_other_sizes_are_no_seeds(tmp_path):
    for name, size in (("a", 40), ("same", 40), ("other", 44)):
        write_frame(tmp_path / f"{name}.exr", noisy_frame(true_frame(40, size), 1))
    assert find_subjects(0, (tmp_path / "a.exr", tmp_path / "same.exr"), None, ())[0].layer == "ViewLayer"
    with pytest.raises(N2NError, match="44×40"):
        find_subjects(0, (tmp_path / "a.exr", tmp_path / "other.exr"), None, ())
    with pytest.raises(N2NError, match="same noise"):
        read_group([tmp_path / "a.exr", tmp_path / "same.exr"], None, ())

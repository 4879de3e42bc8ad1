"""Which files are the seeds of a frame, and which are refused."""

import pytest
from conftest import noisy_frame, true_frame

from n2n_render.adapt.subjects import find_groups
from n2n_render.denoise.subjects import find_subjects
from n2n_render.errors import N2NError
from n2n_render.io.exr import write_frame
from n2n_render.io.renders import read_group


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


def test_what_is_not_there_is_said_before_a_pair_is_asked_for(make_dataset, tmp_path):
    with pytest.raises(N2NError, match="no such file"):
        find_groups([str(tmp_path / "nowhere")], [])
    make_dataset("shot", views=1, size=(8, 8))
    with pytest.raises(N2NError, match="is no dataset, but holds .*shot") as told:
        find_groups([str(tmp_path)], [])
    assert "n2n-render adapt" in told.value.hint


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

"""The dataset folder: pairs, splits, manifests."""

import pytest

from n2n_render.errors import N2NError
from n2n_render.io.dataset import find_datasets, find_pairs, read_manifest, split_pairs


def test_pairs_are_found_with_all_seeds_and_references(make_dataset):
    pairs = find_pairs(make_dataset(views=3, seeds=3, references=(1,)))
    assert [pair.view for pair in pairs] == ["v000", "v001", "v002"]
    assert [len(pair.noisy) for pair in pairs] == [3, 3, 3]
    assert [len(pair.references) for pair in pairs] == [0, 2, 0]


def test_a_frame_with_one_seed_is_no_pair(make_dataset):
    folder = make_dataset(views=2)
    (folder / "v001_f0001_s0002_0008spp.exr").unlink()
    assert [pair.view for pair in find_pairs(folder)] == ["v000"]


def test_views_are_held_out_whole_and_those_with_references_first(make_dataset):
    pairs = find_pairs(make_dataset(views=10, references=(4, 7)))
    training, validation = split_pairs(pairs, 0.2)
    assert [pair.view for pair in validation] == ["v004", "v007"]
    assert not set(training) & set(validation) and len(training) == 8


def test_every_dataset_holds_something_out_and_keeps_something(make_dataset):
    pairs = find_pairs(make_dataset("a", views=2)) + find_pairs(make_dataset("b", views=1, references=(0,)))
    training, validation = split_pairs(pairs, 0.1)
    assert {pair.dataset.name for pair in training} == {pair.dataset.name for pair in validation} == {"a", "b"}


def test_references_on_all_views_do_not_empty_the_training_set(make_dataset):
    training, validation = split_pairs(find_pairs(make_dataset(views=6, references=range(6))), 0.1)
    assert len(training) == 4 and len(validation) == 2


def test_datasets_are_found_below_a_root(make_dataset, tmp_path):
    folder = make_dataset("deep")
    assert find_datasets([tmp_path]) == [folder] == find_datasets([folder])


def test_a_dataset_counts_once_however_it_is_reached(make_dataset, tmp_path):
    """By two roots, by links beside it, above it and into itself; and is named as it really is, if that is below a root."""
    root = tmp_path / "roots"
    root.mkdir()
    folder = make_dataset("roots/deep")
    (root / "a link").symlink_to(folder)
    (folder / "up").symlink_to(root)
    (folder / "self").symlink_to(folder)
    (root / "broken").symlink_to(tmp_path / "nowhere")
    (root / "loop").symlink_to(root / "loop")
    assert find_datasets([root]) == [folder] == find_datasets([root, folder, root / "a link", root / "." / "deep"])
    assert find_datasets([root / "a link"]) == [root / "a link"]


def test_datasets_behind_links_are_found(make_dataset, tmp_path):
    make_dataset("elsewhere")
    (tmp_path / "root" / "in").mkdir(parents=True)
    (tmp_path / "root" / "in" / "link").symlink_to(tmp_path / "elsewhere")
    assert find_datasets([tmp_path / "root"]) == [tmp_path / "root" / "in" / "link"]


@pytest.mark.parametrize(
    "manifest",
    [
        "",
        "[]",
        '{"format": 1, "scene": {}}',
        '{"format": 1, "scene": {"file": 3}, "spp": 8}',
        "[" * 100_000,
        '{"format": 1, "scene": {"file": "x", "camera": [1]}, "spp": 8}',
        '{"format": 1, "scene": {"file": "x"}, "spp": -1}',
        '{"format": 1, "scene": {"file": "x"}, "spp": 8, "views": {"v000": [1, 2]}}',
    ],
)
def test_a_damaged_manifest_is_named_with_its_field(tmp_path, manifest):
    (tmp_path / "manifest.json").write_text(manifest)
    with pytest.raises(N2NError, match="manifest.json"):
        read_manifest(tmp_path)


def test_no_dataset_is_a_clear_error(tmp_path):
    with pytest.raises(N2NError, match="no dataset") as error:
        find_datasets([tmp_path])
    assert "n2n-render sample" in error.value.hint
    with pytest.raises(N2NError, match="no manifest.json"):
        read_manifest(tmp_path)

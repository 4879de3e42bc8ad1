"""Collections: prepared folders and plain ones, and which dataset is for which command."""

import json
import os
import threading

import numpy as np
import pytest
from PIL import Image

from n2n_render.errors import N2NError
from n2n_render.io.collection import open_collection
from n2n_render.io.dataset import find_datasets, read_manifest
from n2n_render.prepare import PrepareOptions, prepare

NAMES = ("a", "b", "below/c")


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    for index, name in enumerate(NAMES):
        path = folder / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture(index)).save(path)
    return folder


@pytest.fixture
def prepared(photos, tmp_path):
    prepare(PrepareOptions((str(photos),), str(tmp_path / "set")))
    return tmp_path / "set"


def picture(seed):
    return np.random.default_rng(seed).integers(0, 256, (40, 50 + seed, 3)).astype(np.uint8)


@pytest.mark.parametrize("which", ["photos", "prepared"])
def test_both_kinds_of_folder_hold_the_same_pictures(which, request):
    collection = open_collection(request.getfixturevalue(which))
    assert collection.kind == "photographs"
    assert [item.name for item in collection.items] == [f"photos/{name}" for name in NAMES]
    for index, item in enumerate(collection.items):
        (shot,) = item.shots
        np.testing.assert_array_equal(shot, picture(index))
    assert isinstance(collection.items[0].shots[0], np.memmap) == (which == "prepared")
    facts = collection.facts()
    assert facts["name"] == collection.folder.name and facts["frames"] == 3 and len(facts["sha256"]) == 64


@pytest.mark.parametrize("which", ["photos", "prepared"])
def test_other_pictures_have_another_sum(which, request, photos, tmp_path):
    before = open_collection(request.getfixturevalue(which)).sha256
    Image.fromarray(picture(0) ^ 1).save(photos / "a.png")
    if which == "prepared":
        prepare(PrepareOptions((str(photos),), str(tmp_path / "set")))
    assert open_collection(request.getfixturevalue(which)).sha256 != before


def test_what_cannot_be_read_is_left_out_of_a_plain_folder_and_told(photos, caplog):
    (photos / "broken.png").write_bytes(b"no picture")
    (photos / "notes.txt").write_text("no picture at all")
    (photos / ".hidden").mkdir()
    Image.fromarray(picture(1)).save(photos / ".hidden" / "d.png")
    assert len(open_collection(photos).items) == 3
    assert "broken.png" in caplog.text and "left out" in caplog.text and "notes" not in caplog.text


def test_what_is_passed_over_in_a_plain_folder_is_told(photos, caplog):
    for name in ("phone.heic", "film.gif", ".hidden"):
        (photos / name).write_bytes(b"other")
    open_collection(photos)
    assert "2 other file(s) passed over (.gif, .heic)" in caplog.text and "hidden" not in caplog.text


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_left_out_and_not_waited_for(photos, caplog):
    before = len(open_collection(photos).items)
    os.mkfifo(photos / "pipe.png")
    assert len(open_collection(photos).items) == before
    assert "pipe.png" in caplog.text


def test_pictures_of_one_name_are_told_apart(photos):
    Image.fromarray(picture(1)).save(photos / "a.webp")
    assert {"photos/a", "photos/a.webp"} <= {item.name for item in open_collection(photos).items}


@pytest.mark.parametrize("which", ["photos", "prepared"])
def test_pictures_are_read_from_many_threads(which, request):
    collection, found = open_collection(request.getfixturevalue(which)), []

    def read():
        found.extend(int(item.shots[0].sum()) for item in collection.items for _ in range(20))

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(set(found)) == sorted({int(picture(index).sum()) for index in range(3)}) and len(found) == 480


def test_a_folder_that_is_none_is_said(tmp_path, photos, prepared):
    with pytest.raises(N2NError, match="no such folder"):
        open_collection(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(N2NError, match="holds no images"):
        open_collection(tmp_path / "empty")
    with pytest.raises(N2NError, match="holds 1 prepared dataset"):
        open_collection(tmp_path)


def change(**values):
    def changed(manifest):
        manifest["images"]["items"][0].update(values)

    return changed


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda manifest: manifest["images"].pop("kind"), "kind is missing"),
        (lambda manifest: manifest["images"].update(kind="films"), "kind is 'films'"),
        (lambda manifest: manifest["images"].update(items=[]), "too few images"),
        (lambda manifest: manifest["images"].update(kind="bursts"), "too few images"),
        (lambda manifest: manifest["images"].update(items=[3]), r"items\[0\] is 3"),
        (change(size=[50, 41]), "missing or damaged"),
        (change(channels=2), "channels is 2"),
        (change(files=["other.npy"]), "other.npy: is missing or damaged"),
        (change(files=["../../secret.npy"]), "secret.npy: is missing or damaged"),
    ],
)
def test_a_damaged_manifest_gets_one_sentence(prepared, tmp_path, damage, words):
    np.save(tmp_path / "secret.npy", picture(0))
    manifest = json.loads((prepared / "manifest.json").read_text())
    damage(manifest)
    (prepared / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(N2NError, match=words):
        open_collection(prepared)


def test_an_array_that_was_cut_is_said(prepared):
    path = next(prepared.glob("*.npy"))
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(N2NError, match="missing or damaged"):
        open_collection(prepared)


def test_each_kind_of_dataset_says_which_command_it_is_for(prepared, make_dataset):
    for wrong in (lambda: find_datasets([prepared]), lambda: read_manifest(prepared), lambda: find_datasets([prepared.parent])):
        with pytest.raises(N2NError, match="no renderer made") as caught:
            wrong()
        assert "train --noise" in caught.value.hint
    renders = make_dataset()
    with pytest.raises(N2NError, match="dataset of renders") as caught:
        open_collection(renders)
    assert "n2n-render train --data" in caught.value.hint
    assert find_datasets([prepared.parent, renders]) == [renders]

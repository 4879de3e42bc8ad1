"""`prepare`: images become a dataset folder, whole or not at all."""

import contextlib
import json

import numpy as np
import pytest
from click.testing import CliRunner
from records import message, pictures, record

import n2n_render as n2n
from n2n_render.cli.commands import main
from n2n_render.errors import N2NError
from n2n_render.io.atomic import locked_folder
from n2n_render.io.collection import open_collection
from n2n_render.io.photographs import Photograph, write_photograph
from n2n_render.prepare import PrepareOptions, prepare
from n2n_render.prepare.finding import centred
from n2n_render.prepare.preparing import shrunk


def picture(seed, shape=(40, 50, 3), kind=np.uint8):
    return np.random.default_rng(seed).integers(0, np.iinfo(kind).max + 1, shape).astype(kind)


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    (folder / "below").mkdir(parents=True)
    write_photograph(folder / "a.png", Photograph(picture(0)))
    write_photograph(folder / "below" / "deep.tif", Photograph(picture(1, kind=np.uint16)))
    write_photograph(folder / "grey.webp", Photograph(picture(2, (33, 34, 1)), picture(3, (33, 34, 1))))
    np.save(folder / "raw.npy", np.full((40, 40), 0.5))
    return folder


def made(folder):
    return {item.name: item.shots for item in open_collection(folder).items}


def test_photographs_of_every_kind_keep_their_bits(photos, tmp_path):
    done = n2n.prepare(inputs=[photos], output=tmp_path / "set")
    assert (done.folder, done.kind, done.images, done.left_out) == (tmp_path / "set", "photographs", 4, ())
    shots = made(done.folder)
    np.testing.assert_array_equal(shots["photos/a"][0], picture(0))
    np.testing.assert_array_equal(shots["photos/below/deep"][0], picture(1, kind=np.uint16))
    assert shots["photos/grey"][0].shape == (33, 34, 3)  # alpha is no part of it
    assert shots["photos/raw"][0].dtype == np.float32
    manifest = json.loads((tmp_path / "set" / "manifest.json").read_text())
    assert manifest["format"] == 1
    assert {item["name"]: item["bits"] for item in manifest["images"]["items"]}["photos/below/deep"] == 16


def test_what_cannot_be_used_is_left_out_with_a_sentence(photos, tmp_path, silent):
    (photos / "broken.png").write_bytes(b"no picture")
    write_photograph(photos / "small.png", Photograph(picture(0, (31, 40, 3))))
    done = prepare(PrepareOptions((str(photos),), str(tmp_path / "set")), lambda title: contextlib.nullcontext(silent))
    assert done.images == 4 and len(done.left_out) == 2 and len(silent.warnings) == 2
    assert any("broken.png" in said for said in done.left_out) and any("40×31 pixels" in said for said in done.left_out)
    assert json.loads((tmp_path / "set" / "manifest.json").read_text())["images"]["left_out"] == list(done.left_out)


def test_nothing_readable_is_an_error_and_leaves_no_folder(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(b"no picture")
    with pytest.raises(N2NError, match=r"none of the 1 file.*a.png"):
        n2n.prepare(inputs=[tmp_path / "in"], output=tmp_path / "set")
    assert not (tmp_path / "set").exists()


@pytest.mark.parametrize("one_by_one", [False, True])
def test_images_are_named_as_those_of_their_plain_folder(tmp_path, one_by_one):
    """So that `evaluate` on that folder knows what a model was trained on."""
    for name in ("IMG.1.png", "IMG.2.png", "beach.png", "beach.webp"):
        write_photograph(tmp_path / "in" / name, Photograph(picture(0, (40, 48, 3))))
    files = sorted((tmp_path / "in").iterdir())
    n2n.prepare(inputs=files if one_by_one else [tmp_path / "in"], output=tmp_path / "set")
    names = list(made(tmp_path / "set"))
    assert names == ["in/IMG.1", "in/IMG.2", "in/beach", "in/beach.webp"]
    assert names == [item.name for item in open_collection(tmp_path / "in").items]


def test_names_are_never_given_twice(tmp_path):
    for place in "abc":
        write_photograph(tmp_path / place / "in" / "beach.png", Photograph(picture(0, (40, 48, 3))))
    n2n.prepare(inputs=[tmp_path / place / "in" for place in "abc"], output=tmp_path / "set")
    assert list(made(tmp_path / "set")) == ["in/beach", "in/beach.png", "in/beach.png-3"]


def test_shrinking_takes_the_mean_and_leaves_no_bias(tmp_path):
    write_photograph(tmp_path / "a.png", Photograph(picture(0, (81, 100, 3))))
    n2n.prepare(inputs=[tmp_path / "a.png"], output=tmp_path / "set", shrink=2)
    (shot,) = made(tmp_path / "set")[f"{tmp_path.name}/a"]
    assert shot.shape == (40, 50, 3) and shot.dtype == np.uint8
    means = picture(0, (81, 100, 3))[:80].reshape(40, 2, 50, 2, 3).mean((1, 3))
    assert np.abs(shot - means).max() <= 0.5 and abs(float(np.mean(shot - means))) < 0.02
    np.testing.assert_allclose(shrunk(np.full((9, 9, 1), 0.25, np.float32), 3), 0.25)


def test_each_folder_is_a_burst(tmp_path):
    for burst, count in (("first", 3), ("second", 2), ("alone", 1)):
        (tmp_path / "in" / burst).mkdir(parents=True)
        for shot in range(count):
            write_photograph(tmp_path / "in" / burst / f"{shot}.png", Photograph(picture(shot)))
    (tmp_path / "in" / "odd").mkdir()
    write_photograph(tmp_path / "in" / "odd" / "0.png", Photograph(picture(0)))
    write_photograph(tmp_path / "in" / "odd" / "1.png", Photograph(picture(0, (50, 40, 3))))
    done = n2n.prepare(inputs=[tmp_path / "in"], output=tmp_path / "set", bursts=True)
    assert done.kind == "bursts" and len(done.left_out) == 2
    shots = made(tmp_path / "set")
    assert {name: len(each) for name, each in shots.items()} == {"in/first": 3, "in/second": 2}
    np.testing.assert_array_equal(shots["in/first"][2], picture(2))


def test_volumes_become_slices_around_the_middle(tmp_path):
    nibabel = pytest.importorskip("nibabel")
    volume = np.zeros((40, 60, 20), np.float32)
    volume[5:35, 10:50, 4:16] = picture(0, (30, 40, 12)) + 1.0
    nibabel.save(nibabel.Nifti1Image(volume, np.eye(4)), tmp_path / "head.nii.gz")
    done = n2n.prepare(inputs=[tmp_path / "head.nii.gz"], output=tmp_path / "set", slices=(2, 9), size=48)
    assert done.kind == "slices"
    shots = made(tmp_path / "set")
    assert list(shots) == [f"{tmp_path.name}/head/axial-{index:03d}" for index in range(4, 10)]  # there is nothing in 2 and 3
    (shot,) = shots[f"{tmp_path.name}/head/axial-004"]
    assert shot.shape == (48, 48, 1) and shot.dtype == np.float32 and 0.9 < shot.max() <= 1
    assert not shot[:, :4].any() and not shot[:, -4:].any() and shot[4:44, 9:39].all()
    n2n.prepare(inputs=[tmp_path / "head.nii.gz"], output=tmp_path / "all", planes=["coronal", "sagittal"])
    assert {name.split("/")[-1].split("-")[0] for name in made(tmp_path / "all")} == {"coronal", "sagittal"}
    with pytest.raises(N2NError, match="has 20 axial slices"):
        n2n.prepare(inputs=[tmp_path / "head.nii.gz"], output=tmp_path / "none", slices=(20, 30))


@pytest.mark.parametrize("shape", [(5, 9), (6, 8), (9, 5), (7, 7), (8, 3)])
def test_the_middle_stays_the_middle(shape):
    image = np.zeros(shape)
    image[shape[0] // 2, shape[1] // 2] = 1
    there = np.argwhere(centred(image, 7))[0]
    assert np.abs(there - 3).max() <= 1


def test_records_become_photographs(tmp_path):
    content = b"".join(record(message(pixels)) for pixels in pictures())
    (tmp_path / "train.tfrecords").write_bytes(content)
    done = n2n.prepare(inputs=[tmp_path / "train.tfrecords"], output=tmp_path / "set")
    assert done.kind == "photographs"
    for shots, pixels in zip(made(tmp_path / "set").values(), pictures(), strict=True):
        np.testing.assert_array_equal(shots[0], pixels)
    (tmp_path / "train.tfrecords").write_bytes(content[:-5])
    done = n2n.prepare(inputs=[tmp_path / "train.tfrecords"], output=tmp_path / "cut")
    assert done.images == 2 and "picture 3 cannot be read" in done.left_out[0]  # those before it are whole


def test_the_same_call_makes_it_anew_and_another_one_is_refused(photos, tmp_path):
    n2n.prepare(inputs=[photos], output=tmp_path / "set")
    (photos / "raw.npy").unlink()
    assert n2n.prepare(inputs=[photos], output=tmp_path / "set").images == 3
    assert len(list((tmp_path / "set").iterdir())) == 4
    with pytest.raises(N2NError, match="prepared in another way"):
        n2n.prepare(inputs=[photos], output=tmp_path / "set", shrink=2)
    assert open_collection(tmp_path / "set").items


def test_a_folder_that_holds_something_else_is_left_alone(photos, tmp_path, make_dataset):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "notes.txt").write_text("mine")
    for folder in (tmp_path / "notes", photos, make_dataset()):
        before = sorted(folder.rglob("*"))
        with pytest.raises(N2NError, match="holds something else|cannot be both"):
            n2n.prepare(inputs=[photos], output=folder)
        assert sorted(folder.rglob("*")) == before


def test_an_output_inside_of_the_input_is_no_input(photos):
    for _ in range(2):
        assert n2n.prepare(inputs=[photos], output=photos / "set").images == 4


def test_an_interrupted_run_leaves_nothing(photos, tmp_path, silent):
    n2n.prepare(inputs=[photos], output=tmp_path / "set")

    def stop(amount, text="", finished=True):
        raise KeyboardInterrupt

    silent.advance = stop
    for name in ("set", "new"):
        with pytest.raises(KeyboardInterrupt):
            prepare(PrepareOptions((str(photos),), str(tmp_path / name)), lambda title: contextlib.nullcontext(silent))
        assert not list((tmp_path / name).glob("*"))


def test_what_a_killed_run_left_is_replaced(photos, tmp_path):
    (tmp_path / "set").mkdir()
    np.save(tmp_path / "set" / "picture_00009.npy", picture(0))
    assert n2n.prepare(inputs=[photos], output=tmp_path / "set").images == 4
    assert not (tmp_path / "set" / "picture_00009.npy").exists()


def test_one_run_at_a_time_writes_there(photos, tmp_path):
    with locked_folder(tmp_path / "set"), pytest.raises(N2NError, match="another run is writing here"):
        n2n.prepare(inputs=[photos], output=tmp_path / "set")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"inputs": []}, "no inputs"),
        ({"inputs": ["nowhere.png"]}, "no such file or folder"),
        ({"slices": (3, 5)}, "are for volumes"),
        ({"size": 64}, "are for volumes"),
        ({"slices": (5, 3)}, "end before they begin"),
        ({"planes": ("oblique",)}, "must be one of axial"),
        ({"shrink": 0}, "shrink is 0"),
    ],
)
def test_wrong_options_get_one_sentence(photos, tmp_path, values, words):
    with pytest.raises(N2NError, match=words):
        n2n.prepare(**{"inputs": [photos], "output": tmp_path / "set", **values})
    assert not (tmp_path / "set").exists()


def test_other_files_and_mixed_kinds_are_refused(photos, tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(N2NError, match="no kind of image"):
        n2n.prepare(inputs=[tmp_path / "notes.txt"], output=tmp_path / "set")
    (photos / "head.nii").write_bytes(b"")
    with pytest.raises(N2NError, match="photographs and volumes"):
        n2n.prepare(inputs=[photos], output=tmp_path / "set")
    (tmp_path / "empty").mkdir()
    with pytest.raises(N2NError, match="no images in"):
        n2n.prepare(inputs=[tmp_path / "empty"], output=tmp_path / "set")


def run(*arguments):
    return CliRunner().invoke(main, [*map(str, arguments)])


def test_the_command_says_what_it_made_and_what_comes_next(photos, tmp_path):
    (photos / "broken.png").write_bytes(b"no picture")
    done = run("prepare", photos, "-o", tmp_path / "set")
    assert done.exit_code == 0
    assert "4 photographs, 1 file(s) left out" in done.output
    assert f"next: n2n-render train --noise gaussian --data {tmp_path / 'set'}" in done.output.replace("\n", " ").replace(
        "  ", " "
    )


def test_the_command_tells_programs_what_it_made(photos, tmp_path):
    done = run("--progress", "json", "prepare", photos, "-o", tmp_path / "set")
    result = json.loads(done.stderr.splitlines()[-1])
    assert {name: result[name] for name in ("kind", "images", "left_out")} == {
        "kind": "photographs",
        "images": 4,
        "left_out": [],
    }


@pytest.mark.parametrize("text", ["25", "a-b", "1-2-3"])
def test_slices_that_cannot_be_read_are_a_mistake(photos, tmp_path, text):
    done = run("prepare", photos, "-o", tmp_path / "set", "--slices", text)
    assert done.exit_code == 1 and "cannot read --slices" in done.output


def test_what_is_prepared_is_no_photograph(photos, tmp_path, caplog):
    prepare(PrepareOptions((str(photos),), str(photos / "below" / "set")))
    assert prepare(PrepareOptions((str(photos),), str(tmp_path / "again"))).images == 4
    assert "below/set: is a prepared dataset; passed over" in caplog.text
    with pytest.raises(N2NError, match="is prepared already"):
        prepare(PrepareOptions((str(photos / "below" / "set"),), str(tmp_path / "third")))
    assert not (tmp_path / "third").exists()


def test_other_files_are_counted_and_told(photos, tmp_path, caplog):
    for name in ("film.gif", "raw.CR2", "notes"):
        (photos / name).write_bytes(b"other")
    prepare(PrepareOptions((str(photos),), str(tmp_path / "set")))
    assert "photos: 3 other file(s) passed over (.cr2, .gif, no suffix)" in caplog.text


def test_a_broken_shot_leaves_the_others_of_its_burst(tmp_path):
    folder = tmp_path / "bursts"
    folder.mkdir()
    for index in range(3):
        write_photograph(folder / f"{index}.png", Photograph(picture(index)))
    (folder / "1.png").write_bytes((folder / "1.png").read_bytes()[:500])
    done = prepare(PrepareOptions((str(folder),), str(tmp_path / "set"), bursts=True))
    assert [len(shots) for shots in made(done.folder).values()] == [2]
    assert len(done.left_out) == 1 and "1.png: cannot be read" in done.left_out[0]


def test_half_a_dataset_is_none(photos, tmp_path):
    prepare(PrepareOptions((str(photos),), str(tmp_path / "set")))
    manifest = tmp_path / "set" / "manifest.json"
    for text in (None, "[]", manifest.read_text().replace('"format": 1', '"format": 2')):
        manifest.unlink() if text is None else manifest.write_text(text)
        with pytest.raises(N2NError, match="manifest.json is missing, damaged or of another version"):
            open_collection(tmp_path / "set")


def test_a_source_without_pictures_is_told(tmp_path):
    (tmp_path / "none.tfrecords").write_bytes(b"")
    with pytest.raises(N2NError, match="none.tfrecords: holds no pictures"):
        prepare(PrepareOptions((str(tmp_path / "none.tfrecords"),), str(tmp_path / "set")))


def test_one_is_one(photos, tmp_path):
    assert (
        "set: 1 photograph\n"
        in CliRunner().invoke(main, ["prepare", str(photos / "a.png"), "-o", str(tmp_path / "set")]).output
    )

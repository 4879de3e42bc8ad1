"""serve: `vectors` and `pictures`, which complete files and show them."""

import numpy as np
import pytest
from conftest import noisy_frame, true_frame
from layouts import one, planes, write_parts
from serve_fixtures import left_over, picture

from n2n_render.io.exr import ExrImage, read_frame, write_frame

SIZE = (48, 64)


@pytest.fixture
def sharp(tmp_path):
    frame = true_frame(*SIZE)
    frame.vector = np.random.default_rng(1).normal(size=(*SIZE, 4)).astype(np.float32)
    write_frame(tmp_path / "sharp.exr", frame)
    return tmp_path / "sharp.exr"


@pytest.mark.slow
def test_vectors_are_put_in_whether_there_are_any_or_not(served, sharp, tmp_path):
    bare, empty = noisy_frame(true_frame(*SIZE), 1), noisy_frame(true_frame(*SIZE), 2)
    empty.vector = np.zeros((*SIZE, 4), np.float32)
    for name, frame in (("bare", bare), ("empty", empty)):
        write_frame(tmp_path / f"{name}.exr", frame)
    served.ask(id=1, do="vectors", source=str(sharp), into=[str(tmp_path / "bare.exr"), str(tmp_path / "empty.exr")])
    assert served.last(1)[0]["event"] == "done"
    for name, frame in (("bare", bare), ("empty", empty)):
        found = read_frame(tmp_path / f"{name}.exr", ("albedo", "vector"))
        assert np.array_equal(found.vector, read_frame(sharp, ("vector",)).vector)
        assert np.array_equal(found.color, frame.color) and np.array_equal(found.albedo, frame.albedo)
    assert not left_over(tmp_path)


@pytest.mark.slow
def test_every_view_layer_gets_its_own(served, tmp_path):
    frame, vectors = true_frame(*SIZE), {layer: np.full((*SIZE, 4), index, np.float32) for index, layer in enumerate("ABC")}
    pictures = {layer: planes(f"{layer}.Combined", frame.color) for layer in "ABC"}
    given = [planes(f"{layer}.Vector", vectors[layer], "XYZW") for layer in "BA"]
    source = write_parts(tmp_path / "source.exr", one(pictures["B"], pictures["A"], *given))
    path = write_parts(tmp_path / "into.exr", one(pictures["A"], pictures["B"], pictures["C"]))
    served.ask(id=1, do="vectors", source=str(source), into=[str(path)])
    assert served.last(1)[0]["event"] == "done"
    image = ExrImage.open(path)
    assert {layer: image.has(layer, "vector") for layer in "ABC"} == {"A": True, "B": True, "C": False}
    assert all(np.array_equal(image.frame(layer, ("vector",)).vector, vectors[layer]) for layer in "AB")


@pytest.mark.slow
def test_vectors_that_do_not_fit_change_nothing(served, sharp, tmp_path):
    write_frame(tmp_path / "bare.exr", noisy_frame(true_frame(*SIZE), 1))
    write_frame(tmp_path / "small.exr", noisy_frame(true_frame(40, 40), 1))
    write_frame(tmp_path / "other.exr", noisy_frame(true_frame(*SIZE), 1), layer="Other")
    before = {path: path.read_bytes() for path in tmp_path.glob("*.exr")}
    for identity, (source, into, says) in enumerate(
        (
            (tmp_path / "bare.exr", sharp, "no Vector pass"),
            (sharp, tmp_path / "small.exr", "differ in size"),
            (sharp, tmp_path / "other.exr", "no view layer in common"),
            (sharp, tmp_path / "folder" / ".." / "sharp.exr", "source itself"),
            (sharp, tmp_path / "none.exr", "none.exr"),
        )
    ):
        served.ask(id=identity, do="vectors", source=str(source), into=[str(into)])
        found, _ = served.last(identity)
        assert found["event"] == "error" and says in found["what"] and found["hint"], found
    assert {path: path.read_bytes() for path in tmp_path.glob("*.exr")} == before


@pytest.fixture
def done(tmp_path):
    """(denoised, rendered): two view layers, of which one has an Error pass; and Blender's own composited picture."""
    rng = np.random.default_rng(1)
    images = {name: rng.random((*SIZE, 3), np.float32) for name in ("A", "B", "clean A", "clean B", "Composite")}
    error = planes("B.Error", rng.random((*SIZE, 1), np.float32), "V")
    composite = planes("Composite.Combined", images["Composite"])
    layers = {name: planes(f"{name[-1]}.Combined", images[name]) for name in ("A", "B", "clean A", "clean B")}
    rendered = write_parts(tmp_path / "rendered.exr", one(layers["A"], layers["B"], composite))
    return write_parts(tmp_path / "clean.exr", one(layers["clean A"], layers["clean B"], error, composite)), rendered


def pictures(clean, rendered, folder):
    return {"do": "pictures", "input": str(clean), "rendered": str(rendered), "folder": str(folder)}


@pytest.mark.slow
def test_pictures_of_every_layer_and_of_its_error(served, done, tmp_path):
    served.ask(id=1, **pictures(*done, tmp_path / "shown"))
    found, _ = served.last(1)
    assert found["layers"] == {"A": 0, "B": 1} and found["errors"] == ["B"], found
    clean, rendered = map(ExrImage.open, done)
    for layer, number in found["layers"].items():
        assert np.array_equal(picture(tmp_path / "shown" / f"{number}.denoised.exr"), clean.picture(layer))
        assert np.array_equal(picture(tmp_path / "shown" / f"{number}.rendered.exr"), rendered.picture(layer))
    error = picture(tmp_path / "shown" / "1.error.exr")
    assert np.array_equal(error[..., :3], clean.pass_pixels("B", "Error").repeat(3, -1)) and (error[..., 3] == 1).all()
    assert sorted(path.name for path in (tmp_path / "shown").iterdir()) == sorted(
        ["0.denoised.exr", "0.rendered.exr", "1.denoised.exr", "1.rendered.exr", "1.error.exr"]
    )


@pytest.mark.slow
def test_pictures_write_over_nothing_that_is_read(served, done, tmp_path):
    clean, rendered = done
    place = tmp_path / "0.rendered.exr"
    rendered.rename(place)
    before = place.read_bytes()
    write_frame(tmp_path / "other.exr", true_frame(*SIZE))
    for identity, (request, says) in enumerate(
        (
            (pictures(clean, place, tmp_path), "rendered file, too"),
            (pictures(clean, place, clean), "not a folder"),
            (pictures(clean, tmp_path / "other.exr", tmp_path / "shown"), "no view layer 'A'"),
            (pictures(clean, tmp_path / "none.exr", tmp_path / "shown"), "none.exr"),
        )
    ):
        served.ask(id=identity, **request)
        found, _ = served.last(identity)
        assert found["event"] == "error" and says in found["what"], found
    assert place.read_bytes() == before

"""What is no photograph, no slice and no collection, for each command that takes them: one sentence, and nothing half-written.

`--reliability-cases 1000` tries every file at every place, else a seeded choice of them.
"""

import io
import json
import random
import struct
from pathlib import Path

import numpy as np
import pytest
from test_hostile_inputs import assert_refused, run, tree

from n2n_render.network.build import build_network
from n2n_render.network.checkpoint import Checkpoint, write_checkpoint
from n2n_render.network.provenance import Provenance
from n2n_render.network.specification import PaperNetwork, signal_specification

image_module = pytest.importorskip("PIL.Image")


def picture(height=40, width=48, channels=3):
    return np.random.default_rng(height).integers(0, 256, (height, width, channels)).astype(np.uint8)


def encoded(kind, mode="RGB", **settings):
    stream = io.BytesIO()
    image_module.fromarray(picture()).convert(mode).save(stream, kind, **settings)
    return stream.getvalue()


def of_two(kind):
    second = image_module.fromarray(picture()[::-1])
    return encoded(kind, save_all=True, append_images=[second])


def array(values, **settings):
    stream = io.BytesIO()
    np.save(stream, values, **settings)
    return stream.getvalue()


def archive():
    stream = io.BytesIO()
    np.savez(stream, picture())
    return stream.getvalue()


def flipped(data):
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 255]) + data[middle + 1 :]


NO_PHOTOGRAPHS = {
    "empty.png": b"",
    "text.jpg": b"no picture\n" * 20,
    "cut.jpg": encoded("JPEG")[:-900],
    "cut.png": encoded("PNG")[:-900],
    "flipped.png": flipped(encoded("PNG")),
    "inks.jpg": encoded("JPEG", "CMYK"),
    "bits.png": encoded("PNG", "1"),
    "moving.webp": of_two("WebP"),
    "moving.png": of_two("PNG"),
    "pages.tif": of_two("TIFF"),
    "bomb.png": encoded("PNG")[:16] + struct.pack(">II", 2**31 - 1, 2**31 - 1) + encoded("PNG")[24:],
    "numbers.npy": array(picture().astype(np.int32)),
    "nan.npy": array(np.full((40, 40), np.nan)),
    "beyond.npy": array(picture().astype(np.float32)),
    "none.npy": array(picture()[:0]),
    "many.npy": array(picture(40, 40, 5)),
    "film.npy": array(picture()[None]),
    "objects.npy": array(np.array([print], object), allow_pickle=True),
    "fields.npy": array(np.zeros((40, 40), [("a", "u1")])),
    "archive.npy": archive(),
    "complex.npy": array(picture()[..., 0] + 1j),
}
# Where a command takes a photograph: `{}` stands for it, alone in a folder where the command takes folders.
PLACES = {
    "denoise": ["denoise", "{}", "--model", "color.pt", "--engine", "torch", "-o", "out.png"],
    "denoise folder": ["denoise", "alone", "--model", "color.pt", "--engine", "torch", "-o", "out"],
    "denoise k-space": ["denoise", "{}", "--model", "slices.pt", "--engine", "torch", "-o", "out.png"],
    "prepare": ["prepare", "{}", "-o", "out"],
    "prepare folder": ["prepare", "alone", "-o", "out"],
    "prepare bursts": ["prepare", "alone", "--bursts", "-o", "out"],
    "train": ["train", "--noise", "gaussian", "--data", "alone", "--out", "out", "--steps", "1"],
    "train pairs": ["train", "--noise", "pairs", "--data", "alone", "--out", "out", "--steps", "1"],
    "train --init": ["train", "--noise", "gaussian", "--data", "photos", "--init", "{}", "--out", "out", "--steps", "1"],
    "evaluate": ["evaluate", "--noise", "gaussian", "--data", "alone", "--model", "color.pt", "--out", "out"],
    "export --check": ["export", "color.pt", "--format", "torchscript", "-o", "out.pt", "--check", "{}"],
}
CASES = [(where, name) for where in PLACES for name in NO_PHOTOGRAPHS if (where, name) != ("denoise k-space", "complex.npy")]


def pytest_generate_tests(metafunc):
    if "no_photograph" in metafunc.fixturenames:
        config = metafunc.config
        count, rng = config.getoption("--reliability-cases"), random.Random(config.getoption("--reliability-seed"))
        chosen = CASES if count >= 1000 else rng.sample(CASES, min(count, len(CASES)))
        metafunc.parametrize("no_photograph", chosen, ids=lambda case: "-".join(case).replace(" ", "_"))


@pytest.fixture(scope="module")
def material(tmp_path_factory):
    """A folder with a model of photographs, one of slices, photographs, and a dataset that was made of them."""
    folder = tmp_path_factory.mktemp("material")
    for name, noise, channels in (("color", "gaussian", 3), ("slices", "mri", 1)):
        model = signal_specification(channels, PaperNetwork("none", "direct", 2, 8, 8))
        told = Provenance(options={"noise": noise}, datasets=({"name": "photos"},), step=1)
        write_checkpoint(folder / f"{name}.pt", Checkpoint(model, build_network(model, seed=1).state_dict(), told))
    (folder / "photos").mkdir()
    for index in range(3):
        image_module.fromarray(picture(40 + index)).save(folder / "photos" / f"{index}.png")
    assert run("prepare", folder / "photos", "-o", folder / "set").exit_code == 0
    return folder


def test_what_is_no_photograph_is_one_sentence_and_nothing_is_written(place, no_photograph):
    where, name = no_photograph
    (place / "alone").mkdir()
    (place / "alone" / name).write_bytes(NO_PHOTOGRAPHS[name])
    before = tree(place)
    assert_refused(run(*[part.replace("{}", f"alone/{name}") for part in PLACES[where]]))
    after = tree(place)
    after.pop(Path("out"), None)  # an empty folder may be left
    assert after == before


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (3, 2), (33, 17)], ids=str)
def test_photographs_of_every_size_are_denoised(place, size):
    image_module.fromarray(picture(*size)).save(place / "a.png")
    for average in ("1", "8"):
        denoise = ["denoise", "a.png", "--model", "color.pt", "--engine", "torch", "--average", average, "-o", "out.png"]
        assert run(*denoise).exit_code == 0
        assert image_module.open(place / "out.png").size == size[::-1]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ü ß 日本", "100% %d %s", "[1-10]", "####", "a.b.c", 'it\'s "q"', "{x}", "*"])
def test_strange_names_are_kept(place, name):
    (place / "photos" / "0.png").rename(place / "photos" / f"{name}.png")
    for command in (
        ["prepare", "photos", "-o", name],
        ["denoise", f"photos/{name}.png", "--model", "color.pt", "--engine", "torch", "-o", "out"],
        ["train", "--noise", "gaussian", "--data", name, "--out", f"run {name}", "--levels", "2", "--widths", "8,8"]
        + ["--steps", "1", "--crop", "16", "--precision", "float32"],
    ):
        result = run(*command)
        assert result.exit_code == 0, result.output
    assert (place / "out" / f"{name}.png").exists() and (place / f"run {name}" / "best.pt").exists()
    names = [item["name"] for item in json.loads((place / name / "manifest.json").read_text())["images"]["items"]]
    assert f"photos/{name}" in names


def test_a_dataset_that_was_cut_short_is_one_sentence(place):
    part = next((place / "set").glob("*.npy"))
    part.write_bytes(part.read_bytes()[:-10])
    before = tree(place)
    for command in (PLACES["train"], PLACES["evaluate"]):
        assert_refused(run(*[word.replace("alone", "set") for word in command]))
    assert tree(place) == before

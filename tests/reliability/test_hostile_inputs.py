"""What is no input, for every command: one sentence, no traceback, nothing written. What is only strange is denoised.

`--reliability-cases 1000` tries every input at every place of every command, else a seeded choice of them.
"""

import os
import random
import struct
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
from click.testing import CliRunner
from conftest import noisy_frame, true_frame
from exr_damage import write_whole
from test_damaged_files import tiny_model

from n2n_render.cli.commands import main
from n2n_render.io.dataset import FrameName, write_manifest
from n2n_render.io.exr import read_frame, write_frame

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8ffff3f0005fe02fe"
    "0def46b80000000049454e44ae426082"
)
LONG = "n" * 300


def write_exr(path: Path, names):
    OpenEXR.File({}, {name: np.ones((8, 8), np.float32) for name in names}).write(str(path))


def set_bytes(path: Path, name: bytes, value: bytes):
    """Into an attribute of a written file: name, type and length stand before the value."""
    data = bytearray(path.read_bytes())
    place = data.index(name) + len(name) + 4
    data[place : place + len(value)] = value
    path.write_bytes(data)


def write_deep(path: Path):
    write_exr(path, ["ViewLayer.Combined.R"])
    data = bytearray(path.read_bytes())
    data[5] |= 0x08
    path.write_bytes(data)


def write_window(path: Path, *window):
    write_whole(path, "single", "ZIP", False)
    for name in (b"dataWindow\0box2i\0", b"displayWindow\0box2i\0"):
        set_bytes(path, name, struct.pack("<iiii", *window))


def write_unknown_compression(path: Path):
    write_whole(path, "single", "ZIP", False)
    set_bytes(path, b"compression\0compression\0", b"\x0d")  # known by its name, without a decoder


def write_subsampled(path: Path):
    write_whole(path, "single", "B44", False)
    data = bytearray(path.read_bytes())
    name = b"ViewLayer.Denoising Albedo.R\0"
    data[data.index(name) + len(name) + 8] = 2
    path.write_bytes(data)


# Files that are no image to denoise: name → what writes it.
WRONG_FILES = {
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("v 1.0 2.0 3.0\n" * 50),
    "png": lambda path: path.write_bytes(PNG),
    "magic only": lambda path: path.write_bytes(bytes.fromhex("762f3101")),
    "folder": lambda path: path.mkdir(),
    "folder of text": lambda path: (path.mkdir(), (path / "a.exr").write_text("text")),
    "broken link": lambda path: path.symlink_to(path.with_name("nowhere")),
    "link to itself": lambda path: path.symlink_to(path),
    "unknown compression": write_unknown_compression,
    "deep": write_deep,
    "huge": lambda path: write_window(path, 0, 0, 2**30, 2**30),
    "turned window": lambda path: write_window(path, 10, 10, 0, 0),
    "window beyond numbers": lambda path: write_window(path, -(2**31), -(2**31), 2**31 - 1, 2**31 - 1),
    "subsampled": write_subsampled,
    "no pass": lambda path: write_exr(path, ["ViewLayer.Depth.Z"]),
    "no layer": lambda path: write_exr(path, ["Y"]),
    "no guides": lambda path: write_exr(path, [f"ViewLayer.Combined.{letter}" for letter in "RGBA"]),
    "half a colour": lambda path: write_exr(path, ["ViewLayer.Combined.R", "ViewLayer.Combined.G"]),
}
# Texts that name nothing.
WRONG_NAMES = {
    "missing": "missing.exr",
    "nothing": "",
    "space": " ",
    "long": f"{LONG}.exr",
    "longer": "x/" * 3000 + "a.exr",
    "zero": "a\0b.exr",
    "newline": "a\nb.exr",
    "quotes": "\"'`$(x);.exr",
    "unicode": "ü💡\u202e.exr",
    "no text": os.fsdecode(b"\xff\xfe.exr"),
    "markup": "[red]a[/red] [link=x]b.exr",
    "device": os.devnull,
    "below a file": "model.pt/a.exr",
    "home": "~nobody/a.exr",
    "url": "https://example.org/a.exr",
    "percent": "%s%n.exr",
    "regex": "a(?P<x>[.exr",
    "dots": "...",
}
# Where a command takes a file: `{}` stands for it.
PLACES = {
    "denoise": ["denoise", "{}", "--model", "model.pt", "--engine", "torch", "-o", "out.exr"],
    "denoise more": ["denoise", "good.exr", "{}", "--model", "model.pt", "--engine", "torch", "-o", "out"],
    "denoise --pair": ["denoise", "good.exr", "--pair", "{}", "--model", "model.pt", "--engine", "torch", "-o", "out.exr"],
    "denoise --model": ["denoise", "good.exr", "--model", "{}", "--engine", "torch", "-o", "out.exr"],
    "adapt": ["adapt", "{}", "--pair", "good.exr", "--init", "model.pt", "-o", "out", "--steps", "1"],
    "adapt --pair": ["adapt", "good.exr", "--pair", "{}", "--init", "model.pt", "-o", "out", "--steps", "1"],
    "adapt --init": ["adapt", "good.exr", "--pair", "pair.exr", "--init", "{}", "-o", "out", "--steps", "1"],
    "adapt dataset": ["adapt", "{}", "--init", "model.pt", "-o", "out", "--steps", "1"],
    "train --data": ["train", "--data", "{}", "--out", "out", "--steps", "1"],
    "train --init": ["train", "--hdr", "--init", "{}", "--data", "data", "--out", "out", "--steps", "1"],
    "train --resume": ["train", "--resume", "{}"],
    "export": ["export", "{}", "--format", "onnx", "-o", "out.onnx", "--check", "good.exr"],
    "export --check": ["export", "model.pt", "--format", "tza", "-o", "out.tza", "--check", "{}"],
    "evaluate --data": ["evaluate", "--data", "{}", "--out", "out"],
    "evaluate --model": ["evaluate", "--model", "{}", "--data", "data", "--out", "out", "--no-oidn"],
    "evaluate --frames": ["evaluate", "--frames", "{}", "--data", "data", "--out", "out", "--no-oidn"],
    "sample --scene": ["sample", "--scene", "{}", "--spp", "1", "--out", "out"],
    "sample --blender": ["sample", "--scene", "text.blend", "--blender", "{}", "--spp", "1", "--out", "out"],
    "online --scene": ["online", "--scene", "{}", "--frames", "1-2", "--spp", "1", "-o", "out", "--init", "nothing"],
    "demo --blender": ["demo", "--blender", "{}", "--out", "out"],
}


STARTS_BLENDER = ("sample --scene", "sample --blender", "online --scene", "demo --blender")  # with any file that is there
MEANS_HERE = ("adapt dataset", "train --data", "evaluate --data", "evaluate --frames")  # "" is the current folder
CASES = [
    (place, kind)
    for place in PLACES
    for kind in (*WRONG_NAMES, *WRONG_FILES)
    if not (place in STARTS_BLENDER and kind in WRONG_FILES) and not (place in MEANS_HERE and kind == "nothing")
]


def pytest_generate_tests(metafunc):
    if "hostile" in metafunc.fixturenames:
        config = metafunc.config
        count, rng = config.getoption("--reliability-cases"), random.Random(config.getoption("--reliability-seed"))
        chosen = CASES if count >= 1000 else rng.sample(CASES, min(2 * count, len(CASES)))
        metafunc.parametrize("hostile", chosen, ids=lambda case: "-".join(case).replace(" ", "_"))


@pytest.fixture(scope="session")
def material(tmp_path_factory):
    """A folder with a model, a good pair, a dataset with references, and what is no scene."""
    folder = tmp_path_factory.mktemp("material")
    tiny_model(folder).rename(folder / "model.pt")
    for seed, name in enumerate(("good.exr", "pair.exr")):
        write_frame(folder / name, noisy_frame(true_frame(32, 40), seed))
    (folder / "text.blend").write_text("no scene")
    (folder / "data").mkdir()
    for kind, seed in (("s", 1), ("s", 2), ("r", 1), ("r", 2)):
        name = FrameName("v000", 1, kind, seed, 8).filename
        write_frame(folder / "data" / name, noisy_frame(true_frame(32, 40), seed + 10 * (kind == "r")))
    write_manifest(folder / "data", {"format": 1, "scene": {"file": "a.blend", "sha256": "0"}, "spp": 8, "seeds": 2})
    return folder


def tree(folder: Path) -> dict:
    """Every file and folder, with what changes when it is written."""
    return {
        path.relative_to(folder): (path.lstat().st_size, path.lstat().st_mtime_ns) if path.is_file() else None
        for path in folder.rglob("*")
    }


def run(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def assert_refused(result):
    """One sentence with a hint, or click's usage; no traceback."""
    assert result.exit_code in (1, 2), (result.exit_code, result.output, repr(result.exception))
    assert isinstance(result.exception, SystemExit), repr(result.exception)
    assert "Traceback" not in result.output
    assert ("error: " if result.exit_code == 1 else "Usage:") in result.output, result.output


@pytest.mark.slow
def test_what_is_no_input_is_one_sentence_and_nothing_is_written(place, hostile):
    where, kind = hostile
    if kind in WRONG_FILES:
        WRONG_FILES[kind](place / "bad.exr")
    before = tree(place)
    assert_refused(run(*[part.replace("{}", WRONG_NAMES.get(kind, "bad.exr")) for part in PLACES[where]]))
    after = tree(place)
    if where == "denoise more":  # the good one is done, whatever the other is
        after = {path: facts for path, facts in after.items() if path.parts[0] != "out" or path.name not in ("out", "good.exr")}
    assert after == before


@pytest.mark.parametrize("where", ["denoise", "denoise --pair", "denoise --model", "adapt", "train --data", "export --check"])
def test_what_may_not_be_read_is_one_sentence(place, where):
    bad = place / "bad.exr"
    bad.write_bytes((place / ("model.pt" if "model" in where else "good.exr")).read_bytes())
    bad.chmod(0)
    if os.access(bad, os.R_OK):
        pytest.skip("who runs this may read everything")
    assert_refused(run(*[part.replace("{}", "bad.exr") for part in PLACES[where]]))


@pytest.mark.blender
@pytest.mark.parametrize("kind", ["empty", "text", "png", "folder"])
def test_what_is_no_scene_is_one_sentence(place, kind):
    WRONG_FILES[kind](place / "bad.blend")
    before = tree(place)
    assert_refused(run("sample", "--scene", "bad.blend", "--spp", 1, "--out", "out"))
    assert tree(place) == before


@pytest.mark.parametrize(
    "name", ["a\nb", "\"'`$(x);", "ü💡", " ", "a b", "[red]a[bold]", "%s", "a.b.c", "#", "n" * 200, "[1-10]", "*"]
)
def test_strange_names_are_denoised(place, name):
    os.replace("good.exr", f"{name}.exr")
    result = run("denoise", f"{name}.exr", "--model", "model.pt", "--engine", "torch", "-o", "out")
    assert result.exit_code == 0, result.output
    assert np.isfinite(read_frame(place / "out" / f"{name}.exr").color).all()


@pytest.mark.slow
@pytest.mark.parametrize("size", [(1, 1), (1, 200), (200, 1), (2, 3), (17, 15)], ids=str)
def test_frames_of_every_size_are_denoised(place, size):
    for seed, name in enumerate(("good.exr", "pair.exr")):
        write_frame(place / name, noisy_frame(true_frame(*size), seed))
    for command in (
        ["denoise", "--model", "model.pt", "--average", "8", "-o", "out.exr"],
        ["adapt", "--init", "model.pt", "--average", "1", "--device", "cpu", "--steps", "1", "-o", "out"],
    ):
        result = run(command[0], "good.exr", "--pair", "pair.exr", "--engine", "torch", *command[1:])
        assert result.exit_code == 0, result.output + repr(result.exception)
    for output in ("out.exr", "out/good.exr"):
        color = read_frame(place / output).color
        assert color.shape == (*size, 3) and np.isfinite(color).all()

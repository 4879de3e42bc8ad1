"""The example package of examples/plugin, installed as pip installs it, under the real commands, and those without it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import noisy_frame, true_frame

from n2n_render.io.dataset import FrameName, write_manifest
from n2n_render.io.exr import ExrImage, write_image
from n2n_render.network.checkpoint import read_checkpoint

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow
# All lines in one process, which imports PyTorch once.
PROGRAM = """
import sys
from n2n_render.cli.commands import main
for line in sys.argv[1:]:
    try:
        main(line.split())
        raise SystemExit(0)
    except SystemExit as end:
        print("\\nended", end.code or 0, flush=True)
"""
SMALL = "--steps 2 --batch 1 --crop 32 --levels 1 --device cpu"
OIDN = "--model oidn-small --device cpu --no-prefilter"
CYCLES = {"color": ("Combined", "RGB"), "albedo": ("Denoising Albedo", "RGB"), "normal": ("Denoising Normal", "XYZ")}
CYCLES |= {"depth": ("Denoising Depth", "Z"), "roughness": ("roughness", "X")}  # an AOV of a number, as Blender writes it
TOY = {"color": ("toy.radiance", "RGB"), "albedo": ("toy.diffuse", "RGB"), "normal": ("toy.n", "XYZ")}
TOY |= {"depth": ("toy.distance", "Z"), "roughness": ("toy.rough", "Y")}


def write(path, frame, passes, layer=""):
    write_image(
        path,
        {
            f"{layer}{name}.{letter}": np.ascontiguousarray(frame[channel][..., index], np.float32)
            for channel, (name, letters) in passes.items()
            for index, letter in enumerate(letters)
        },
    )


def make_renders(folder):
    """data/: two views by two seeds as Blender writes them; toy.exr: one of them as ToyTracer does."""
    data = folder / "data"
    data.mkdir()
    for view, seed in ((0, 1), (0, 2), (1, 1), (1, 2)):
        truth = true_frame(48, 64, seed=view)
        frame = noisy_frame(truth, 100 * view + seed).with_channels(roughness=truth.albedo[..., :1])
        write(data / FrameName(f"v{view:03d}", 1, "s", seed, 8).filename, frame, CYCLES, "ViewLayer.")
    write_manifest(data, {"format": 1, "scene": {"file": "a.blend", "sha256": "0"}, "spp": 8, "seeds": 2})
    shutil.copy(data / FrameName("v001", 1, "s", 2, 8).filename, folder / "cycles.exr")
    millimetres = np.where(np.isfinite(frame.depth), frame.depth * 1000, 0)
    write(folder / "toy.exr", frame.with_channels(depth=millimetres), TOY)
    return frame


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """folder, frame (of toy.exr); said, lost: what was said of each line, by its name, with the package and then without."""
    folder = tmp_path_factory.mktemp("plugin")
    shutil.copytree(ROOT / "examples" / "plugin", folder / "source")  # its build leaves files beside it
    install = ["install", "--no-deps", "--no-index", "--no-build-isolation", "--target", folder / "site", folder / "source"]
    subprocess.run([sys.executable, "-m", "pip", "--disable-pip-version-check", *map(str, install)], check=True)
    frame = make_renders(folder)
    (folder / "photos").mkdir()
    for number in range(2):
        np.save(folder / "photos" / f"{number}.npy", (true_frame(48, 48, seed=number).albedo * 255).astype(np.uint8))

    def run(lines, *path):
        answer = subprocess.run(
            [sys.executable, "-c", PROGRAM, *lines.values()],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT, *path))), "COLUMNS": "200"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert "Traceback" not in answer.stdout and not answer.returncode, answer.stdout
        *said, end = " ".join(answer.stdout.split()).split("ended ")
        codes = [*(text[0] for text in said[1:]), end[0]]
        return {name: (int(code), text) for name, code, text in zip(lines, codes, said, strict=True)}

    said = run(
        {
            "engines": "engines",
            "toy": f"denoise toy.exr {OIDN} --engine float64 -o toy_clean.exr",
            "cycles": f"denoise cycles.exr {OIDN} --engine torch -o cycles_clean.exr",
            "noise": f"train --noise speckle:0.5 --data photos --out photo_run {SMALL}",
            "photos": "denoise photos --model photo_run -o photos_clean --device cpu",
            "channel": f"train --hdr --features albedo,normal,roughness --data data --out run {SMALL}",
            "cycles by it": "denoise cycles.exr --model run -o cycles_by_it.exr --device cpu --engine float64",
            "toy by it": "denoise toy.exr --model run -o toy_by_it.exr --device cpu --engine float64",
            "models": "models run",
        },
        folder / "site",
    )
    lost = run(
        {
            "toy": f"denoise toy.exr {OIDN} -o no.exr",
            "engine": f"denoise cycles.exr {OIDN} --engine float64 -o no.exr",
            "noise": f"train --noise speckle --data photos --out no_run {SMALL}",
            "channel": f"train --hdr --features roughness --data data --out no_run {SMALL}",
            "by it": "denoise cycles.exr --model run -o no.exr --device cpu",
            "models": "models run",
        }
    )
    return SimpleNamespace(folder=folder, frame=frame, said=said, lost=lost)


def test_all_of_it_works(done):
    assert {name: code for name, (code, _) in done.said.items()} == dict.fromkeys(done.said, 0), done.said


def test_its_renderer_is_recognised_and_its_engine_gives_the_picture_of_ours(done):
    """In 64 bits as with PyTorch's own engine, up to the rounding of 32."""
    assert "float64" in done.said["engines"][1]
    assert "PyTorch in 64 bits, CPU" in done.said["toy"][1]
    assert "using ToyTracer's names: toy.radiance, toy.diffuse, toy.n" in done.said["toy"][1]
    clean, by_torch = toy_picture(done.folder / "toy_clean.exr"), cycles_picture(done.folder / "cycles_clean.exr")
    np.testing.assert_allclose(clean, by_torch, rtol=1e-3, atol=1e-4)
    assert np.abs(clean - done.frame.color).mean() > 0.05


def test_its_noise_is_trained_on(done):
    assert "speckle (speckle:0.5): 1 images to learn from, 1 held out" in done.said["noise"][1], done.said["noise"]
    assert read_checkpoint(done.folder / "photo_run").noise == "speckle:0.5"
    assert len(list((done.folder / "photos_clean").iterdir())) == 2


def test_its_channel_is_trained_on_and_found_again_whoever_rendered_it(done):
    assert "names: Combined, Denoising Albedo, Denoising Normal, roughness" in done.said["cycles by it"][1]
    assert "names: toy.radiance, toy.diffuse, toy.n, toy.rough" in done.said["toy by it"][1]
    assert "albedo, normal, roughness" in done.said["models"][1]
    by_it = [cycles_picture(done.folder / "cycles_by_it.exr"), toy_picture(done.folder / "toy_by_it.exr")]
    np.testing.assert_allclose(*by_it, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    "name, code, says",
    [
        ("toy", 1, "no channel is known as its picture"),
        ("engine", 2, "'float64' is not one of"),
        ("noise", 1, "unknown noise 'speckle'"),
        ("channel", 1, "unknown feature 'roughness'"),
        ("by it", 1, "the network takes the channel 'roughness', which the package 'n2n-toytracer' brings"),
        ("models", 0, "n2n-toytracer"),
    ],
)
def test_without_the_package_it_is_a_sentence_and_nothing_is_written(done, name, code, says):
    assert done.lost[name][0] == code and says in done.lost[name][1], done.lost[name]
    assert not list(done.folder.glob("no*"))


def cycles_picture(path):
    return ExrImage.open(path).frame().color


def toy_picture(path):
    """The channels themselves: without the package nobody knows them."""
    written = ExrImage.open(path).parts[0][1]
    return np.stack([written[f"toy.radiance.{letter}"].pixels for letter in "RGB"], -1)

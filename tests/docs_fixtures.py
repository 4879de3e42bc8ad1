"""A folder in which every file that the documents name is there, small: made once for all processes that test."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from blender_fixtures import BLENDER, run_in_blender
from click.testing import CliRunner
from conftest import noisy_frame, true_frame
from filelock import FileLock
from layouts import planes, write_parts

from n2n_render.cli.commands import main
from n2n_render.network.build import build_network
from n2n_render.network.checkpoint import Checkpoint, write_checkpoint
from n2n_render.network.provenance import Provenance
from n2n_render.network.specification import PaperNetwork, signal_specification

SAMPLED = ["--spp", "1", "--size", "64x36", "--device", "cpu", *(["--blender", BLENDER] if BLENDER else [])]
TINY = ["--steps", "2", "--crop", "32", "--batch", "1", "--device", "cpu"]


def run(*words):
    """A command of the program, which has to succeed."""
    result = CliRunner().invoke(main, list(map(str, words)))
    assert result.exit_code == 0, f"n2n-render {' '.join(map(str, words))}\n{result.output}{result.exception!r}"
    return result


@pytest.fixture(scope="session")
def documented_files(tmp_path_factory) -> Path:
    """Copy it before a command runs there."""
    here = tmp_path_factory.getbasetemp()
    shared = here.parent if "PYTEST_XDIST_WORKER" in os.environ else here  # each of several processes has a folder in it
    folder = shared / "documented"
    with FileLock(shared / "documented.lock"), pytest.MonkeyPatch.context() as patch:
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            patch.chdir(folder)
            _renders()
            _models()
            _images()
            (folder / "complete").touch()
    return folder


def _renders():
    """A shot of four frames: as a dataset in several places, as plain sequences, and in other layouts."""
    run_in_blender("../docs/blender_shot.py", str(Path.cwd()))
    sampled = ["sample", "--scene", "shot.blend", *SAMPLED, "--frames", "1-4", "--passes", "all"]
    run(*sampled, "--out", "renders", "--reference-spp", "2", "--reference-frames", "2,3")
    run(*sampled, "--out", "more/shot_16", "--seeds", "1", "--spp", "2")
    Path("show").mkdir()
    for scene in ("SCENE.blend", "show/shot.blend"):
        shutil.copy("shot.blend", scene)
    for place in ("datasets/shot", "datasets/SCENE", "show/job/renders"):
        shutil.copytree("renders", place)
    for place, seed in (("frames", 1), ("a", 1), ("b", 2), ("more", 1)):
        Path(place).mkdir(exist_ok=True)
        for frame in range(1, 5):
            shutil.copy(f"renders/v000_f{frame:04d}_s{seed:04d}_0001spp.exr", f"{place}/frame_{frame:04d}.exr")
    shutil.copy("frames/frame_0001.exr", "frame.exr")
    shutil.copy("renders/v000_f0002_r0001_0002spp.exr", "reference.exr")
    frame = noisy_frame(true_frame(36, 64), 1)
    others = {**planes("diffuse_albedo", frame.albedo), **planes("N", frame.normal, "XYZ"), "far": frame.depth[..., 0].copy()}
    beauty = planes("RGBA", np.concatenate([frame.color, np.ones_like(frame.depth)], -1), "RGBA")
    write_parts("shot.exr", {"": {**beauty, **others, **planes("dir", frame.normal, "rgb")}})
    for number in (1, 2):
        for name, image in (("beauty", frame.color), ("albedo", frame.albedo), ("normal", frame.normal)):
            write_parts(f"{name}.{number:04d}.exr", {"": planes("", image)})


def _models():
    """Runs of renders, and what `adapt` leaves in its folder."""
    network = ["--hdr", "--features", "albedo,normal", "--network", "oidn-small"]
    run("train", *network, "--data", "datasets/shot", "--out", "runs/shot", *TINY)
    shutil.copytree("runs/shot", "runs/2026-11-22-shot")
    adapt = ["--init", "oidn-small", "--engine", "torch", *TINY]
    run("adapt", "renders", "-o", "clean", *adapt)
    shutil.copytree("clean", "clean/SCENE", ignore=lambda folder, names: {"SCENE"})
    run("adapt", "show/job/renders", "-o", "show/job/clean", "--temporal", "8", *adapt)


def _images():
    """Photographs, bursts, volumes, and models of them that know nothing."""
    nibabel, pillow = pytest.importorskip("nibabel"), pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(1)
    truth = np.clip(true_frame(64, 80).color, 0, 1)
    for name in ("PHOTOS/one.png", "PHOTOS/two.png", "KODAK/three.png", "photo.png", "night.tif", *_shots()):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        pillow.fromarray((np.clip(truth + rng.normal(0, 0.1, truth.shape), 0, 1) * 255).astype(np.uint8)).save(name)
    for folder in ("HEADS", "TESTS"):
        Path(folder).mkdir()
        nibabel.save(nibabel.Nifti1Image(rng.random((64, 64, 8)).astype(np.float32), np.eye(4)), f"{folder}/head.nii.gz")
    mask = rng.random((64, 64)) < 0.3
    mask |= np.roll(mask[::-1, ::-1], (1, 1), (0, 1))  # of a real image the frequencies k and -k belong together
    mask[0, 0] = True
    np.save("kspace.npy", np.where(mask, np.fft.fft2(truth[:64, :64, 0], norm="ortho"), 0))
    run("prepare", "PHOTOS", "-o", "datasets/photos")
    run("prepare", "BURSTS", "-o", "datasets/bursts", "--bursts")
    run("prepare", "HEADS", "-o", "datasets/heads", "--size", "64")
    run("prepare", "TESTS", "-o", "datasets/test-heads", "--size", "64")
    for name, noise, channels in (("gaussian", "gaussian:0-50", 3), ("camera", "pairs", 3), ("mri", "mri:0.1", 1)):
        model = signal_specification(channels, PaperNetwork("none", "direct", 2, 8, 8))
        Path(f"runs/{name}").mkdir()
        told = Provenance(options={"noise": noise})
        write_checkpoint(Path(f"runs/{name}/best.pt"), Checkpoint(model, build_network(model, seed=3).state_dict(), told))
    shutil.copytree("runs/gaussian", "runs/photos")


def _shots():
    return [f"BURSTS/{scene}/{shot}.png" for scene in ("door", "tree") for shot in (1, 2, 3)]

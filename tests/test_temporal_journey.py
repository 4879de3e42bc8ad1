"""Neighbours' samples in a real animation where nothing stays as it is: never worse than frame by frame, in no region."""

import subprocess
import sys

import numpy as np
import pytest
from blender_fixtures import run_in_blender

from n2n_render.frame.transfer import encode_tonemap, exposure
from n2n_render.io.dataset import find_pairs
from n2n_render.io.exr import read_frame

pytestmark = [pytest.mark.blender, pytest.mark.nightly]

SIZE, MIDDLE, SPP = "160x90", 5, 4
REGION_PX = 32


@pytest.fixture(scope="module")
def flicker(sample_command, tmp_path_factory):
    """The dataset of a shot in which lamp, screen, shadow and mirror change; the middle frame has references."""
    folder = tmp_path_factory.mktemp("flicker")
    run_in_blender("blender_flicker.py", str(folder / "flicker.blend"))
    shot = ["--scene", folder / "flicker.blend", "--spp", SPP, "--size", SIZE, "--out", folder / "data", "--frames"]
    subprocess.run(sample_command(*shot, "2-8", "--reference-spp", 256, "--reference-frames", MIDDLE), check=True)
    return folder / "data"


def denoise(dataset, seeds, out, *options):
    inputs = [str(pair.noisy[0]) for pair in find_pairs(dataset)]
    pairs = ["--pair", str(dataset / "*_s0002_*.exr")] if seeds == 2 else []
    command = [sys.executable, "-m", "n2n_render", "denoise", *inputs, *pairs, "--model", "oidn", "-o", str(out), *options]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "same noise" not in done.stderr
    (pair,) = (pair for pair in find_pairs(dataset) if pair.references)
    return read_frame(out / pair.noisy[0].name).color, pair


def errors(picture, pair):
    """Squared error on T, without the references' noise: of the frame, and of regions."""
    halves = [read_frame(path).color for path in pair.references]
    factor = np.float32(exposure(halves[0] + halves[1]) * 2)
    shown, one, two = (encode_tonemap(image * factor, np) for image in (picture, *halves))
    error = ((shown - one) * (shown - two)).mean(-1)
    height, width = (length // REGION_PX * REGION_PX for length in error.shape)
    regions = error[:height, :width].reshape(height // REGION_PX, REGION_PX, width // REGION_PX, REGION_PX).mean((1, 3))
    return error.mean(), regions


@pytest.mark.parametrize("seeds", [1, 2])
@pytest.mark.parametrize("fast", [(), ("--fast",)], ids=["judged", "fast"])
def test_where_everything_changes_nothing_gets_worse(flicker, tmp_path, seeds, fast):
    alone, pair = denoise(flicker, seeds, tmp_path / "alone")
    temporal, _ = denoise(flicker, seeds, tmp_path / "temporal", "--temporal", "3", *fast)
    (before, regions_before), (after, regions_after) = (errors(picture, pair) for picture in (alone, temporal))
    assert after < 1.02 * before  # where nothing can be taken in, nothing is
    assert (regions_after - regions_before).max() < 0.25 * before  # in no region by more than a part of the usual error

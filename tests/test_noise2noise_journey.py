"""Noise2Noise's first system from the command line: photographs → dataset → two networks → a clean PNG → numbers."""

import json
import subprocess
import sys

import numpy as np
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.nightly]

NETWORK = ["--widths", "16,24", "--levels", "2", "--crop", "48", "--batch", "4", "--threads", "1", "--learning-rate", "2e-3"]


def command(*options, cwd=None):
    words = [sys.executable, "-m", "n2n_render", *map(str, options)]
    done = subprocess.run(words, capture_output=True, text=True, cwd=cwd)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def road(tmp_path_factory):
    """A folder with photos/ and tests/ (PNG), data/ (prepared), noisy/ and clean/ (runs of those targets)."""
    skimage = pytest.importorskip("skimage.data")
    image = pytest.importorskip("PIL.Image")
    folder = tmp_path_factory.mktemp("road")
    for place, names in {"photos": ("astronaut", "coffee"), "tests": ("chelsea",)}.items():
        (folder / place).mkdir()
        for name in names:
            image.fromarray(getattr(skimage, name)()).reduce(2).save(folder / place / f"{name}.png")
    command("prepare", folder / "photos", "-o", folder / "data")
    for target in ("noisy", "clean"):
        options = ["--noise", "gaussian", "--target", target, "--data", folder / "data", "--out", folder / target]
        command("train", *options, "--steps", 300, *NETWORK)
    return folder


def scores(road, target):
    path = road / f"{target}.json"
    if not path.exists():
        model = ["--model", road / target / "last.pt", "--data", road / "tests"]
        command("evaluate", "--noise", "gaussian:25", *model, "--out", road / f"{target}-pictures", "--json", path)
    return json.loads(path.read_text())["mean"]


def test_noisy_targets_teach_what_clean_ones_do(road):
    noisy, clean = (scores(road, target)["ours"]["psnr_db"] for target in ("noisy", "clean"))
    assert noisy > scores(road, "noisy")["noisy"]["psnr_db"] + 4
    assert noisy == pytest.approx(clean, abs=0.5)


def test_a_photograph_is_denoised(road, tmp_path):
    """On one that neither network was trained on."""
    from PIL import Image

    truth = np.asarray(Image.open(road / "tests/chelsea.png")).astype(float)
    noisy = np.clip(truth + np.random.default_rng(1).normal(0, 25, truth.shape), 0, 255).round().astype(np.uint8)
    Image.fromarray(noisy).save(tmp_path / "noisy.png")
    command("denoise", tmp_path / "noisy.png", "--model", road / "noisy", "-o", tmp_path / "clean.png")
    denoised = np.asarray(Image.open(tmp_path / "clean.png")).astype(float)
    assert denoised.shape == truth.shape
    assert np.mean((denoised - truth) ** 2) < np.mean((noisy - truth) ** 2) / 2.5

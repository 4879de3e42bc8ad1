"""The scripts in examples/ run as they stand, on tiny data."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import noisy_frame, true_frame

import n2n_render as n2n
from n2n_render.io.exr import ExrImage

EXAMPLES = Path(__file__).parents[1] / "examples"


def example(name, *arguments):
    done = subprocess.run([sys.executable, EXAMPLES / name, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_every_example_is_tried_and_says_what_it_does():
    scripts = {path.name for path in EXAMPLES.glob("*.py")}
    assert scripts == {"compare_models.py", "denoise_folder.py", "own_loss.py"}
    for name in scripts:
        assert "python examples/" in (EXAMPLES / name).read_text() and "usage" in example(name, "--help")


@pytest.mark.slow
@pytest.mark.nightly
def test_a_folder_of_files_in_parallel(make_dataset, tmp_path):
    data = make_dataset(views=4, seeds=2)
    (data / "broken.exr").write_bytes(b"no EXR")
    said = example("denoise_folder.py", data, tmp_path / "clean", "--model", "oidn-small", "--workers", 3)
    assert "broken.exr: " in said and said.count("written to") == 8
    model = n2n.load_model("oidn-small")
    for path in (tmp_path / "clean").iterdir():
        written = ExrImage.open(path)
        picture = written.picture(written.layer(None))[..., :3]
        np.testing.assert_allclose(picture, model(n2n.read(data / path.name)), rtol=1e-3, atol=1e-4)


@pytest.mark.slow
@pytest.mark.nightly
def test_models_are_compared_with_a_picture(tmp_path):
    truth = true_frame(48, 64)
    n2n.write(tmp_path / "noisy.exr", noisy_frame(truth, 1))
    n2n.write(tmp_path / "truth.exr", truth)
    out = tmp_path / "all.png"
    said = example(
        "compare_models.py", tmp_path / "noisy.exr", tmp_path / "truth.exr", "--models", "oidn-small", "--output", out
    )
    score = n2n.psnr(n2n.denoise(n2n.read(tmp_path / "noisy.exr"), model="oidn-small"), truth)
    told = {name: float(value) for name, value in re.findall(r"^ +(\S+) +([\d.]+) dB$", said, re.M)}
    assert list(told) == ["oidn-small", "noisy"] and told["oidn-small"] == pytest.approx(score, abs=0.05)
    assert out.read_bytes()[:4] == b"\x89PNG"


@pytest.mark.slow
def test_a_loss_and_a_corruption_are_plugged_in(make_dataset, tmp_path):
    """The curves show what the loss logs, and the weights are others than without."""
    said = example("own_loss.py", make_dataset(views=2), tmp_path / "run", "--steps", 3, "--levels", 1)
    assert "3 steps, relative error on held-out views" in said and (tmp_path / "run" / "best.pt").exists()
    assert '"brightness"' in (tmp_path / "run" / "metrics.jsonl").read_text()

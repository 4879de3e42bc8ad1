"""A second real renderer, end to end: Mitsuba 3 writes, we denoise and adapt, Mitsuba's other channels stay."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from n2n_render.cli.commands import main
from n2n_render.frame.metrics import psnr
from n2n_render.frame.transfer import exposure
from n2n_render.io.exr import ExrImage

SIZE, SPP, REFERENCE_SPP = 96, 8, 256


def render(folder, spp, *seeds):
    """In a process of its own: no crash of the renderer takes the tests down."""
    script = Path(__file__).with_name("render_mitsuba.py")
    options = [folder, "gaussian", SIZE, spp, *seeds]  # the filter that it is authored with
    subprocess.run([sys.executable, str(script), *map(str, options)], check=True, timeout=300)
    return [folder / f"box_s{seed}.exr" for seed in seeds]


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    """(two noisy renders, two reference halves)."""
    folders = [tmp_path_factory.mktemp(name) for name in ("noisy", "reference")]
    return render(folders[0], SPP, 1, 2), render(folders[1], REFERENCE_SPP, 11, 12)


def command(*arguments):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.output


def quality(path, references) -> float:
    halves = [ExrImage.open(half).frame().color for half in references]
    factor = np.float32(exposure((halves[0] + halves[1]) / 2))
    return psnr(
        image=ExrImage.open(path).frame().color * factor, reference_a=halves[0] * factor, reference_b=halves[1] * factor
    )


@pytest.mark.slow
@pytest.mark.nightly
def test_its_files_are_recognised(box):
    image = ExrImage.open(box[0][0])
    frame = image.frame(None, image.available(""))
    assert image.dialect.name == "Mitsuba" and image.available("") == ("albedo", "normal", "depth")
    assert image.taken("", image.available("")).startswith("Mitsuba's names: RGB, albedo, nn (in world space")
    walls = np.isfinite(frame.depth[..., 0])
    assert walls.mean() > 0.5 and 2 < np.median(frame.depth[walls]) < 6
    assert np.linalg.norm(frame.normal[walls], axis=-1).mean() > 0.9 and 0.1 < frame.albedo.mean() < 0.9


@pytest.mark.slow
@pytest.mark.nightly
def test_it_is_denoised_and_all_else_stays(box, tmp_path):
    noisy, references = box
    command("denoise", noisy[0], "--pair", noisy[1], "--model", "oidn", "-o", tmp_path / "out.exr")
    assert quality(tmp_path / "out.exr", references) > quality(noisy[0], references) + 3
    before, after = ExrImage.open(noisy[0]), ExrImage.open(tmp_path / "out.exr")
    assert str(after.parts[0][0]["generatedBy"]).startswith("Mitsuba")
    for name, channel in before.parts[0][1].items():
        same = after.parts[0][1][name].pixels.tobytes() == channel.pixels.tobytes()
        assert same == (name not in ("R", "G", "B")), name


@pytest.mark.slow
@pytest.mark.nightly
def test_it_is_adapted_to(box, tmp_path):
    noisy, references = box
    command("adapt", noisy[0], "--pair", noisy[1], "--init", "oidn", "--steps", 8, "--average", 1, "-o", tmp_path / "out")
    (out,) = (tmp_path / "out").glob("*.exr")
    assert quality(out, references) > quality(noisy[0], references) + 3
    after = ExrImage.open(out)
    assert after.dialect.name == "Mitsuba" and "Error.V" in after.parts[0][1]

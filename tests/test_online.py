"""online: every frame is denoised by what was learned from those before it, and the curve says how well."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from n2n_render.cli.commands import main
from n2n_render.denoise import Denoiser
from n2n_render.engines.options import EngineOptions
from n2n_render.io.exr import read_frame
from n2n_render.network.registry import open_model
from n2n_render.online import CurveMeans, FlyThrough, Point

FRAMES = (1, 2, 3)


def online(scene, out, *more):
    return CliRunner().invoke(
        main,
        [
            *map(
                str,
                [
                    "online",
                    "--scene",
                    scene,
                    "--frames",
                    "1-3",
                    "--spp",
                    1,
                    "--size",
                    "64x48",
                    "--crop",
                    48,
                    "--batch",
                    2,
                    "--steps-per-frame",
                    2,
                    "--init",
                    "oidn-small",
                    "--device",
                    "cpu",
                    "-o",
                    out,
                    *more,
                ],
            )
        ],
    )


def picture(out, frame):
    return read_frame(out / f"v000_f{frame:04d}.exr").color


@pytest.mark.blender
def test_a_fly_through_is_denoised_and_learned_from(scenes, tmp_path):
    out = tmp_path / "live"
    result = online(scenes.demo, out, "--reference-spp", 16)
    assert result.exit_code == 0, result.output + repr(result.exception)
    points = json.loads((out / "report.json").read_text())["frames"]
    assert [point["frame"] for point in points] == list(FRAMES)
    assert all(point["true"] > point["noisy_true"] for point in points)
    assert (out / "curve.png").stat().st_size > 1000 and not (out / ".cache").exists()

    # The first frame is what the start makes of its two seeds: nothing was learned from it before.
    start = Denoiser.open(open_model("oidn-small"), EngineOptions("cpu", "torch"))
    files = sorted((out / "demo").glob("v000_f0001_s*.exr"))
    expected = sum(start.denoise(read_frame(path, ("albedo", "normal"))) for path in files) / 2
    assert abs(picture(out, 1) - expected).mean() < 0.03 * expected.mean()

    # The model has learned, and can be used.
    learned, before = open_model(str(out / "online.pt")), open_model("oidn-small")
    assert any(not np.allclose(learned.weights[name], before.weights[name]) for name in before.weights)
    again = CliRunner().invoke(main, ["denoise", *map(str, [files[0], "--model", out / "online.pt", "-o", tmp_path / "x.exr"])])
    assert again.exit_code == 0, again.output

    # Once more: nothing is rendered again, and the same comes out.
    times = {path: path.stat().st_mtime_ns for path in (out / "demo").glob("*.exr")}
    first = [picture(out, frame) for frame in FRAMES]
    assert online(scenes.demo, out).exit_code == 0
    assert times == {path: path.stat().st_mtime_ns for path in (out / "demo").glob("*.exr")}
    for frame, image in zip(FRAMES, first, strict=True):
        assert np.allclose(picture(out, frame), image, rtol=1e-3, atol=1e-4)


def test_a_missing_scene_is_one_sentence(tmp_path):
    result = online(tmp_path / "none.blend", tmp_path / "live")
    assert result.exit_code == 1 and "no such file" in result.output and "Traceback" not in result.output


def test_the_means_of_a_curve_are_over_the_frames_that_have_points():
    points = [Point(1, 10.0, 20.0), Point(2, None, None), Point(3, 12.0, 24.0), Point(4, 14.0, 31.0)]
    means = FlyThrough(Path("fly"), None, points).means
    assert means == {"noisy_expected": CurveMeans(12.0, 10.0, 14.0), "expected": CurveMeans(25.0, 20.0, 31.0)}

"""The whole road through the command line, with real renders: .blend → pairs → checkpoint → denoised EXR → numbers."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from n2n_render.demo import DemoOptions, demo
from n2n_render.io.exr import ExrImage
from n2n_render.network.registry import open_model

pytestmark = [pytest.mark.blender, pytest.mark.nightly]

NETWORK = ["--widths", "16,24", "--levels", "3", "--crop", "48", "--threads", "1", "--learning-rate", "2e-3"]


def command(*options):
    done = subprocess.run([sys.executable, "-m", "n2n_render", *map(str, options)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def road(scenes, sample_command, tmp_path_factory):
    """A folder with data/ (six views, the first with references) and run/. N2N_SCENE: another .blend than the demo's."""
    folder = tmp_path_factory.mktemp("road")
    scene = os.environ.get("N2N_SCENE", scenes.demo)
    subprocess.run(
        sample_command(
            "--scene", scene, "--spp", 8, "--views", 6, "--size", "112x63", "--reference-spp", 128, "--out", folder / "data"
        ),
        check=True,
    )
    command("train", "--hdr", "--features", "--data", folder / "data", "--out", folder / "run", "--steps", 250, *NETWORK)
    return folder


def test_denoised_beats_noisy_on_a_view_that_was_not_trained_on(road):
    command(
        "evaluate", "--model", road / "run", "--data", road / "data", "--out", road / "pictures", "--json", road / "scores.json"
    )
    found = json.loads((road / "scores.json").read_text())
    ours, noisy = found["mean"]["ours"], found["mean"]["noisy, one render of 16"]
    assert found["views"][0]["held_out"]
    assert ours["psnr_db"] > noisy["psnr_db"] + 3 and ours["relmse"] < noisy["relmse"] and ours["ssim"] > noisy["ssim"]
    assert found["mean"]["OIDN, one render of 16"]["psnr_db"] > noisy["psnr_db"] + 3
    (picture,) = (road / "pictures").glob("data_v000_f*.png")
    assert picture.stat().st_size > 10_000


@pytest.mark.parametrize("interleave", [True, False], ids=["single-part", "multi-part"])
def test_an_artists_render_keeps_every_other_channel_and_attribute(road, scenes, in_blender, tmp_path, interleave):
    """Half floats, two view layers, Cryptomatte, light passes, an index pass: only one Combined RGB changes."""
    path = tmp_path / "shot_0001.exr"
    in_blender("blender_artist.py", json.dumps([str(scenes.demo), str(path), interleave]))
    command("denoise", path, "--model", road / "run", "-o", tmp_path / "out.exr", "--layer", "Beauty.Main")
    before, after = ExrImage.open(path), ExrImage.open(tmp_path / "out.exr")
    assert before.layers == ["Beauty.Main", "Second"] and len(before.parts) == len(after.parts)
    changed, seen = set(), set()
    for (old_header, old), (new_header, new) in zip(before.parts, after.parts, strict=True):
        assert {key: str(value) for key, value in old_header.items() if key != "channels"} == {
            key: str(value) for key, value in new_header.items() if key != "channels"
        }
        assert list(old) == list(new)
        seen |= set(old)
        for name in old:
            assert old[name].pixels.dtype == new[name].pixels.dtype
            if old[name].pixels.tobytes() != new[name].pixels.tobytes():
                changed.add(name)
    assert changed == {f"Beauty.Main.Combined.{channel}" for channel in "RGB"}
    assert any("CryptoObject00" in name for name in seen)
    assert any(str(key).startswith("cryptomatte/") for header, _ in after.parts for key in header)


def test_folders_and_pairs_are_denoised(road, tmp_path):
    pattern = {seed: road / "data" / f"v000_f####_s{seed:04d}_0008spp.exr" for seed in (1, 2)}
    command(
        "denoise",
        pattern[1],
        "--pair",
        pattern[2],
        "--model",
        road / "run" / "best.pt",
        "-o",
        tmp_path / "out",
        "--keep-noisy",
        "--tile",
        64,
    )
    written = list((tmp_path / "out").iterdir())
    assert len(written) == 1
    image = ExrImage.open(written[0])
    assert image.pixels([f"{image.layer(None)}.Noisy.R"]).shape == (63, 112, 1)
    assert np.isfinite(image.frame().color).all()


def test_demo_goes_the_whole_road(tmp_path, capsys):
    """At a tenth of its size; N2N_BLENDER is not asked, the demo is what a newcomer runs."""
    from n2n_render.cli.console import reporter

    config = DemoOptions(str(tmp_path / "demo"), 0.3, views=4, reference_spp=32, size=(96, 54), device="cpu")
    result = demo(config, lambda title: reporter(title, "json"))
    scores = result.view.scores
    assert list(scores)[:2] == ["noisy, one part", "noisy, one render of 16"]
    assert list(scores)[2:] == ["from scratch", "OIDN, one render of 16", "adapted"]
    assert scores["adapted"]["psnr_db"] > scores["from scratch"]["psnr_db"] > scores["noisy, one render of 16"]["psnr_db"]
    said = capsys.readouterr().err
    assert all(f'"task": "{title}' in said for title in ("1/4 sampling", "2/4 ", "3/4 training", "4/4 comparing"))
    assert open_model(str(result.run)).provenance.trained_on == tuple(f"dataset/v{view:03d}_f0001" for view in (2, 3))
    assert len(list(result.adapted.glob("*.exr"))) == 4 and (result.adapted / "adapted.pt").exists()
    with Image.open(result.picture) as picture:
        assert picture.width == 96 * 5  # noisy, from scratch, Open Image Denoise's, adapted, reference


def test_demo_run_again_renders_and_adapts_nothing_anew(tmp_path):
    options = DemoOptions(str(tmp_path / "demo"), 0.05, views=2, reference_spp=4, size=(64, 36), device="cpu")
    first = demo(options)
    kept = [*(tmp_path / "demo").glob("*/*.exr"), first.adapted / "adapted.pt"]
    assert len(kept) == 4 + 2 + 2 + 1
    times = {path: path.stat().st_mtime_ns for path in kept}
    assert demo(options).view.scores["adapted"] == first.view.scores["adapted"]
    assert times == {path: path.stat().st_mtime_ns for path in kept}

"""Adapting with the frames before and after: what is learned, written and used again, and what is refused."""

import shutil

import numpy as np
import pytest
import torch
from adapt_fixtures import COMBINED, ERROR, adapt, adapted, assert_refused, report, times
from click.testing import CliRunner
from conftest import noisy_frame, true_frame
from nightly_fixtures import nightly

from n2n_render.adapt.subjects import find_groups
from n2n_render.cli.commands import main
from n2n_render.denoise import Denoiser
from n2n_render.engines.options import EngineOptions
from n2n_render.frame import metrics
from n2n_render.frame.frame import Frame, crop
from n2n_render.frame.transfer import exposure
from n2n_render.guides.accumulation import Accumulator
from n2n_render.io.dataset import FrameName, write_manifest
from n2n_render.io.exr import ExrImage, read_frame, write_frame
from n2n_render.network.checkpoint import read_checkpoint
from n2n_render.network.registry import open_model

SIZE, STEP, COUNT = (48, 80), 2, 3
FRAMES = range(1, COUNT + 1)
NAMES = [f"v000_f000{frame}.exr" for frame in FRAMES]


def truth(frame):
    """A camera that goes to the right: everything moves two pixels to the left with each frame."""
    whole = true_frame(SIZE[0], SIZE[1] + STEP * 9, seed=4)
    part = np.s_[:, STEP * frame : STEP * frame + SIZE[1]]
    vector = np.broadcast_to(np.float32([STEP, 0, STEP, 0]), (*SIZE, 4))
    return Frame(
        color=whole.color[part], albedo=whole.albedo[part], normal=whole.normal[part], depth=whole.depth[part], vector=vector
    )


def noisy(frame, seed):
    found = noisy_frame(truth(frame), seed, spread=0.7)
    found.vector = truth(frame).vector
    return found


def file_of(frame, seed, view="v000"):
    return FrameName(view, frame, "s", seed, 8).filename


def write_shot(folder, frames=FRAMES, noise=lambda frame, seed: 10 * frame + seed):
    folder.mkdir()
    for frame in frames:
        for seed in (1, 2):
            write_frame(folder / file_of(frame, seed), noisy(frame, noise(frame, seed)))
    write_manifest(folder, {"format": 1, "scene": {"file": "synthetic.blend", "sha256": "0"}, "spp": 8, "seeds": 2})
    return folder


@pytest.fixture
def moving(tmp_path):
    return write_shot(tmp_path / "moving")


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """(folder of the shot, folder that was adapted to it in four steps from Open Image Denoise's network)."""
    folder = tmp_path_factory.mktemp("done")
    adapted(write_shot(folder / "shot"), folder / "out", "oidn", "--temporal", "1", steps=4)
    return folder / "shot", folder / "out"


def run(*arguments):
    return CliRunner().invoke(main, [*map(str, arguments)])


def denoise(inputs, model, out, *more):
    inputs = inputs if isinstance(inputs, list) else [inputs]
    return run("denoise", *inputs, "--model", model, "-o", out, "--engine", "torch", *more)


def psnr_of(picture, frame):
    color = truth(frame).color
    factor = np.float32(exposure(color))
    return metrics.psnr(image=picture * factor, reference_a=color * factor, reference_b=color * factor)


@pytest.mark.slow
def test_frames_model_and_report_are_written_and_nothing_else(done):
    shot, out = done
    pictures = [*(name.replace(".exr", ".error.png") for name in NAMES), "preview.png"]
    assert {path.name for path in out.iterdir()} == {
        *NAMES,
        *pictures,
        "adapted.pt",
        "report.json",
        "report.html",
    }
    told = report(out)
    assert told["config"]["temporal"] == 1 and [frame["file"] for frame in told["frames"]] == NAMES
    assert all(0 <= frame["adapted"] <= 1 for frame in told["frames"]) and told["error_ratio"] > 0
    assert 0 < told["shared_error"] < 3
    for frame, name in zip(FRAMES, NAMES, strict=True):
        before, after = ExrImage.open(shot / file_of(frame, 1)), ExrImage.open(out / name)
        (_, old), (_, new) = before.parts[0], after.parts[0]
        assert set(new) == {*old, ERROR}
        assert all(new[channel].pixels.tobytes() == old[channel].pixels.tobytes() for channel in set(old) - set(COMBINED))
        assert np.isfinite(after.pixels([*COMBINED, ERROR])).all()


@pytest.mark.slow
def test_the_neighbors_bring_the_pictures_nearer_to_the_truth(done):
    """Than the start's, which sees one frame only; and more than a few steps of training without them can."""
    shot, out = done
    start = Denoiser.open(open_model("oidn"), EngineOptions("cpu", "torch"))
    gains = []
    for frame, name in zip(FRAMES, NAMES, strict=True):
        mean = noisy(frame, 0)
        mean.color = np.mean([read_frame(shot / file_of(frame, seed)).color for seed in (1, 2)], axis=0)
        gains.append(psnr_of(read_frame(out / name).color, frame) - psnr_of(start.denoise(mean), frame))
    assert np.mean(gains) > 0.5 and min(gains) > 0


def test_the_model_knows_its_neighbors(done):
    found = read_checkpoint(done[1] / "adapted.pt")
    assert found.model.features == ("albedo", "normal") and found.model.clean_guides and found.model.reach == 1
    assert Denoiser.open(found, EngineOptions("cpu", "torch")).reach == 1
    assert "Open Image Denoise" in found.provenance.origin


@pytest.mark.slow
def test_the_model_denoises_the_frames_of_an_animation(done, tmp_path):
    """Each with what its neighbours show, as `adapt` itself did it; alone in a folder a frame is no animation."""
    shot, out = done
    inputs = [shot / file_of(frame, 1) for frame in FRAMES]
    result = denoise(inputs, out / "adapted.pt", tmp_path / "frames")
    assert result.exit_code == 0, result.output
    found = {frame: read_frame(tmp_path / "frames" / file_of(frame, 1)).color for frame in FRAMES}
    for frame, picture in found.items():
        assert np.isfinite(picture).all() and psnr_of(picture, frame) > psnr_of(noisy(frame, 10 * frame + 1).color, frame) + 5
    assert denoise(inputs[:2], out / "adapted.pt", tmp_path / "two").exit_code == 0
    two = read_frame(tmp_path / "two" / file_of(1, 1)).color
    np.testing.assert_allclose(two, found[1], rtol=1e-4, atol=1e-5)  # the frame before is missing in both
    assert not np.allclose(read_frame(tmp_path / "two" / file_of(2, 1)).color, found[2], rtol=1e-3)


@pytest.mark.slow
def test_pairs_are_averaged_in_neighbors_too(done, tmp_path):
    shot, out = done
    for frame in FRAMES:
        for seed, name in ((1, "a"), (2, "b")):
            shutil.copy(shot / file_of(frame, seed), tmp_path / f"{name}_{frame:04d}.exr")
    result = denoise(tmp_path / "a_####.exr", out / "adapted.pt", tmp_path / "out", "--pair", tmp_path / "b_####.exr")
    assert result.exit_code == 0, result.output
    for frame in FRAMES:
        alone = psnr_of(noisy(frame, 10 * frame + 1).color, frame)
        assert psnr_of(read_frame(tmp_path / "out" / f"a_{frame:04d}.exr").color, frame) > alone + 5


@pytest.mark.slow
def test_no_neighbors_are_looked_at_beyond_a_cut(done, tmp_path):
    """Frames 1 and 2 in a shot of their own are what they are without frame 3."""
    shot, out = done
    inputs = [shot / file_of(frame, 1) for frame in FRAMES]
    assert denoise(inputs, out / "adapted.pt", tmp_path / "cut", "--shots", "1-2,3-9").exit_code == 0
    assert denoise(inputs[:2], out / "adapted.pt", tmp_path / "two").exit_code == 0
    for frame in (1, 2):
        one, other = (read_frame(tmp_path / name / file_of(frame, 1)).color for name in ("cut", "two"))
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_frames_without_a_vector_pass_are_refused_by_the_model(done, tmp_path):
    for frame in FRAMES:
        plain = noisy(frame, frame)
        plain.vector = None
        write_frame(tmp_path / f"a_{frame:04d}.exr", plain)
    result = denoise(tmp_path / "a_####.exr", done[1] / "adapted.pt", tmp_path / "out")
    assert_refused(result, "'Vector' pass")
    assert "others are done" not in result.output


@pytest.mark.slow
def test_a_frame_that_another_model_is_for_is_denoised_without_the_others(tmp_path):
    """`auto` has oidn-color for the frame without guides, which has no neighbour that is for oidn-color too."""
    for frame in (1, 2, 3):
        found = noisy(frame, frame)
        if frame == 3:
            found.albedo = found.normal = None
        write_frame(tmp_path / f"a_{frame:04d}.exr", found)
    result = denoise(tmp_path / "a_####.exr", "auto", tmp_path / "out", "--temporal", "1")
    assert result.exit_code == 0, result.output
    assert len(list((tmp_path / "out").glob("*.exr"))) == 3


@pytest.mark.slow
def test_frames_of_another_size_do_without_each_other(done, tmp_path):
    shot, out = done
    for frame in FRAMES:
        found = noisy(frame, frame)
        write_frame(tmp_path / f"a_{frame:04d}.exr", crop(found, (slice(-8), slice(None))) if frame == 2 else found)
    result = denoise(tmp_path / "a_####.exr", out / "adapted.pt", tmp_path / "out")
    assert result.exit_code == 0 and " ".join(result.output.split()).count("differ in size") == 1
    assert read_frame(tmp_path / "out" / "a_0002.exr").height == SIZE[0] - 8


def test_shots_are_refused_without_neighbours(done, start, tmp_path):
    inputs = [done[0] / file_of(frame, 1) for frame in FRAMES]
    assert_refused(denoise(inputs, start, tmp_path / "out", "--shots", "1-3"), "--shots")


@pytest.mark.slow
def test_run_again_it_neither_trains_nor_denoises_twice(done):
    shot, out = done
    before = times(out, "*")
    assert "training on" not in adapted(shot, out, "oidn", "--temporal", "1", steps=4).output
    assert times(out, "*") == before
    assert_refused(adapt(shot, out, "oidn", "--temporal", "2", steps=4), "adapted to other frames or with other")
    assert_refused(adapt(shot, out, "oidn", steps=4), "adapted to other frames or with other")


@pytest.mark.slow
def test_the_adapted_model_can_be_adapted_further(done, tmp_path):
    shot, out = done
    adapted(shot, tmp_path / "further", out / "adapted.pt", "--temporal", "1")
    assert read_checkpoint(tmp_path / "further" / "adapted.pt").model.reach == 1


@pytest.mark.slow
@pytest.mark.parametrize("init", ["oidn-color", *nightly("nothing", "oidn-small")])
def test_other_networks_can_look_at_neighbors(moving, tmp_path, init):
    adapted(moving, tmp_path / "out", init, "--temporal", "1", "--train-frames", "1")
    found = read_checkpoint(tmp_path / "out" / "adapted.pt")
    assert found.model.reach == 1
    assert all(torch.isfinite(tensor).all() for tensor in found.weights.values())
    inputs = [moving / file_of(frame, 1) for frame in FRAMES]
    result = denoise(inputs, tmp_path / "out" / "adapted.pt", tmp_path / "frames")
    assert result.exit_code == 0, result.output + repr(result.exception)


@pytest.mark.slow
def test_a_network_of_ones_own_can_look_at_neighbors_and_be_adapted_further(moving, start, tmp_path):
    """It has albedo only, and Open Image Denoise's, which makes the neighbours' pictures, normals too."""
    adapted(moving, tmp_path / "out", start, "--temporal", "1")
    adapted(moving, tmp_path / "further", tmp_path / "out" / "adapted.pt", "--temporal", "1")


@pytest.mark.slow
@pytest.mark.nightly
def test_a_network_with_norms_can_look_at_neighbors(moving, tmp_path):
    """As `train` makes them, and as adapting from nothing leaves them."""
    adapted(moving, tmp_path / "plain", "nothing", "--train-frames", "1")
    adapted(moving, tmp_path / "out", tmp_path / "plain" / "adapted.pt", "--temporal", "1", "--train-frames", "1")


@pytest.mark.slow
def test_the_same_seed_gives_the_same_weights(moving, tmp_path):
    for name in ("one", "two"):
        adapted(moving, tmp_path / name, "oidn-small", "--temporal", "1")
    one, two = (read_checkpoint(tmp_path / name / "adapted.pt").weights for name in ("one", "two"))
    assert all(torch.equal(tensor, two[key]) for key, tensor in one.items())


@pytest.mark.slow
@pytest.mark.parametrize("has_depth", [True, False])
def test_depth_tells_surfaces_apart_where_the_files_have_it(moving, has_depth):
    """Open Image Denoise's networks do not look at depth themselves. Here the left half is far away in the next frame."""
    for frame in FRAMES:
        for seed in (1, 2):
            changed = noisy(frame, 10 * frame + seed)
            changed.depth[:, :40] = changed.depth[:, :40] * (1 + 20 * (frame > 1))
            changed.depth = changed.depth if has_depth else None
            write_frame(moving / file_of(frame, seed), changed)
    accumulator = Accumulator.open(("albedo", "normal"), find_groups([str(moving)], [])[0], [[None, 0, 1]])
    weight = accumulator.of(0).neighbors[0, ..., 3]
    assert weight[:, 50:70].min() > 0.3
    assert weight[:, 10:30].max() < 0.05 if has_depth else weight[:, 10:30].min() > 0.3


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["tza", "onnx"])
def test_the_model_can_be_exported_like_any_other(done, tmp_path, kind):
    shot, out = done
    result = run("export", out / "adapted.pt", "--format", kind, "-o", tmp_path / f"m.{kind}", "--check", shot / file_of(1, 1))
    assert result.exit_code == 0, result.output


@pytest.mark.slow
def test_frames_can_be_denoised_with_neighbours_without_any_training(done, tmp_path):
    """By one seed of each: nearer to the truth than frame by frame."""
    shot, _ = done
    inputs = [shot / file_of(frame, 1) for frame in FRAMES]
    for name, options in (("alone", ()), ("temporal", ("--temporal", "2"))):
        result = denoise(inputs, "oidn", tmp_path / name, *options)
        assert result.exit_code == 0, result.output
    alone, temporal = (
        [psnr_of(read_frame(tmp_path / name / file_of(frame, 1)).color, frame) for frame in FRAMES]
        for name in ("alone", "temporal")
    )
    assert np.mean(temporal) > np.mean(alone) + 0.5


@pytest.mark.slow
def test_longer_windows_than_the_shot_do_no_harm(moving, tmp_path):
    adapted(moving, tmp_path / "out", "oidn-small", "--temporal", "5")


@pytest.mark.slow
def test_loose_files_can_be_looked_at_too(moving, tmp_path):
    for frame in FRAMES:
        for seed, name in ((1, "a"), (2, "b")):
            shutil.copy(moving / file_of(frame, seed), tmp_path / f"{name}_{frame:04d}.exr")
    adapted(tmp_path / "a_####.exr", tmp_path / "out", "oidn-small", "--temporal", "1", "--pair", tmp_path / "b_####.exr")
    assert len(list((tmp_path / "out").glob("*.exr"))) == 3


@pytest.mark.slow
def test_frames_whose_neighbors_were_rendered_again_are_denoised_again(tmp_path):
    """Also where the weights stay, because none of them was trained on."""
    options = "--temporal", "1", "--train-frames", "1"
    moving = write_shot(tmp_path / "longer", range(1, 6))
    adapted(moving, tmp_path / "out", "oidn-small", *options)
    assert read_checkpoint(tmp_path / "out" / "adapted.pt").provenance.trained_on == ("longer/v000_f0003",)
    before = times(tmp_path / "out")
    write_frame(moving / file_of(1, 1), noisy(1, 500))  # looked at by frame 2 only, which nobody looked at in training
    result = adapted(moving, tmp_path / "out", "oidn-small", *options)
    assert "training on" not in result.output
    after = times(tmp_path / "out")
    assert {name for name in after if after[name] != before[name]} == {"v000_f0001.exr", "v000_f0002.exr"}


def test_shots_without_temporal_or_that_make_no_sense_are_refused(moving, tmp_path):
    for options, says in (
        (("--shots", "1-3"), "--shots is for --temporal"),
        (("--temporal", "1", "--shots", "1-2"), "nothing of frame 3"),
        (("--temporal", "1", "--shots", "1 to 3"), "cannot read the shots"),
    ):
        assert_refused(adapt(moving, tmp_path / "out", "oidn-small", *options), says)
    assert not (tmp_path / "out").exists()


def test_views_of_a_still_are_no_animation(shot, tmp_path):
    assert_refused(adapt(shot, tmp_path / "out", "oidn-small", "--temporal", "1"), "before or after")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.parametrize("noise", [lambda frame, seed: seed, lambda frame, seed: frame + seed], ids=["same", "shifted"])
def test_the_same_noise_in_consecutive_frames_is_refused(tmp_path, noise):
    """A camera that stands still, and seeds that do not change from frame to frame, or are the next frame's in part."""
    folder = write_shot(tmp_path / "locked", noise=noise)
    for frame in FRAMES:
        for seed in (1, 2):
            still = noisy_frame(truth(1), noise(frame, seed))
            still.vector = np.zeros((*SIZE, 4), np.float32)
            write_frame(folder / file_of(frame, seed), still)
    assert_refused(adapt(folder, tmp_path / "out", "oidn-small", "--temporal", "1"), "same noise")
    assert not list((tmp_path / "out").glob("*.exr"))
    adapted(folder, tmp_path / "plain", "oidn-small")


@pytest.mark.slow
def test_a_frame_without_a_vector_pass_is_refused(moving, tmp_path):
    plain = noisy(2, 22)
    plain.vector = None
    write_frame(moving / file_of(2, 2), plain)
    result = adapt(moving, tmp_path / "out", "oidn-small", "--temporal", "1")
    assert_refused(result, "'Vector' pass")
    assert "--temporal" in result.output and file_of(2, 2) in "".join(result.output.split())


@pytest.mark.blender
@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"camera": "Drone"}, id="blurred"),
        pytest.param({"scene_name": "Path"}, id="sharp", marks=pytest.mark.nightly),
    ],
)
def test_an_animation_from_blender_to_denoised_frames(scenes, run_sample, tmp_path, options):
    run_sample(scenes.moving, 2, tmp_path / "shot", frames=(2, 3, 4), size=(64, 36), **options)
    adapted(tmp_path / "shot", tmp_path / "out", "oidn-small", "--temporal", "1", "--crop", "32", steps=4)
    assert {path.name for path in (tmp_path / "out").glob("*.exr")} == {f"v000_f000{frame}.exr" for frame in (2, 3, 4)}
    assert (tmp_path / "out" / "adapted.pt").exists()
    inputs = [tmp_path / "shot" / file_of(frame, 1).replace("0008spp", "0002spp") for frame in (2, 3, 4)]
    result = denoise(inputs, tmp_path / "out" / "adapted.pt", tmp_path / "frames")
    assert result.exit_code == 0, result.output
    for path in (tmp_path / "frames").glob("*.exr"):
        before, after = (read_frame(file, ("albedo", "vector")) for file in (tmp_path / "shot" / path.name, path))
        assert np.isfinite(after.color).all() and not np.allclose(after.color, before.color)
        np.testing.assert_array_equal(after.vector, before.vector)


@pytest.mark.blender
def test_a_locked_camera_copied_to_the_next_frame_is_refused(noisy_still, tmp_path):
    assert_refused(adapt(noisy_still, tmp_path / "out", "oidn-small", "--temporal", "1", "--crop", "32"), "same noise")


@pytest.fixture
def noisy_still(scenes, run_sample, tmp_path):
    """Two seeds of one frame, and the very same files under the next number."""
    run_sample(scenes.moving, 2, tmp_path / "still", scene_name="Other", frames=(1,))
    for path in list((tmp_path / "still").glob("*.exr")):
        shutil.copy(path, path.with_name(path.name.replace("f0001", "f0002")))
    return tmp_path / "still"

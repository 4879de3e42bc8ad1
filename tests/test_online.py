"""online: every frame is denoised by what was learned from those before it, and the curve says how well."""

import json
from pathlib import Path

import numpy as np
import pytest
from adapt_fixtures import assert_refused
from click.testing import CliRunner
from conftest import noisy_frame, true_frame

from n2n_render.cli.commands import main
from n2n_render.denoise import Denoiser
from n2n_render.engines.options import EngineOptions
from n2n_render.errors import N2NError
from n2n_render.frame.frame import Frame
from n2n_render.frame.metrics import psnr
from n2n_render.frame.transfer import exposure
from n2n_render.io.exr import read_frame, write_frame
from n2n_render.learn.samplers import Crops
from n2n_render.learn.schedule import Schedule
from n2n_render.learn.start import open_shot_start
from n2n_render.network.checkpoint import read_checkpoint
from n2n_render.network.registry import open_model
from n2n_render.online import CurveMeans, FlyThrough, Point
from n2n_render.online.learner import Learner
from n2n_render.online.past import past_windows, reach_of

FRAMES = (1, 2, 3)
SIZE, STEP = (64, 96), 2


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
@pytest.mark.nightly
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

    # The model has learned, and can be used: it takes neighbours in, as it was trained to.
    learned, before = open_model(str(out / "online.pt")), open_model("oidn-small")
    assert any(not np.allclose(learned.weights[name], before.weights[name]) for name in before.weights)
    assert learned.model.reach == 4
    shot = sorted((out / "demo").glob("v000_f*_s0001_*.exr"))
    for frames in (shot, [files[0], "--temporal", 0]):
        options = [*frames, "--model", out / "online.pt", "-o", tmp_path / "again"]
        again = CliRunner().invoke(main, ["denoise", *map(str, options)])
        assert again.exit_code == 0, again.output

    # Once more: nothing is rendered again, and the same comes out.
    times = {path: path.stat().st_mtime_ns for path in (out / "demo").glob("*.exr")}
    first = [picture(out, frame) for frame in FRAMES]
    assert online(scenes.demo, out).exit_code == 0
    assert times == {path: path.stat().st_mtime_ns for path in (out / "demo").glob("*.exr")}
    for frame, image in zip(FRAMES, first, strict=True):
        assert np.allclose(picture(out, frame), image, rtol=1e-3, atol=1e-4)

    # Frame by frame it is another run, with other pictures but for the first.
    assert_refused(online(scenes.demo, out, "--temporal", 0), "another temporal")
    write_report_of_an_earlier_version(out)
    assert online(scenes.demo, out, "--temporal", 0).exit_code == 0
    np.testing.assert_allclose(picture(out, 1), first[0], rtol=1e-3, atol=1e-4)
    assert not np.allclose(picture(out, 2), first[1], rtol=1e-2) and read_checkpoint(out / "online.pt").model.reach == 0


def write_report_of_an_earlier_version(out):
    """Which took no neighbours in, and does not tell of it."""
    told = json.loads((out / "report.json").read_text())
    del told["config"]["temporal"]
    (out / "report.json").write_text(json.dumps(told))


@pytest.mark.blender
@pytest.mark.nightly
def test_an_interrupted_run_goes_on_with_the_frames_that_are_there_as_neighbours(scenes, tmp_path):
    """A camera that moves; the renders of the last frame are missing."""
    out = tmp_path / "live"
    assert online(scenes.moving, out).exit_code == 0
    whole = [picture(out, frame) for frame in FRAMES]
    for path in (*out.rglob("*_f0003*.exr"), out / "online.pt"):
        path.unlink()
    assert online(scenes.moving, out).exit_code == 0
    for frame, before in zip(FRAMES, whole, strict=True):
        np.testing.assert_allclose(picture(out, frame), before, rtol=1e-2, atol=1e-3)


def test_frames_look_at_those_before_them_only():
    assert past_windows((1, 2, 3), 2) == [[None, None, 0, None, None], [None, 0, 1, None, None], [0, 1, 2, None, None]]
    assert past_windows((5, 7, 8, 1), 1) == [[None, 0, None], [None, 1, None], [1, 2, None], [None, 3, None]]
    assert past_windows((3, 2), 1) == [[None, 0, None], [None, 1, None]]  # the one before is rendered later
    assert reach_of((1, 2), 4) == 4 and reach_of((1, 2), 0) == 0
    assert reach_of(range(1, 100, 5), 4) == 0 and reach_of((7,), 4) == 0


def truth(number):
    """A camera that goes to the right: everything moves two pixels to the left with each frame."""
    whole = true_frame(SIZE[0], SIZE[1] + STEP * 12, seed=4)
    part = np.s_[:, STEP * number : STEP * number + SIZE[1]]
    return Frame(
        color=whole.color[part],
        albedo=whole.albedo[part],
        normal=whole.normal[part],
        depth=whole.depth[part],
        vector=np.broadcast_to(np.float32([STEP, 0, STEP, 0]), (*SIZE, 4)),
    )


def rendered(folder, number, noisy=True, noise_of=None, vector=True):
    """The files of two seeds of a frame. noise_of: another frame's number, whose noise it has."""
    files = []
    for seed in (1, 2):
        frame = noisy_frame(truth(number), 10 * (noise_of or number) + seed, 0.7) if noisy else truth(number)
        frame.vector = truth(number).vector if vector else None
        files.append(folder / f"v000_f{number:04d}_s{seed:04d}_0008spp.exr")
        write_frame(files[-1], frame)
    return files


@pytest.fixture
def open_learner(tmp_path):
    """open_learner(frames, temporal) → Learner from Open Image Denoise's base network."""
    learners = []

    def make(frames, temporal):
        (tmp_path / f"cache{len(learners)}").mkdir()
        start = open_shot_start("oidn", reach_of(frames, temporal))
        schedule = Schedule(1e-5, seconds=float("inf"), shape="constant", warmup_steps=30, ema=0.98)
        engine, cache = EngineOptions("cpu", "torch"), tmp_path / f"cache{len(learners)}"
        learners.append(Learner.open(start, schedule, Crops(2, 48, 1), 4, engine, cache, frames))
        return learners[-1]

    yield make
    for learner in learners:
        learner.close()


def squared_error(picture, number):
    """On T, of an exposed picture."""
    color = truth(number).color
    color = color * np.float32(exposure(color))
    return 10 ** (-psnr(image=picture, reference_a=color, reference_b=color) / 10)


@pytest.mark.slow
@pytest.mark.nightly
def test_the_past_brings_frames_nearer_to_the_truth_and_the_expected_error_knows(open_learner, tmp_path):
    """Of single frames within a factor of two, in the mean within a half: noise and network are not those of the usual
    ratios.
    """
    frames, errors, expected = range(1, 7), {}, {}
    files = {number: rendered(tmp_path, number) for number in frames}
    for temporal in (0, 4):
        learner = open_learner(frames, temporal)
        errors[temporal], expected[temporal] = [], []
        for number in frames:
            arrived = learner.read(files[number])
            painted = learner.denoise(arrived)
            errors[temporal].append(squared_error(painted.picture, number))
            expected[temporal].append(painted.squared_error)
            learner.learn(arrived.arrays, f"f{number}", 1)
    true, told = (np.array([by[0], by[4]]) for by in (errors, expected))
    assert errors[4][0] == pytest.approx(errors[0][0], rel=1e-3)  # nothing is before the first
    assert (true[1, 1:] < 0.8 * true[0, 1:]).all() and true[1, 2:].mean() < 0.7 * true[0, 2:].mean()
    assert (abs(np.log2(told / true)) < 1).all()
    assert abs(np.log(told[:, 1:].mean(1) / true[:, 1:].mean(1))).max() < 0.4


@pytest.mark.slow
def test_numbers_that_do_not_follow_each_other_are_denoised_by_themselves(open_learner, tmp_path):
    """In a fly-through that has neighbours elsewhere; the model of one without any is one of single frames."""
    learner, single = open_learner((1, 2, 5), 4), open_learner((1, 5), 4)
    for number, has_past in ((1, False), (2, True), (5, False)):
        arrived = learner.read(rendered(tmp_path, number))
        assert (arrived.alone is not None) == has_past
        assert (arrived.arrays.images.shape[-1] == 14) == has_past
    assert single.past is None and single.start.model.reach == 0


@pytest.mark.slow
def test_a_frame_without_noise_is_a_neighbour_too(open_learner, tmp_path):
    learner = open_learner((1, 2, 3), 2)
    assert learner.read(rendered(tmp_path, 1, noisy=False)) is None
    taken = learner.read(rendered(tmp_path, 2))
    assert taken.alone is not None and taken.arrays.images[..., 13].mean() > 0.3  # of its samples
    assert squared_error(learner.denoise(taken).picture, 2) < squared_error(np.mean(taken.alone, axis=0), 2)


@pytest.mark.slow
def test_frames_that_share_their_noise_or_have_no_vectors_are_refused(open_learner, tmp_path):
    learner = open_learner((1, 2), 1)
    learner.read(rendered(tmp_path, 1))
    with pytest.raises(N2NError, match="the same noise") as error:
        learner.read(rendered(tmp_path, 2, noise_of=1))
    assert "--temporal 0" in error.value.hint

    learner = open_learner((1, 2), 1)
    learner.read(rendered(tmp_path, 1, vector=False))
    with pytest.raises(N2NError, match="'Vector' pass") as error:
        learner.read(rendered(tmp_path, 2, vector=False))
    assert "--temporal 0" in error.value.hint
    alone = open_learner((1, 2), 0)  # which needs neither
    assert all(alone.read(rendered(tmp_path, number, noise_of=1, vector=False)) for number in (1, 2))


@pytest.mark.slow
def test_a_missing_scene_is_one_sentence(tmp_path):
    result = online(tmp_path / "none.blend", tmp_path / "live")
    assert result.exit_code == 1 and "no such file" in result.output and "Traceback" not in result.output


def test_the_means_of_a_curve_are_over_the_frames_that_have_points():
    points = [Point(1, 10.0, 20.0), Point(2, None, None), Point(3, 12.0, 24.0), Point(4, 14.0, 31.0)]
    means = FlyThrough(Path("fly"), None, points).means
    assert means == {"noisy_expected": CurveMeans(12.0, 10.0, 14.0), "expected": CurveMeans(25.0, 20.0, 31.0)}

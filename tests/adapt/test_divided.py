"""Adapting on many machines: one trains, others paint their shares, and what they make is what one machine makes."""

import json
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest
from adapt_fixtures import adapted, assert_refused, report, times
from test_temporal import file_of, noisy, run, truth, write_shot

from n2n_render.io.dataset import write_manifest
from n2n_render.io.exr import write_frame
from n2n_render.network.checkpoint import read_checkpoint

FRAMES = range(1, 6)
NAMES = [f"v000_f000{frame}.exr" for frame in FRAMES]
QUICK = ("--device", "cpu", "--engine", "torch", "--average", "1")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """(folder of the shot, folder that was adapted to it at once)."""
    folder = tmp_path_factory.mktemp("whole")
    adapted(write_shot(folder / "shot", FRAMES), folder / "out", "oidn-small", "--temporal", "1", steps=4)
    return folder / "shot", folder / "out"


@pytest.fixture(scope="module")
def trained(whole, tmp_path_factory):
    """A folder that only the model was made in."""
    out = tmp_path_factory.mktemp("trained") / "out"
    result = adapted(whole[0], out, "oidn-small", "--temporal", "1", "--train-only", steps=4)
    assert "model:" in result.stdout and "wrote" not in result.stdout
    return out


@pytest.fixture
def out(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "out")


def paint(shot, out, *more):
    return run("adapt", shot, "-o", out, "--paint", *QUICK, *more)


def painted(*arguments):
    result = paint(*arguments)
    assert result.exit_code == 0, result.output
    return result


def assert_equal(out, other, names=NAMES):
    for name in names:
        assert (out / name).read_bytes() == (other / name).read_bytes(), name
        picture = name.replace(".exr", ".error.png")
        assert (out / picture).read_bytes() == (other / picture).read_bytes(), picture


def merge(shot, out):
    return run("adapt", shot, "-o", out, "--merge")


@pytest.mark.slow
def test_the_training_alone_makes_the_same_model_and_no_frame(whole, trained):
    ours, theirs = (read_checkpoint(out / "adapted.pt") for out in (trained, whole[1]))
    assert all((ours.weights[name] == value).all() for name, value in theirs.weights.items())
    assert {path.name for path in trained.iterdir()} == {"adapted.pt", "report.json", "preview.png"}
    assert report(trained)["frames"] == []


@pytest.mark.slow
@pytest.mark.parametrize("shares", [["--chunk 1/2", "--chunk 2/2"], ["--frames 4-5", "--frames 1,3", "--frames 2"]])
def test_shares_together_are_the_whole_bit_for_bit(whole, out, shares):
    shot, at_once = whole
    for share in shares:
        painted(shot, out, *share.split())
    assert len(list((out / ".report").iterdir())) == 5 and report(out)["frames"] == []
    result = merge(shot, out)
    assert result.exit_code == 0 and "all 5 frame(s)" in result.stdout, result.output
    assert_equal(out, at_once)
    assert report(out)["frames"] == report(at_once)["frames"] and report(out)["config"] == report(at_once)["config"]
    assert {path.name for path in out.iterdir()} == {path.name for path in at_once.iterdir()}


@pytest.mark.slow
def test_what_is_painted_is_not_painted_again(whole, out):
    painted(whole[0], out, "--frames", "1-3")
    before = times(out)
    again = painted(whole[0], out)
    assert {name: time for name, time in times(out).items() if name in before} == before
    assert "wrote 5 frame(s)" in again.stdout
    (out / ".report" / f"{NAMES[1]}.json").write_text("{")  # torn
    assert "denoised again" in painted(whole[0], out).output and times(out)[NAMES[1]] > before[NAMES[1]]


@pytest.mark.slow
def test_a_whole_run_goes_on_with_what_shares_have_painted(whole, out):
    painted(whole[0], out, "--frames", "2-4")
    before = times(out)
    result = adapted(whole[0], out, "oidn-small", "--temporal", "1", steps=4)
    assert "training on" not in result.output
    assert {name: time for name, time in times(out).items() if name in before} == before
    assert [frame["file"] for frame in report(out)["frames"]] == NAMES and not (out / ".report").exists()


@pytest.mark.slow
def test_a_machine_that_has_the_storage_elsewhere_paints_the_same(whole, out, tmp_path):
    elsewhere = shutil.copytree(whole[0].parent, tmp_path / "mounted elsewhere")
    painted(elsewhere / "shot", out, "--frames", "1-2")
    painted(whole[0], out, "--frames", "3-5")
    assert merge(elsewhere / "shot", out).exit_code == 0
    assert_equal(out, whole[1])


@pytest.mark.slow
def test_what_is_missing_is_named_and_nothing_is_merged(whole, out):
    painted(whole[0], out, "--frames", "1,3,5")
    result = merge(whole[0], out)
    assert_refused(result, f"2 of 5 frames are missing, or were painted from other renders or with other settings: {NAMES[1]}")
    assert len(list((out / ".report").iterdir())) == 3 and report(out)["frames"] == []


@pytest.mark.slow
def test_a_frame_that_was_rendered_again_is_missing_until_it_is_painted(whole, out, tmp_path):
    shot = shutil.copytree(whole[0], tmp_path / "shot")
    painted(shot, out)
    assert merge(shot, out).exit_code == 0
    write_frame(shot / file_of(5, 2), noisy(5, 99))
    assert_refused(
        merge(shot, out), f"2 of 5 frames are missing, or were painted from other renders or with other settings: {NAMES[3]}"
    )
    before = times(out)
    painted(shot, out)
    assert [name for name, time in times(out).items() if time != before[name]] == NAMES[3:]  # its neighbour too
    assert merge(shot, out).exit_code == 0


def test_without_a_model_nothing_is_painted(whole, tmp_path):
    assert_refused(paint(whole[0], tmp_path / "out"), "no such file, so there is nothing to paint with")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("options", [("--temporal", "1"), ("--steps", "4"), ("--init", "oidn"), ("--train-frames", "3")])
def test_options_of_the_training_are_refused_where_it_is_done(whole, out, options):
    assert_refused(paint(whole[0], out, *options), f"{options[0][2:]} is for the training")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--paint", "--merge"), "paint and merge are different stages"),
        (("--chunk", "1/2"), "frames, chunk and shared are for painting alone"),
        (("--merge", "--frames", "1"), "frames, chunk and shared are for painting alone"),
        (("--paint", "--frames", "5-7"), "frame 6-7 is not among the inputs"),
    ],
)
def test_what_does_not_fit_together_is_refused(whole, out, options, says):
    assert_refused(run("adapt", whole[0], "-o", out, *options), says)


def test_more_shares_than_frames_leave_some_empty(whole, out):
    assert "holds no frame" in painted(whole[0], out, "--chunk", "1/9").output
    assert not list(out.glob("*.exr"))


@pytest.mark.slow
def test_several_devices_share_the_frames(whole, out):
    painted(whole[0], out, "--device", "cpu,cpu")
    assert_equal(out, whole[1])


@pytest.mark.slow
def test_a_training_that_is_started_again_leaves_what_was_painted_meanwhile(whole, out):
    """Also where its own settings say that frames are painted otherwise."""
    painted(whole[0], out)
    before = times(out)
    adapted(whole[0], out, "oidn-small", "--temporal", "1", "--train-only", "--keep-noisy", steps=4)
    assert len(list((out / ".report").iterdir())) == 5
    painted(whole[0], out)
    assert {name: time for name, time in times(out).items() if name in before} == before
    assert merge(whole[0], out).exit_code == 0 and not (out / ".report").exists()


@pytest.mark.slow
def test_machines_may_have_other_devices(whole, out):
    painted(whole[0], out, "--frames", "1-2", "--device", "cpu,cpu")
    painted(whole[0], out, "--frames", "3", "--threads", "1")
    painted(whole[0], out, "--frames", "4-5")
    before = times(out)
    painted(whole[0], out)
    assert times(out) == before and merge(whole[0], out).exit_code == 0
    assert [frame["file"] for frame in report(out)["frames"]] == NAMES


@pytest.mark.slow
@pytest.mark.parametrize("devices, says", [("cpu,nowhere", "nowhere"), ("cpu,", "cannot read the devices")])
def test_a_device_that_only_paints_is_looked_at_before_the_training(whole, tmp_path, devices, says):
    result = run("adapt", whole[0], "-o", tmp_path / "out", "--init", "oidn-small", "--steps", 4, "--device", devices)
    assert_refused(result, says)
    assert "training on" not in result.output and not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.nightly
def test_processes_that_share_a_folder_paint_every_frame_once(whole, out):
    """One of them is killed while it has some: the others do them."""
    command = [sys.executable, "-m", "n2n_render", "adapt", whole[0], "-o", out, "--paint", "--shared", *QUICK]

    def start():
        return subprocess.Popen([*map(str, command)], stderr=subprocess.PIPE, text=True)

    killed = start()
    while not list((out / ".leases").glob("v000*")) or not (out / NAMES[0]).exists():
        assert killed.poll() is None, killed.communicate()[1]
        time.sleep(0.001)
    killed.kill()
    killed.communicate()
    assert list((out / ".leases").glob("v000*")) and not (out / NAMES[4]).exists()
    workers = [start() for _ in range(2)]
    said = [worker.communicate(timeout=300)[1] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], said
    assert merge(whole[0], out).exit_code == 0
    assert_equal(out, whole[1])
    assert {path.name for path in out.iterdir()} == {path.name for path in whole[1].iterdir()}


@pytest.mark.slow
def test_frames_without_noise_need_no_model(tmp_path):
    shot = tmp_path / "shot"
    write_shot(shot, FRAMES)
    for frame in FRAMES:
        black = truth(frame).map(lambda name, image: np.zeros_like(image))
        for seed in (1, 2):
            write_frame(shot / file_of(frame, seed), black)
    out = tmp_path / "out"
    assert "nothing was learned" in adapted(shot, out, "oidn-small", "--train-only").stdout
    assert not (out / "adapted.pt").exists()
    for number in (1, 2):
        painted(shot, out, "--chunk", f"{number}/2")
    assert merge(shot, out).exit_code == 0 and len(report(out)["frames"]) == 5


@pytest.mark.slow
def test_frames_that_are_promised_and_not_rendered_yet_are_said(whole, trained, tmp_path):
    """As when the second of two machines is still at work: what is there has no gap."""
    shot, out = shutil.copytree(whole[0], tmp_path / "shot"), shutil.copytree(trained, tmp_path / "out")
    manifest = json.loads((shot / "manifest.json").read_text())
    eye = [float(place % 5 == 0) for place in range(16)]
    write_manifest(shot, {**manifest, "frames": [*FRAMES, 6, 7], "views": {"v000": eye}})
    assert "v000_f0006, v000_f0007 of" in painted(shot, out).output
    assert_refused(merge(shot, out), f"v000_f0006, v000_f0007 of {shot} are not rendered yet")
    write_manifest(shot, {**manifest, "frames": [*FRAMES], "views": {"v000": eye}})
    assert "not rendered yet" not in merge(shot, out).output


def test_a_torn_model_is_said_to_be_trained_again(whole, out):
    content = (out / "adapted.pt").read_bytes()
    (out / "adapted.pt").write_bytes(content[: len(content) // 2])
    result = paint(whole[0], out)
    assert_refused(result, "is not a checkpoint, or is damaged")
    assert "delete it and adapt again" in result.output


@pytest.mark.slow
def test_every_device_is_tried_before_the_training(whole, tmp_path):
    result = run("adapt", whole[0], "-o", tmp_path / "out", "--steps", "4", "--device", "cpu,nonsense")
    assert_refused(result, "'nonsense' cannot be used")
    assert not (tmp_path / "out" / "adapted.pt").exists()

"""A sequence that is denoised in shares: what each machine does, and that all together is what one does."""

import os
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import noisy_frame, true_frame

from n2n_render.cli.commands import main
from n2n_render.io.exr import write_frame
from n2n_render.io.selection import is_current, select_frames

SIZE, COUNT = (40, 56), 11
NAMES = [f"f_{frame:04d}.exr" for frame in range(1, COUNT + 1)]
MODEL = "oidn-small-noisy-aux"


def write(folder, number, seed=0):
    frame = noisy_frame(true_frame(*SIZE, 1), 100 * seed + number)
    frame.vector = np.zeros((*SIZE, 4), np.float32)
    write_frame(folder / NAMES[number - 1], frame)


@pytest.fixture
def renders(tmp_path):
    """An animation of a scene at rest."""
    for number in range(1, COUNT + 1):
        write(tmp_path / "in", number)
    return tmp_path / "in"


def denoise(renders, out, *more):
    return CliRunner().invoke(main, [*map(str, ["denoise", renders, "-o", out, "--model", MODEL, "--device", "cpu", *more])])


def denoised(*arguments):
    result = denoise(*arguments)
    assert result.exit_code == 0, result.output
    return result


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def assert_equal(out, other, some=NAMES):
    for name in some:
        assert (out / name).read_bytes() == (other / name).read_bytes(), name


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        pytest.param(("--temporal", 2), id="temporal"),
        pytest.param((), id="alone", marks=pytest.mark.nightly),
        pytest.param(("--temporal", 1, "--fast"), id="fast", marks=pytest.mark.nightly),
    ],
)
def test_shares_together_are_the_whole_bit_for_bit(renders, tmp_path, options):
    denoised(renders, tmp_path / "whole", *options)
    for share in (("--frames", "10-11"), ("--frames", "1-9", "--chunk", "2/2"), ("--frames", "1-9", "--chunk", "1/2")):
        denoised(renders, tmp_path / "shares", *share, *options)
    assert names(tmp_path / "shares") == NAMES
    assert_equal(tmp_path / "shares", tmp_path / "whole")


@pytest.mark.slow
def test_only_the_frames_that_are_asked_for_are_denoised(renders, tmp_path):
    result = denoised(renders, tmp_path / "out", "--frames", "3,7-8")
    assert names(tmp_path / "out") == [NAMES[2], NAMES[6], NAMES[7]] and "wrote 3 files" in result.stdout


def test_a_frame_that_is_not_there_is_named_before_anything_is_done(renders, tmp_path):
    result = denoise(renders, tmp_path / "out", "--frames", "9-13")
    assert result.exit_code == 1 and "frame 12-13 is not among the inputs" in result.output and "1-11" in result.output
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_what_is_there_stays_until_it_is_rendered_again(renders, tmp_path):
    out = tmp_path / "out"
    denoised(renders, out, "--frames", "1-4")
    before = {name: (out / name).stat().st_mtime_ns for name in names(out)}
    result = denoised(renders, out, "--skip-existing", "--frames", "1-6")
    assert "wrote 2 files" in result.stdout and "4 were there already" in result.stdout
    assert {name: (out / name).stat().st_mtime_ns for name in before} == before
    write(renders, 2, seed=1)
    denoised(renders, out, "--skip-existing", "--frames", "1-6")
    assert [name for name in before if (out / name).stat().st_mtime_ns != before[name]] == [NAMES[1]]


@pytest.mark.slow
@pytest.mark.nightly
def test_a_neighbor_that_is_rendered_again_changes_the_frames_beside_it(renders, tmp_path):
    out = tmp_path / "out"
    denoised(renders, out, "--temporal", 1, "--frames", "1-5")
    before = {name: (out / name).stat().st_mtime_ns for name in names(out)}
    write(renders, 3, seed=1)
    denoised(renders, out, "--temporal", 1, "--frames", "1-5", "--skip-existing")
    assert [name for name in before if (out / name).stat().st_mtime_ns != before[name]] == NAMES[1:4]


@pytest.mark.slow
def test_several_devices_share_the_frames(renders, tmp_path):
    denoised(renders, tmp_path / "whole")
    result = denoised(renders, tmp_path / "shares", "--device", "cpu,cpu,cpu")
    assert_equal(tmp_path / "shares", tmp_path / "whole")
    assert "wrote 11 files" in result.stdout


@pytest.mark.slow
def test_several_devices_name_every_frame_that_fails(renders, tmp_path):
    for name in NAMES[3], NAMES[8]:
        os.truncate(renders / name, 2000)
    result = denoise(renders, tmp_path / "out", "--device", "cpu,cpu")
    assert result.exit_code == 1 and "2 of 11 frames" in result.output
    assert NAMES[3] in result.output and NAMES[8] in result.output
    assert names(tmp_path / "out") == [name for name in NAMES if name not in (NAMES[3], NAMES[8])]


@pytest.mark.parametrize("device", ["cpu,", ",", "cpu,,cpu"])
def test_a_list_of_devices_that_cannot_be_read_is_refused(renders, tmp_path, device):
    result = denoise(renders, tmp_path / "out", "--device", device)
    assert result.exit_code == 1 and "cannot read the devices" in result.output and "cuda:0,cuda:1" in result.output


@pytest.mark.slow
@pytest.mark.nightly
def test_processes_that_share_a_folder_do_every_frame_once(renders, tmp_path):
    denoised(renders, tmp_path / "whole")
    command = [sys.executable, "-m", "n2n_render", "denoise", renders, "-o", tmp_path / "out", "--model", MODEL, "--shared"]
    workers = [subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in "ab"]
    said = [worker.communicate(timeout=300) for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], said
    assert names(tmp_path / "out") == NAMES
    assert_equal(tmp_path / "out", tmp_path / "whole")
    wrote = [int(out.partition("wrote ")[2].split()[0]) for out, _ in said if "wrote " in out and " files" in out]
    assert sum(wrote) <= COUNT  # one that wrote a single file names it


def test_frames_are_selected_before_they_are_shared_out(renders):
    paths = sorted(renders.iterdir())
    assert select_frames(paths, None, (1, 1)) == list(range(COUNT))
    assert select_frames(paths, [2, 3, 4, 5], (2, 2)) == [3, 4]
    assert select_frames(paths, [2], (1, 3)) == []


def test_an_output_is_current_only_after_all_that_it_is_made_of(tmp_path):
    for name, second in (("a", 10), ("b", 20), ("out", 15)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (second, second))
    assert is_current(tmp_path / "out", [tmp_path / "a"]) and not is_current(tmp_path / "out", [tmp_path / "b", tmp_path / "a"])
    assert not is_current(tmp_path / "none", [])

"""A run can stop anywhere and go on: only whole files, only the missing ones, only with the settings of before."""

import json
import os
import shutil
import signal
import subprocess
import time

import pytest

from n2n_render.errors import N2NError
from n2n_render.io.dataset import FrameName, parse_name, read_manifest
from n2n_render.io.exr import is_readable

pytestmark = pytest.mark.blender

TINY = {"scene_name": "Other", "size": (32, 18)}


def renders(folder):
    return sorted(path for path in folder.iterdir() if parse_name(path.name))


def times(paths):
    return {path.name: path.stat().st_mtime_ns for path in paths}


def leftovers(folder):
    return [path.name for path in folder.iterdir() if "partial" in path.name]


@pytest.fixture(scope="module")
def made(scenes, run_sample, tmp_path_factory):
    """Three seeds at 32×18, 1 spp. Copy it before changing it."""
    folder = tmp_path_factory.mktemp("made") / "set"
    run_sample(scenes.moving, 1, folder, seeds=3, **TINY)
    return folder


@pytest.fixture
def copy(made, tmp_path):
    return shutil.copytree(made, tmp_path / "set")


def test_a_second_run_renders_nothing(scenes, run_sample, copy):
    """All files are there, so none is touched."""
    before = times(renders(copy))
    done, recorder = run_sample(scenes.moving, 1, copy, seeds=3, **TINY)
    assert (done.jobs, done.present, recorder.files) == (0, 3, [])
    assert times(renders(copy)) == before and not leftovers(copy)


def test_missing_and_damaged_files_alone_are_rendered_again(scenes, run_sample, made, copy):
    """One deleted, one cut off, one whole: the two come back with their old pixels, the whole one stays."""
    deleted, damaged, whole = renders(copy)
    deleted.unlink()
    damaged.write_bytes(damaged.read_bytes()[:-200])
    before = whole.stat().st_mtime_ns
    done, recorder = run_sample(scenes.moving, 1, copy, seeds=3, **TINY)
    assert (done.jobs, done.present) == (2, 1) and recorder.files == [deleted.name, damaged.name]
    assert whole.stat().st_mtime_ns == before
    assert all(is_readable(path) for path in (deleted, damaged)) and renders(copy) == [deleted, damaged, whole]


def test_more_seeds_and_references_join_a_folder(scenes, run_sample, copy):
    """Old files stay, the manifest knows of all; fewer seeds later forget nothing."""
    before = times(renders(copy))
    run_sample(scenes.moving, 1, copy, seeds=4, reference_spp=2, **TINY)
    after = times(renders(copy))
    assert len(after) == 4 + 2 and before.items() <= after.items()
    run_sample(scenes.moving, 1, copy, seeds=2, **TINY)
    manifest = read_manifest(copy)
    assert (manifest["seeds"], manifest["reference_spp"]) == (4, 2) and times(renders(copy)) == after


@pytest.mark.parametrize(
    ("spp", "options", "named"),
    [
        (2, TINY, "spp: there 1, now 2"),
        (1, {"scene_name": "Other", "size": (16, 9)}, "size"),
        (1, {"size": (32, 18)}, "scene_name: there Other, now Main"),
    ],
)
def test_other_settings_are_refused_in_the_same_folder(scenes, run_sample, copy, spp, options, named):
    """The message names what differs, and nothing in the folder changes."""
    before = times(copy.iterdir())
    with pytest.raises(N2NError, match=named):
        run_sample(scenes.moving, spp, copy, **options)
    assert times(copy.iterdir()) == before


@pytest.mark.parametrize(("options", "first", "second"), [({"camera": "Drone"}, (1, 2), (4,)), ({}, (3,), (10,))])
def test_more_frames_join_a_folder(scenes, run_sample, tmp_path, options, first, second):
    """A camera that moves, or a cut to another, stands elsewhere at another frame; that is no other setting."""
    for frames in (first, second, first):
        run_sample(scenes.moving, 1, tmp_path / "set", frames=frames, size=(32, 18), **options)
    assert len(renders(tmp_path / "set")) == 2 * len(first + second)
    assert read_manifest(tmp_path / "set")["frames"] == sorted(first + second)


def test_chunks_together_make_the_whole(scenes, run_sample, tmp_path):
    """Two machines with a half each fill one folder with the same files as one machine alone."""
    options = {"frames": (1, 2, 3), "reference_spp": 2, "size": (32, 18), "scene_name": "Other"}
    run_sample(scenes.moving, 1, tmp_path / "one", **options)
    counts = [run_sample(scenes.moving, 1, tmp_path / "two", chunk=(index, 2), **options)[0].jobs for index in (1, 2)]
    one, two = ([path.name for path in renders(tmp_path / name)] for name in ("one", "two"))
    assert one == two and sum(counts) == len(one) == 8 and min(counts) > 0
    assert read_manifest(tmp_path / "one") == read_manifest(tmp_path / "two")


def test_tasks_that_begin_together_make_one_dataset(scenes, sample_command, run_sample, tmp_path):
    """Frames of one shot, a few in each process: the manifest tells of all of them, whoever came first."""
    options = ("--scene", scenes.moving, "--spp", 1, "--frames", "1-4", "--size", "32x18", "--scene-name", "Other")
    tasks = [
        subprocess.Popen(sample_command(*options, "--only", only, "--out", tmp_path / "two"), stderr=subprocess.PIPE, text=True)
        for only in ("1,3", "2,4")
    ]
    for task in tasks:
        said = task.communicate(timeout=300)[1]
        assert task.returncode == 0, said
    run_sample(scenes.moving, 1, tmp_path / "one", frames=(1, 2, 3, 4), size=(32, 18), scene_name="Other")
    one, two = ([path.name for path in renders(tmp_path / name)] for name in ("one", "two"))
    assert one == two and len(one) == 8 and not leftovers(tmp_path / "two")
    assert read_manifest(tmp_path / "one") == read_manifest(tmp_path / "two")


def test_a_share_of_frames_that_are_not_there_is_refused(scenes, run_sample, tmp_path):
    with pytest.raises(N2NError, match="only names a frame"):
        run_sample(scenes.moving, 1, tmp_path / "set", frames=(1, 2), only=(3,))


def test_a_dry_run_writes_nothing(scenes, sample_command, tmp_path):
    """It prints how many files, minutes and MiB it would take."""
    done = subprocess.run(
        sample_command("--scene", scenes.moving, "--spp", 64, "--seeds", 5, "--size", "32x18", "--dry-run"),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "would render 5 file(s), 0 there already" in done.stdout
    assert "minutes" in done.stdout and "MiB" in done.stdout
    assert list(tmp_path.iterdir()) == []


class Run:
    """The command line in a process of its own, stopped while it renders."""

    def __init__(self, command, finished_files):
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        seen = 0
        while seen < finished_files:
            line = self.process.stderr.readline()
            assert line, "it ended before it could be stopped"
            seen += json.loads(line)["event"] == "progress"
        table = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
        pairs = [tuple(map(int, line.split())) for line in table.splitlines()]
        self.children = [pid for pid, parent in pairs if parent == self.process.pid]

    def stop(self, how):
        """Returns (exit code, what it still said)."""
        os.kill(self.process.pid, how)
        _, said = self.process.communicate(timeout=60)
        return self.process.returncode, said

    def children_end(self, seconds=30):
        """Whether no child is left within this time; a zombie counts as ended."""
        for _ in range(seconds * 10):
            states = [
                subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()
                for pid in self.children
            ]
            if all(state == "" or state.startswith("Z") for state in states):
                return True
            time.sleep(0.1)
        return False


@pytest.fixture
def long_run(scenes, sample_command, tmp_path):
    """A run of forty files, of which two are finished."""
    return Run(
        sample_command(
            "--scene", scenes.moving, "--scene-name", "Other", "--spp", 64, "--seeds", 40, "--out", tmp_path / "set"
        ),
        2,
    )


def test_a_killed_run_leaves_whole_files_and_goes_on(long_run, scenes, run_sample, tmp_path):
    """kill -9: no half file has a final name, Blender ends by itself, the next run finishes and clears up."""
    assert len(long_run.children) == 1
    code, _ = long_run.stop(signal.SIGKILL)
    assert code == -signal.SIGKILL and long_run.children_end()
    finished = renders(tmp_path / "set")
    assert 2 <= len(finished) < 40 and all(is_readable(path) for path in finished)
    assert len(leftovers(tmp_path / "set")) == 1
    before = times(finished)
    done, _ = run_sample(scenes.moving, 64, tmp_path / "set", scene_name="Other", seeds=40)
    assert (done.present, done.jobs) == (len(finished), 40 - len(finished))
    assert before.items() <= times(renders(tmp_path / "set")).items()
    assert len(renders(tmp_path / "set")) == 40 and not leftovers(tmp_path / "set")


def test_ctrl_c_ends_quietly(long_run, tmp_path):
    """Exit code 130, no traceback, no child, nothing but whole files and the manifest."""
    code, said = long_run.stop(signal.SIGINT)
    assert code == 130 and "Traceback" not in said and "interrupted" in said
    assert long_run.children_end(5)
    assert all(is_readable(path) for path in renders(tmp_path / "set"))
    names = {path.name for path in (tmp_path / "set").iterdir()}
    assert names <= {FrameName("v000", 1, "s", seed, 64).filename for seed in range(1, 41)} | {"manifest.json"}


def test_folders_of_running_processes_are_left_alone(scenes, run_sample, copy):
    """Another run of this machine into the same folder keeps its unfinished files."""
    other = copy / f".partial-{os.uname().nodename}-{os.getppid()}"
    other.mkdir()
    run_sample(scenes.moving, 1, copy, seeds=3, **TINY)
    assert leftovers(copy) == [other.name]

"""Killed in the middle of a frame that would take hours: nothing goes on computing, nothing stays behind."""

import hashlib
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest
from nightly_fixtures import nightly

from n2n_render.io import atomic
from n2n_render.io.owned import HOST, is_alive, owned_folder, remove_abandoned
from n2n_render.sample.launch import KIND, WORKER

HOURS_SPP = 2_000_000
SCENE = {"scene_name": "Other", "size": (32, 18)}


def ends(pid, seconds=20):
    """Whether a process is gone within this time; a zombie counts as gone."""
    for _ in range(seconds * 10):
        state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True).stdout.strip()
        if state == "" or state.startswith("Z"):
            return True
        time.sleep(0.1)
    return False


def wait_for(condition, seconds=120):
    for _ in range(seconds * 10):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("it did not happen")


def busy(pid):
    """Seconds of computing so far."""
    with open(f"/proc/{pid}/stat") as file:
        values = file.read().rpartition(")")[2].split()
    return (int(values[11]) + int(values[12])) / os.sysconf("SC_CLK_TCK")


def children(pid):
    table = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    return [int(line.split()[0]) for line in table.splitlines() if int(line.split()[1]) == pid]


@pytest.fixture
def long_frame(scenes, sample_command, tmp_path):
    """(process, its Blender's number, its temporary folder): in the middle of one frame."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    command = sample_command(
        "--scene", scenes.moving, "--scene-name", "Other", "--size", "32x18", "--spp", HOURS_SPP, "--out", tmp_path / "set"
    )
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    line = "{}"
    while json.loads(line).get("event") != "start":
        line = process.stderr.readline()
        assert line, "it ended before it could be stopped"
    (blender,) = children(process.pid)
    started = busy(blender)
    wait_for(lambda: busy(blender) > started + 2)
    yield process, blender, temporary
    process.kill()
    process.communicate()
    if not ends(blender, 1):
        os.kill(blender, signal.SIGKILL)


@pytest.mark.blender
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_kill_in_a_long_frame_ends_blender_and_the_next_run_clears_up(long_frame, scenes, run_sample, tmp_path, monkeypatch):
    """Blender is gone within seconds; of the folders that the kill left, in both places, the next run leaves none."""
    process, blender, temporary = long_frame
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert ends(blender)
    assert any(path.name.startswith(KIND) for path in temporary.iterdir())
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    for path in (tmp_path / "set").glob("manifest.json"):
        path.unlink()  # written for other samples
    run_sample(scenes.moving, 1, tmp_path / "set", **SCENE)
    assert list(temporary.iterdir()) == []
    assert not [path.name for path in (tmp_path / "set").iterdir() if path.name.startswith(".")]


@pytest.mark.blender
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("how", [signal.SIGINT, *nightly(signal.SIGTERM)])
def test_ctrl_c_in_a_long_frame_leaves_nothing(long_frame, tmp_path, how):
    """No temporary folder of ours or Blender's own stays, and no hidden one in the dataset."""
    process, blender, temporary = long_frame
    process.send_signal(how)
    assert process.wait(60) == 130 and ends(blender)
    assert list(temporary.iterdir()) == []
    assert [path.name for path in (tmp_path / "set").iterdir()] == ["manifest.json"]


@pytest.mark.blender
@pytest.mark.parametrize("after", [0.2, *nightly(0, 0.5, 1.0)])
def test_ctrl_c_while_blender_starts_is_no_traceback(scenes, sample_command, tmp_path, after):
    """From the moment when the child exists: exit code 130, one sentence, nothing left running or lying about."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    command = sample_command("--scene", scenes.moving, "--spp", HOURS_SPP, "--out", tmp_path / "set")
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "TMPDIR": str(temporary)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    wait_for(lambda: children(process.pid))
    blender, *_ = children(process.pid)
    time.sleep(after)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in said and "interrupted" in said
    assert ends(blender) and list(temporary.iterdir()) == []
    assert not [path.name for path in tmp_path.glob("set/*") if path.name != "manifest.json"]


@pytest.mark.blender
@pytest.mark.skipif(importlib.util.find_spec("bpy") is None, reason="starts the worker under the bpy wheel")
@pytest.mark.parametrize("launcher", [[], ["sh", "-c", '"$@"; exit $?', "sh"]])
def test_the_end_of_its_input_ends_a_rendering_worker(scenes, launcher):
    """Also below a launcher script, and where the system does not end children with their parents."""
    process = subprocess.Popen(
        [*launcher, sys.executable, str(WORKER)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    requests = [
        {"do": "open", "scene": str(scenes.moving), "scene_name": "Other", "device": "cpu", "size": [32, 18]},
        {
            "do": "render",
            "view": "v000",
            "frame": 1,
            "seed": 1,
            "spp": HOURS_SPP,
            "first_sample": 1,
            "sequence": 1 + HOURS_SPP,
            "cycles_seed": 1,
            "path": None,
        },
    ]
    process.stdin.write("".join(json.dumps(request) + "\n" for request in requests))
    process.stdin.flush()
    while '"event": "scene"' not in process.stdout.readline():
        assert process.poll() is None
    time.sleep(2)
    assert process.poll() is None
    try:
        said, _ = process.communicate(timeout=20)  # ends its input
    finally:
        process.kill()
    assert '"event"' not in said  # it was rendering


def test_folders_of_dead_processes_are_removed_and_no_others(tmp_path):
    """Live processes, other machines (also one whose name begins like ours) and other kinds keep theirs."""
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    assert not is_alive(dead.pid) and is_alive(os.getpid())
    gone = [f".kind-{HOST}-{dead.pid}", f".kind-{HOST}-{dead.pid}.x1"]
    kept = [
        f".kind-{HOST}-{os.getpid()}.x2",
        f".kind-{HOST}-{dead.pid}-3.x3",
        f".kind-else-{dead.pid}.x4",
        f".other-{HOST}-{dead.pid}.x5",
        f".kind-{HOST}-",
        "set",
    ]
    for name in gone + kept:
        (tmp_path / name / "inside").mkdir(parents=True)
    remove_abandoned(tmp_path, ".kind-")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(kept)


def test_a_container_of_the_same_name_is_another_machine():
    """Its processes have numbers of their own, so that none of them looks alive here."""
    here = subprocess.run(["readlink", "/proc/self/ns/pid"], capture_output=True, text=True).stdout.strip("pid:[]\n")
    assert HOST == f"{socket.gethostname()}-{here}".rstrip("-")
    assert hashlib.sha256(HOST.encode()).hexdigest().startswith(atomic.HOST)


def test_an_owned_folder_is_known_as_ours_and_goes(tmp_path):
    """A second process would leave it alone while it is in use."""
    with owned_folder(tmp_path, ".kind-") as folder:
        remove_abandoned(tmp_path, ".kind-")
        assert folder.is_dir()
    assert list(tmp_path.iterdir()) == []

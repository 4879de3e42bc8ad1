"""Pieces of work that several processes share: each is done by one of them, whatever happens to the others."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from n2n_render.errors import N2NError
from n2n_render.io.leases import FOLDER, Leases
from n2n_render.io.owned import HOST
from n2n_render.io.sequence import find_inputs

# Does the pieces that nobody has done: the output of one gets a line each time. hangs: at that one it says so, and stops.
WORKER = """
import sys, time
from pathlib import Path
from n2n_render.engines.pool import work_off
from n2n_render.io.leases import Leases
folder, count, hangs = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
mine = []

def do(name):
    if (folder / name).exists():
        return
    if len(mine) == hangs:
        print("hangs at", name, flush=True)
        time.sleep(600)
    time.sleep(0.002)
    with open(folder / name, "a") as file:
        file.write("done\\n")
    mine.append(name)
    print(name, flush=True)

print("ready", flush=True)
sys.stdin.readline()
with Leases.open(folder) as leases:
    work_off([f"p{n}" for n in range(count)], [do], leases=leases)
"""


def start(folder, count, hangs=-1):
    """A worker that waits for one line on stdin."""
    command = [sys.executable, "-c", WORKER, str(folder), str(count), str(hangs)]
    worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert worker.stdout.readline() == "ready\n"
    return worker


def go(worker):
    worker.stdin.write("\n")
    worker.stdin.flush()


def lease_of(folder, name):
    return next(path for path in (folder / FOLDER).iterdir() if path.name.startswith(f"{name}-"))


def age(path, seconds):
    facts = path.stat()
    os.utime(path, (facts.st_atime, facts.st_mtime - seconds))


@pytest.mark.slow
def test_workers_that_race_do_every_piece_once(tmp_path):
    workers = [start(tmp_path, 60) for _ in range(4)]
    for worker in workers:
        go(worker)
    outputs = [worker.communicate(timeout=120) for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * 4, outputs
    said = [name for out, _ in outputs for name in out.split()]
    assert sorted(said) == sorted(f"p{number}" for number in range(60))
    assert all((tmp_path / f"p{number}").read_text() == "done\n" for number in range(60))
    assert not (tmp_path / FOLDER).exists()  # nothing is left behind


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="kill -9")
def test_the_piece_of_a_killed_worker_is_done_by_another_at_once(tmp_path):
    killed, other = start(tmp_path, 12, hangs=3), start(tmp_path, 12)
    go(killed)
    held = next(line.split()[-1] for line in killed.stdout if line.startswith("hangs"))
    go(other)
    while not all((tmp_path / f"p{number}").exists() for number in range(12) if f"p{number}" != held):
        time.sleep(0.05)
    assert other.poll() is None and not (tmp_path / held).exists()  # it waits for what another has
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    out, err = other.communicate(timeout=60)
    assert other.returncode == 0 and out.split()[-1] == held, err
    assert all((tmp_path / f"p{number}").read_text() == "done\n" for number in range(12))


def test_a_lease_is_for_one_until_it_is_given_back(tmp_path):
    with Leases.open(tmp_path) as one, Leases.open(tmp_path) as other:
        assert one.take("f_0001.exr") and not other.take("f_0001.exr") and not one.take("f_0001.exr")
        assert other.take("f_0002.exr") and other.take("a/f_0001.exr") and other.take("a_f_0001.exr") and other.take("ü" * 300)
        one.release("f_0001.exr")
        assert other.take("f_0001.exr")
        one.release("f_0001.exr")  # no longer ours: nothing happens
        assert not one.take("f_0001.exr")
    assert list(tmp_path.iterdir()) == []


def test_one_that_was_not_touched_is_succeeded_by_exactly_one(tmp_path):
    with Leases.open(tmp_path) as sleeper:
        assert sleeper.take("p")
        age(lease_of(tmp_path, "p"), 599)
        others = [Leases.open(tmp_path) for _ in range(8)]
        assert not others[0].take("p")
        age(lease_of(tmp_path, "p"), 30)
        taken, barrier = [], threading.Barrier(len(others))

        def race(leases):
            barrier.wait()
            taken.append(leases.take("p"))

        threads = [threading.Thread(target=race, args=(leases,)) for leases in others]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(taken) == 1
        sleeper.release("p")  # it wakes up: what is another's now stays another's
        assert not sleeper.take("p")


def test_who_looked_too_long_ago_takes_nothing(tmp_path, monkeypatch):
    """Between its look and its file another worker's lease was succeeded: the file of the old generation counts nothing."""
    late, sleeper, successor = (Leases.open(tmp_path) for _ in range(3))
    looked = late._generations("p")
    assert sleeper.take("p")
    age(lease_of(tmp_path, "p"), 700)
    assert successor.take("p") and [path.suffix for path in (tmp_path / FOLDER).iterdir()] == [".2"]
    real = late._generations
    monkeypatch.setattr(late, "_generations", lambda name, seen=[]: real(name) if seen else seen.append(1) or looked)
    assert not late.take("p") and [path.suffix for path in (tmp_path / FOLDER).iterdir()] == [".2"]


def test_who_is_at_work_keeps_its_leases_alive(tmp_path):
    with Leases.open(tmp_path, touch_s=0.02) as leases:
        assert leases.take("p")
        path = lease_of(tmp_path, "p")
        age(path, 5000)
        while time.time() - path.stat().st_mtime > 100:
            time.sleep(0.01)
        assert not Leases.open(tmp_path).take("p")


@pytest.mark.parametrize("content", [b"", b"{", b'{"place": 3}', b"[]", b"\xff\xfe", b'{"place": null, "pid": "x"}'])
def test_a_torn_lease_is_as_old_as_its_time(tmp_path, content):
    leases = Leases.open(tmp_path)
    assert leases.take("p")
    path = lease_of(tmp_path, "p")
    path.write_bytes(content)
    assert not Leases.open(tmp_path).take("p")
    age(path, 700)
    assert Leases.open(tmp_path).take("p")


def test_a_process_of_another_machine_counts_by_its_time_alone(tmp_path):
    assert Leases.open(tmp_path).take("p")
    path = lease_of(tmp_path, "p")
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    path.write_text(json.dumps({**json.loads(path.read_text()), "pid": gone.pid, "place": "elsewhere"}))
    assert not Leases.open(tmp_path).take("p")
    path.write_text(json.dumps({**json.loads(path.read_text()), "place": HOST}))
    assert Leases.open(tmp_path).take("p")


def test_the_time_is_the_file_systems_own(tmp_path, monkeypatch):
    """A machine whose clock is a day wrong takes nobody's piece."""
    assert Leases.open(tmp_path).take("p")
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 86400)
    assert not Leases.open(tmp_path).take("p")


def test_a_lease_from_the_future_was_left_before_the_clock_was_set_back(tmp_path):
    assert Leases.open(tmp_path).take("p")
    path = lease_of(tmp_path, "p")
    path.write_text(json.dumps({**json.loads(path.read_text()), "place": "another machine"}))
    age(path, -86400)
    assert Leases.open(tmp_path).take("p")


def test_leases_are_no_inputs(tmp_path):
    (tmp_path / "a.exr").write_bytes(b"x")
    with Leases.open(tmp_path) as leases:
        assert leases.take("b.exr") and [path.name for path in find_inputs([str(tmp_path)])] == ["a.exr"]


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    tmp_path.chmod(0o500)
    if os.access(tmp_path, os.W_OK):
        pytest.skip("who runs this may write anywhere")
    try:
        with pytest.raises(N2NError, match="workers cannot share it") as caught:
            Leases.open(tmp_path)
    finally:
        tmp_path.chmod(0o700)
    assert caught.value.hint


def test_a_file_in_the_way_is_one_sentence(tmp_path):
    (tmp_path / FOLDER).write_text("")
    with pytest.raises(N2NError, match="workers cannot share it"):
        Leases.open(tmp_path)
    with pytest.raises(N2NError, match="workers cannot share it"):
        Leases.open(Path("/proc/1/none"))

"""What the tests of `serve` share: the process that is asked, and a small noisy_file file."""

import json
import queue
import subprocess
import sys
import threading

import numpy as np
import OpenEXR
import pytest
from conftest import noisy_frame, true_frame

from n2n_render.frame.frame import crop
from n2n_render.io.exr import write_frame

TIMEOUT_S = 60


class Served:
    """A process; `ask` sends a line and `answer` takes the next one."""

    def __init__(self, start):
        self.process = subprocess.Popen([sys.executable, *start], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line)

    def ask(self, **request):
        self.send(json.dumps(request).encode())

    def send(self, line: bytes):
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def answer(self):
        return json.loads(self.lines.get(timeout=TIMEOUT_S))

    def last(self, identity):
        """The answer that ends the request, and all before it."""
        before = []
        while True:
            found = self.answer()
            assert found["id"] == identity
            if found["event"] in ("done", "error", "cancelled"):
                return found, before
            before.append(found)

    def end(self):
        self.process.stdin.close()
        return self.process.wait(timeout=TIMEOUT_S)


@pytest.fixture
def start_serving():
    started = []

    def start(*command):
        started.append(Served(command or ("-m", "n2n_render.serve")))
        return started[-1]

    yield start
    for served in started:
        served.process.kill()
        served.process.wait()


@pytest.fixture
def served(start_serving):
    return start_serving()


@pytest.fixture
def noisy_file(tmp_path):
    write_frame(tmp_path / "noisy.exr", noisy_frame(true_frame(72, 96), 1))
    return tmp_path / "noisy.exr"


def denoise(noisy_file, **more):
    return {"do": "denoise", "model": "oidn-small", "device": "cpu", "input": str(noisy_file), **more}


def picture(path):
    """(H, W, 4)"""
    return OpenEXR.File(str(path)).parts[0].channels["RGBA"].pixels


MOVED_PX = 2  # from frame to frame


def write_moving(folder, seed, count=3, size=(64, 96), spread=0.7):
    """f_0001.exr, …: everything moves to the left, as their Vector passes say. Returns the folder."""
    folder.mkdir()
    whole = true_frame(size[0], size[1] + MOVED_PX * (count + 1), seed=4)
    for number in range(1, count + 1):
        columns = slice(MOVED_PX * number, MOVED_PX * number + size[1])
        frame = noisy_frame(crop(whole, (slice(None), columns)), 10 * number + seed, spread)
        frame.vector = np.broadcast_to(np.float32([MOVED_PX, 0, MOVED_PX, 0]), (*size, 4))
        write_frame(folder / f"f_{number:04d}.exr", frame)
    return folder


def left_over(folder):
    """Names of files that no work should leave behind."""
    return sorted(path.name for path in folder.rglob("*") if path.suffix in (".partial", ".lock", ".candidate"))


def shares(events, **facts):
    """Of the progress lines that hold these facts."""
    return [one["share"] for one in events if one["event"] == "progress" and facts.items() <= one.items()]

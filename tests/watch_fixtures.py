"""A folder that is watched, what comes into it, and what `denoise` would have made of that."""

import contextlib
import os
import subprocess
import sys

import numpy as np
import pytest
from conftest import Silent, noisy_frame, true_frame

from n2n_render.denoise import DenoiseOptions, denoise
from n2n_render.engines.options import EngineOptions
from n2n_render.frame.frame import Frame, crop
from n2n_render.io.exr import write_frame
from n2n_render.watch import WatchOptions
from n2n_render.watch import watching as module

SIZE, STEP = (24, 40), 2
ENGINE = EngineOptions("cpu", "oidn")
# Writes files as renderers do: `sys.argv[1:]` is one `MODE=SECONDS=FROM=TO` each, one after the other.
WRITER = """
import os, sys, time
print("ready", flush=True)
for text in sys.argv[1:]:
    mode, pause, source, target = text.split("=")
    data = open(source, "rb").read()
    if mode == "rename":
        open(target + ".tmp", "wb").write(data)
        time.sleep(float(pause))
        os.replace(target + ".tmp", target)
    else:
        half = len(data) // 2
        with open(target, "wb") as file:
            file.write(data[:half])
            file.flush()
            time.sleep(float(pause))
            if mode == "halves":
                file.write(data[half:])
"""


@pytest.fixture(scope="module")
def watch_shot(tmp_path_factory):
    """Twelve frames of a camera that goes to the right, with motion vectors; in a and in b with other noise."""
    folder = tmp_path_factory.mktemp("shot")
    whole = true_frame(SIZE[0], SIZE[1] + STEP * 13, seed=4)
    vector = np.broadcast_to(np.float32([STEP, 0, STEP, 0]), (*SIZE, 4))
    for name in ("a", "b"):
        (folder / name).mkdir()
        for number in range(1, 13):
            truth = crop(whole, np.s_[:, STEP * number : STEP * number + SIZE[1]])
            frame = noisy_frame(Frame(**dict(truth.items())), 20 * number + (name == "b"), 0.7).with_channels(vector=vector)
            write_frame(folder / name / f"f_{number:04}.exr", frame)
    return folder


@pytest.fixture
def watch_renders(tmp_path, monkeypatch):
    """An empty folder to be watched, often."""
    monkeypatch.setattr(module, "LOOK_EVERY_S", 0.02)
    (tmp_path / "renders").mkdir()
    return tmp_path / "renders"


def options(renders, **changes):
    given = {"model": "oidn-small", "settle": 0.1, "engine": ENGINE, "output": str(renders.parent / "clean"), **changes}
    return WatchOptions(str(renders), **given)


@contextlib.contextmanager
def writing(shot, renders, steps, seed="a"):
    """steps: (mode, seconds, number of a frame), done by a process of its own."""
    texts = [f"{mode}={pause}={shot / seed / file_of(n)}={renders / file_of(n)}" for mode, pause, n in steps]
    writer = subprocess.Popen([sys.executable, "-c", WRITER, *texts], stdout=subprocess.PIPE, text=True)
    assert writer.stdout.readline() == "ready\n"
    try:
        yield
    finally:
        assert writer.wait(timeout=60) == 0


def file_of(number):
    return f"f_{number:04}.exr"


def put(shot, renders, *numbers, seed="a"):
    for number in numbers:
        data = (shot / seed / file_of(number)).read_bytes()
        (renders / f".{file_of(number)}").write_bytes(data)
        os.replace(renders / f".{file_of(number)}", renders / file_of(number))


def assert_as_denoised(renders, numbers, tmp_path, model="oidn-small", **changes):
    """The outputs are, byte for byte, those of `denoise` on the finished folder."""
    expected = tmp_path / "expected"
    denoise(DenoiseOptions((str(renders),), str(expected), model, engine=ENGINE, **changes))
    names = sorted(path.name for path in (renders.parent / "clean").iterdir())
    assert names == [file_of(number) for number in numbers]
    for name in names:
        assert (renders.parent / "clean" / name).read_bytes() == (expected / name).read_bytes(), name


@pytest.fixture
def watch_said():
    """(what is said, a reporter that keeps it)."""
    told = Silent()
    return told, lambda title: contextlib.nullcontext(told)

"""Scenes and runs that tests with the mark `blender` share. Blender runs in child processes only, as in the program itself.

The bpy wheel is used, or the program that the environment variable N2N_BLENDER names.
"""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from n2n_render.sample import SampleOptions, sample
from n2n_render.sample.launch import Worker

HERE = Path(__file__).parent
BLENDER = os.environ.get("N2N_BLENDER")


class Recorder:
    """A progress reporter that remembers what it was told."""

    def __init__(self):
        self.total, self.done, self.files = 0, 0, []
        self.notes, self.warnings = [], []

    def start(self, total, count=0):
        self.total = total

    def advance(self, amount, text="", finished=True):
        self.done += amount
        self.files.append(text)

    def note(self, message):
        self.notes.append(message)

    def warn(self, message):
        self.warnings.append(message)


def run_in_blender(script: str, argument: str):
    """Runs one of the scripts in sample/ inside Blender."""
    command = [sys.executable, str(HERE / "sample" / script)]
    if BLENDER:
        command = [BLENDER, "--background", "--factory-startup", "--python-exit-code", "1", "--python", command[1], "--"]
    done = subprocess.run([*command, argument], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


@pytest.fixture(scope="session")
def scenes(tmp_path_factory) -> SimpleNamespace:
    """Paths of demo, moving and nocamera.blend; `facts`: what a plain Blender says about them."""
    folder = tmp_path_factory.mktemp("scenes")
    with Worker(BLENDER, print) as worker:
        worker.ask({"do": "build-demo", "path": str(folder / "demo.blend")})
    run_in_blender("blender_scenes.py", str(folder))
    return SimpleNamespace(
        demo=folder / "demo.blend",
        moving=folder / "moving.blend",
        nocamera=folder / "nocamera.blend",
        facts=json.loads((folder / "facts.json").read_text()),
    )


@pytest.fixture(scope="session")
def run_sample():
    """sample() on the CPU; returns (Sampled, recorder)."""

    def run(scene, spp, out=None, dry_run=False, **options):
        recorder = Recorder()
        wanted = SampleOptions(str(scene), spp, out=out and str(out), device="cpu", blender=BLENDER, dry_run=dry_run, **options)
        return sample(wanted, lambda title: contextlib.nullcontext(recorder)), recorder

    return run


@pytest.fixture(scope="session")
def plain_render():
    """Renders without n2n_render: plain_render(scene, [render, …]), see blender_plain.py."""

    def run(scene, renders):
        run_in_blender("blender_plain.py", json.dumps({"scene": str(scene), "renders": renders}))

    return run


@pytest.fixture(scope="session")
def sample_command():
    """The command line `n2n-render sample …` on the CPU, for subprocess."""

    def command(*options):
        chosen = ["--blender", BLENDER] if BLENDER else []
        return [
            sys.executable,
            "-m",
            "n2n_render",
            "--progress",
            "json",
            "sample",
            "--device",
            "cpu",
            *chosen,
            *map(str, options),
        ]

    return command


@pytest.fixture(scope="session")
def noisy(scenes, run_sample, tmp_path_factory) -> Path:
    """Plain geometry under open sky, 64×36: 16 independent seeds of 4 spp, two halves of 64 spp. Copy it before changing it."""
    folder = tmp_path_factory.mktemp("noisy") / "other"
    run_sample(scenes.moving, 4, folder, scene_name="Other", seeds=16, reference_spp=64)
    return folder


@pytest.fixture(scope="session")
def in_blender():
    """in_blender(script, argument): see `run_in_blender`."""
    return run_in_blender

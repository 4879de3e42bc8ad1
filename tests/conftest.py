"""Shared fixtures: synthetic frames and datasets, made in milliseconds, with a known truth."""

import contextlib
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # networks here are tiny; before torch is imported, and for child processes

import numpy as np
import pytest

from n2n_render.frame.frame import Frame
from n2n_render.io.dataset import FrameName, write_manifest
from n2n_render.io.exr import write_frame

pytest_plugins = [
    "pytester",
    "nightly_fixtures",
    "blender_fixtures",
    "adapt_fixtures",
    "addon_fixtures",
    "reliability_fixtures",
    "serve_fixtures",
    "signal_fixtures",
    "team_fixtures",
    "farm_fixtures",
    "watch_fixtures",
    "plugin_fixtures",
    "docs_fixtures",
]


class Silent:
    """A progress reporter that remembers what it was told."""

    def __init__(self):
        self.warnings, self.notes = [], []

    def start(self, total, count=0):
        self.total = total

    def advance(self, amount, text="", finished=True):
        self.text = text

    def note(self, message):
        self.notes.append(message)

    def warn(self, message):
        self.warnings.append(message)


@pytest.fixture
def silent():
    return Silent()


@pytest.fixture
def reporter(silent):
    """What verbs are given; `silent` remembers what they said."""
    return lambda title: contextlib.nullcontext(silent)


@pytest.fixture
def open_run(silent):
    """open_run(TrainOptions) → train.training.Run, whose locks end with the test."""
    from n2n_render.train.training import Run

    with contextlib.ExitStack() as held:
        yield lambda options: Run.open(options, silent, held)


def true_frame(height: int, width: int, seed: int = 0) -> Frame:
    """A noise-free frame: textured floor and wall with a shadow, background in one corner."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    fx, fy, phase = rng.uniform(0.1, 0.4, 2).tolist() + [rng.uniform(0, 6)]
    albedo = 0.5 + 0.3 * np.stack([np.sin(fx * x + phase), np.sin(fy * y), np.sin(fx * x + fy * y)], -1)
    light = (0.3 + np.exp(-((x - width * rng.random()) ** 2 + (y - height / 2) ** 2) / (height * width / 8)))[..., None]
    wall = (y < height / 2)[..., None]
    normal = np.where(wall, [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]).astype(np.float32)
    depth = (2.0 + y / height)[..., None].astype(np.float32)
    background = (x + y < height / 4)[..., None]
    return Frame(
        color=np.where(background, 0.2, albedo * light).astype(np.float32),
        albedo=np.where(background, 0, albedo).astype(np.float32),
        normal=np.where(background, 0, normal).astype(np.float32),
        depth=np.where(background, np.inf, depth).astype(np.float32),
    )


def noisy_frame(truth: Frame, seed: int, spread: float = 1.0) -> Frame:
    """Multiplicative gamma noise of mean 1 on the colour."""
    rng = np.random.default_rng(seed + 1000)
    noise = rng.gamma(1 / spread**2, spread**2, truth.color.shape)
    return Frame(color=(truth.color * noise).astype(np.float32), albedo=truth.albedo, normal=truth.normal, depth=truth.depth)


@pytest.fixture
def make_dataset(tmp_path):
    """make_dataset(views=4, seeds=2, size=(48, 64), references=()) → folder, as `sample` would have written it."""

    def make(name="data", views=4, seeds=2, size=(48, 64), references=(), spread=1.0) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        for view in range(views):
            truth = true_frame(*size, seed=view)
            for seed in range(1, seeds + 1):
                frame = noisy_frame(truth, 100 * view + seed, spread)
                write_frame(folder / FrameName(f"v{view:03d}", 1, "s", seed, 8).filename, frame)
            for half in (1, 2) if view in references else ():
                frame = noisy_frame(truth, 7000 + 100 * view + half, spread / 16)
                write_frame(folder / FrameName(f"v{view:03d}", 1, "r", half, 2048).filename, frame)
        write_manifest(folder, {"format": 1, "scene": {"file": "synthetic.blend", "sha256": "0"}, "spp": 8, "seeds": seeds})
        return folder

    return make

"""What is better for a fixed number of captures: a few clean targets, all pairs of a few scenes, or many scenes captured twice?

    python tests/benchmarks/noise2noise/budget.py PICTURES --out FOLDER
    python tests/benchmarks/noise2noise/budget.py PICTURES --out FOLDER --only many

Noise2Noise's Fig 1c, in small. PICTURES: what pictures.py made. A capture is a piece of a photograph, 128², with Gaussian
noise, σ = 25, made once and kept: as with a camera, nobody gets another one. Of 400 captures (--captures):

  clean    20 scenes × 20 captures: one is the input, the mean of the 19 others the target, as near to clean as one gets
  pairs    the same captures: any is the input, any other one the target
  many     200 scenes × 2 captures: either is the input, the other the target

FOLDER/budget.json has the PSNR of the test photographs over the steps, FOLDER/budget.png the three curves.
"""

import json
import time
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import torch

from n2n_render.frame.signal import psnr_8bit, to_signal
from n2n_render.learn.loop import Loop
from n2n_render.learn.losses import SignalLoss
from n2n_render.learn.protocols import Verdict
from n2n_render.learn.running import predict
from n2n_render.learn.schedule import Schedule
from n2n_render.network.specification import PaperNetwork, signal_specification
from n2n_render.noise.table import Noise

SCENE_PX, TEST_PX, CROP_PX = 128, 256, 64
CAPTURES_OF_FEW = 20
MODEL = signal_specification(3, PaperNetwork("none", "direct", encoder_width=24, decoder_width=48))
NOISE = Noise.parse("gaussian:25")


def read(path):
    from PIL import Image

    with Image.open(path) as picture:
        return to_signal(np.asarray(picture.convert("RGB")), 3)


def scenes(folder, count, rng):
    """Pieces (count, 128, 128, 3) from all photographs in turn."""
    images = [read(path) for path in sorted(folder.glob("*.png"))]
    pieces = []
    for number in range(count):
        image = images[number % len(images)]
        y, x = (int(rng.integers(0, length - SCENE_PX + 1)) for length in image.shape[:2])
        pieces.append(image[y : y + SCENE_PX, x : x + SCENE_PX])
    return np.stack(pieces)


@dataclass(frozen=True)
class Captures:
    """A Sampler. images: (scenes, captures, h, w, 3), every capture that there is; averaged: whether targets are means."""

    images: np.ndarray
    averaged: bool
    batch: int

    @classmethod
    def take(cls, pieces, times, averaged, batch, rng):
        shots = [[NOISE.observe(piece, rng).signal for _ in range(times)] for piece in pieces]
        return cls(np.array(shots, np.float32), averaged, batch)

    def make(self, step, stream=0):
        rng = np.random.default_rng([1, stream, step])
        noisy, target = zip(*(self._crop(rng) for _ in range(self.batch)), strict=True)
        planes = {name: np.ascontiguousarray(np.stack(images).transpose(0, 3, 1, 2)) for name, images in
                  (("noisy", noisy), ("target", target))}  # fmt: skip
        return {**planes, "guides": np.zeros((self.batch, 0, CROP_PX, CROP_PX), np.float32)}

    def _crop(self, rng):
        shots = self.images[rng.integers(len(self.images))]
        a, b = (0, slice(1, None)) if self.averaged else rng.permutation(len(shots))[:2]
        y, x = rng.integers(0, SCENE_PX - CROP_PX + 1, 2)
        place = slice(y, y + CROP_PX), slice(x, x + CROP_PX)
        target = shots[b].mean(0) if self.averaged else shots[b]
        pair = np.stack([shots[a][place], target[place]])
        if rng.random() < 0.5:
            pair = pair[:, :, ::-1]
        return np.rot90(pair, int(rng.integers(4)), (1, 2))


class Tests:
    """A Judge: PSNR of the middles of photographs that nobody trained on, the same noise each time."""

    def __init__(self, folder, title):
        clean = []
        for path in sorted(folder.glob("*.png")):
            image = read(path)
            y, x = ((length - TEST_PX) // 2 for length in image.shape[:2])
            clean.append(image[y : y + TEST_PX, x : x + TEST_PX])
        rng = np.random.default_rng(25)
        noisy = np.stack([NOISE.observe(image, rng).signal for image in clean])
        self.clean, self.title, self.curve = clean, title, []
        self.batch = {
            "noisy": torch.from_numpy(noisy).permute(0, 3, 1, 2).contiguous(),
            "guides": torch.zeros(len(clean), 0, TEST_PX, TEST_PX),
        }

    def look(self, network, step):
        network.eval()
        with torch.no_grad():
            images = predict(network, MODEL, self.batch, "float32").permute(0, 2, 3, 1).numpy()
        decibels = float(np.mean([psnr_8bit(*both) for both in zip(images, self.clean, strict=True)]))
        self.curve.append((step, decibels))
        print(f"{self.title}, step {step}: {decibels:.2f} dB", flush=True)
        return Verdict(decibels == max(value for _, value in self.curve))


def draw(curves, path):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot(xlabel="steps", ylabel="PSNR of test photographs [dB]")
    for title, one in curves.items():
        axes.plot(*zip(*one["curve"], strict=True), label=f"{title}: {one['scenes']} scenes × {one['captures']} captures")
    axes.legend()
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=110)


@click.command()
@click.argument("pictures", type=click.Path(exists=True, path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path))
@click.option("--captures", default=400, help="The budget.")
@click.option("--steps", default=1200)
@click.option("--batch", default=4)
@click.option("--learning-rate", default=1e-3)
@click.option("--looks", default=20)
@click.option("--only", type=click.Choice(["clean", "pairs", "many"]), multiple=True)
def main(pictures, out, captures, steps, batch, learning_rate, looks, only):
    torch.set_num_threads(1)
    out.mkdir(parents=True, exist_ok=True)
    found = out / "budget.json"
    curves = json.loads(found.read_text()) if found.exists() else {}
    few, many = captures // CAPTURES_OF_FEW, captures // 2
    for title, count, times in (("clean", few, CAPTURES_OF_FEW), ("pairs", few, CAPTURES_OF_FEW), ("many", many, 2)):
        if title in curves or (only and title not in only):
            continue
        rng = np.random.default_rng(7)  # "clean" and "pairs" hold the same captures
        sampler = Captures.take(scenes(pictures / "train", count, rng), times, title == "clean", batch, rng)
        schedule = Schedule(learning_rate, steps, shape="constant", looks=looks)
        tests, started = Tests(pictures / "test", title), time.time()
        Loop.open(MODEL, None, sampler, SignalLoss("l2"), schedule, "cpu", "float32").run(tests)
        curves[title] = {"scenes": count, "captures": times, "seconds": time.time() - started, "curve": tests.curve}
        found.write_text(json.dumps(curves, indent=1))
    draw({title: curves[title] for title in ("clean", "pairs", "many") if title in curves}, out / "budget.png")


if __name__ == "__main__":
    main()

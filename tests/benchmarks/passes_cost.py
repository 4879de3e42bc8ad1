"""What passes of light cost: a frame with light groups against as many frames without, side by side, one after the other.

python tests/benchmarks/passes_cost.py [groups [width height]] [adapted.pt]

With a model of `adapt` also what painting a pair costs. Frames of noise: the cost does not depend on what they show.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from n2n_render.denoise.adapted import Palette
from n2n_render.denoise.denoiser import load_denoiser
from n2n_render.denoise.passes import without_light
from n2n_render.denoise.renders import LayerRender
from n2n_render.engines.options import EngineOptions
from n2n_render.frame.frame import Frame, mean_frame
from n2n_render.guides.prefilter import Prefilter
from n2n_render.io.light import LightPass, Role
from n2n_render.network.checkpoint import read_checkpoint

HALF = EngineOptions(precision="bfloat16")


def noisy(seed: int, groups: int, size: tuple[int, int]) -> tuple[Frame, list[LightPass]]:
    rng, shape = np.random.default_rng(seed), (size[1], size[0], 3)
    light = [LightPass(f"Combined_{number}", Role.GROUP, (), ()) for number in range(groups)]
    images = {one.channel: rng.gamma(1.0, 1.0, shape).astype(np.float32) for one in light}
    normal = rng.normal(size=shape).astype(np.float32)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    albedo = rng.uniform(0, 1, shape).astype(np.float32)
    return Frame(np.sum(list(images.values()), axis=0), albedo=albedo, normal=normal, **images), light


def seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def show(name: str, alone: Callable[[], object], together: Callable[[], object], groups: int) -> None:
    alone()  # what is compiled and allocated once
    pairs = [(seconds(alone), seconds(together)) for _ in range(3)]
    ratios = [many / ((1 + groups) * one) for one, many in pairs]
    one, many = (float(np.median(times)) for times in zip(*pairs, strict=True))
    told = f"a frame {one:.2f} s, with {groups} groups {many:.2f} s: {np.median(ratios):.0%} of {1 + groups} frames"
    print(f"{name}: {told} ({min(ratios):.0%} to {max(ratios):.0%})", flush=True)


def show_model(name: str, frame: Frame, light: list[LightPass]) -> None:
    denoiser = load_denoiser(name, HALF)
    show(name, lambda: denoiser.denoise(frame), lambda: denoiser.paint(frame, light), len(light))


def show_adapted(path: str, frames: list[Frame], light: list[LightPass]) -> None:
    palette = Palette.find(read_checkpoint(Path(path)))
    painter = palette.open(Prefilter.open(palette.adapted.model, HALF), HALF, average=2)
    seeds, mean = [without_light(frame) for frame in frames], mean_frame(frames)
    held_out = np.ones((mean.height, mean.width), bool)
    plain, lit = LayerRender("", without_light(mean)), LayerRender("", mean, light=tuple(light))
    ways = [lambda render=render: painter.paint_layer(seeds, render, held_out) for render in (plain, lit)]
    show("a pair, adapted", *ways, len(light))


def main(*arguments: str) -> None:
    numbers = [int(text) for text in arguments if text.isdigit()]
    groups, width, height = [*numbers, *(8, 1920, 1080)[len(numbers) :]]
    made = [noisy(seed, groups, (width, height)) for seed in (1, 2)]
    for name in ("oidn-large", "oidn"):
        show_model(name, *made[0])
    for path in arguments:
        if not path.isdigit():
            show_adapted(path, [frame for frame, _ in made], made[0][1])


if __name__ == "__main__":
    main(*sys.argv[1:])

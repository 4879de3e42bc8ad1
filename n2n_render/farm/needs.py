"""What a task needs of a machine: memory from measured numbers, GPUs, minutes."""

import math
from dataclasses import dataclass

from .measured import Measured
from .options import FarmOptions


@dataclass(frozen=True)
class Peak:
    """Memory of a process in MiB.

    Attributes:
        base: However small the frames are.
        tile: For each million pixels that a network is given at a time besides: of large frames it is given tiles.
        pixels: For each million pixels of a frame besides.
        taken_in: For each million pixels and each render that a frame is made of: its seeds, and those of its neighbours.
    """

    base: int
    tile: int = 0
    pixels: int = 0
    taken_in: int = 0


# docs/farm.md#memory has the commands that measured them.
MEMORY = {
    "sample": Peak(600, pixels=400),  # two processes
    "train": Peak(900, 2250, 750),
    "paint": Peak(720, 3100, 730, 40),
    "collect": Peak(1024),
    "evaluate": Peak(720, 3100, 730),  # supposed: as painting
    "scores": Peak(1024),
}
LARGEST_TILE = 1920 * 1080 / 1e6  # millions of pixels
SPARE = 1.25  # of what was measured
USUAL_SIZE = (1920, 1080)  # where nothing says how large the frames are
RENDERS_ON_GPU = {"cuda", "optix", "hip", "oneapi", "metal"}
LONGER = 4  # times the estimate: then something is stuck
LEAST_MINUTES = 60  # busy storage, cold caches
PREPARING_MINUTES = 120  # of a training: its frames are read, and their neighbours' samples taken in


@dataclass(frozen=True)
class Needs:
    """Of a task.

    Attributes:
        minutes: After which it is stuck; None: nobody knows how long it takes.
    """

    memory_mib: int
    gpus: int = 0
    minutes: int | None = None


def needs(step: str, options: FarmOptions, measured: Measured, seconds: float | None = None) -> Needs:
    """Of a task of the step, which is estimated to take so long."""
    minutes = None if seconds is None else max(LEAST_MINUTES, math.ceil(LONGER * seconds / 60))
    return Needs(memory_mib(step, options, measured), _gpus(step, options), minutes)


def memory_mib(step: str, options: FarmOptions, measured: Measured) -> int:
    """What the user says, else the larger of what this machine measured and what the table says."""
    peak = MEMORY[step]
    if options.memory_gib and peak.pixels:
        return math.ceil(options.memory_gib * 1024)
    width, height = size_px(options, measured)
    renders = options.seeds * (2 * options.temporal + 1)
    millions = width * height / 1e6
    growing = peak.tile * min(millions, LARGEST_TILE) + (peak.pixels + peak.taken_in * renders) * millions
    return math.ceil(SPARE * (max(peak.base, measured.memory_mib.get(step, 0)) + growing))


def size_px(options: FarmOptions, measured: Measured) -> tuple[int, int]:
    """(width, height) of the frames: measured, said, or supposed."""
    if measured.size:
        return measured.size
    return options.size if isinstance(options.size, tuple) else USUAL_SIZE


def _gpus(step: str, options: FarmOptions) -> int:
    wanted = step in ("train", "paint") or (step == "sample" and options.render_device in RENDERS_ON_GPU)
    return options.gpus if wanted else 0

"""Seconds and memory of every engine × network beside Open Image Denoise's own models of the same size.

    python tests/benchmarks/engines.py FRAME.exr [--size 3840x2160] [--rounds 5] [--memory]

FRAME.exr (with albedo and normal) is repeated until it has the size. Runs are interleaved: each round runs everything
once, and medians of the rounds are printed, as ratios to Open Image Denoise's same-size model too. Ours at 48/96 has no
such model and is compared with base. Both sides get encoded or raw pixels in memory; prefiltering is left out on both.
"""

import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

import click
import numpy as np

ENGINES = ("torch float32", "oidn float32", "openvino float32", "openvino bfloat16")
NETWORKS = {"paper 48/96": "oidn", "small": "oidn-small", "base": "oidn", "large": "oidn-large"}  # → size of the yardstick
YARDSTICKS = {"oidn-small": 4, "oidn": 5, "oidn-large": 6}  # OIDN's quality: fast, balanced, high


def checkpoint_of(network):
    from n2n_render.network.build import build_network
    from n2n_render.network.checkpoint import Checkpoint
    from n2n_render.network.oidn_weights import BUILTIN, oidn_checkpoint
    from n2n_render.network.specification import Specification

    if network != "paper 48/96":
        return oidn_checkpoint(BUILTIN[{"small": "oidn-small", "base": "oidn", "large": "oidn-large"}[network]])
    model = Specification(features=("albedo", "normal"))
    return Checkpoint(model, build_network(model).state_dict())


def make_engine(engine, network):
    from n2n_render.engines.oidn import OidnEngine
    from n2n_render.engines.openvino_engine import OpenvinoEngine
    from n2n_render.engines.torch_engine import TorchEngine

    kind, precision = engine.split()
    checkpoint = checkpoint_of(network)
    if kind == "openvino":
        return OpenvinoEngine.open(checkpoint, "cpu", precision)
    return TorchEngine.open(checkpoint, "cpu") if kind == "torch" else OidnEngine.open(checkpoint, "cpu")


def large_frame(path, size):
    """The frame repeated to (width, height)."""
    from n2n_render.frame.frame import Frame
    from n2n_render.io.exr import read_frame

    frame = read_frame(path, ("albedo", "normal"))
    repeats = -(-size[1] // frame.height), -(-size[0] // frame.width), 1
    return Frame(
        **{
            name: np.ascontiguousarray(np.tile(frame[name], repeats)[: size[1], : size[0]])
            for name in ("color", "albedo", "normal")
        }
    )


def denoiser_with(engine, network):
    from n2n_render.denoise import Denoiser
    from n2n_render.engines.options import EngineOptions

    denoiser = Denoiser.open(checkpoint_of(network), EngineOptions("cpu", "torch", "float16"), prefilter=False)
    denoiser.ladder.use(make_engine(engine, network))
    return denoiser


class Timed:
    """An engine that adds up the seconds of its runs."""

    def __init__(self, engine):
        self.engine, self.seconds = engine, 0.0

    def __getattr__(self, name):
        return getattr(self.engine, name)

    def run(self, encoded, on_progress=None):
        started = time.perf_counter()
        output = self.engine.run(encoded, on_progress)
        self.seconds += time.perf_counter() - started
        return output


def time_denoiser(denoiser, frame):
    """(seconds in the network, seconds around it) of one frame."""
    denoiser.engine.seconds, started = 0.0, time.perf_counter()
    denoiser.denoise(frame)
    whole = time.perf_counter() - started
    return denoiser.engine.seconds, whole - denoiser.engine.seconds


def time_yardstick(runtime, frame, quality):
    images = {"color": frame.color, "albedo": frame.albedo, "normal": frame.normal}
    started = time.perf_counter()
    runtime.filter(images, quality=quality, hdr=True, cleanAux=True)
    return time.perf_counter() - started


def time_files(frame, folder):
    """Seconds to read and to write the frame as Blender has it: 32-bit, ZIP."""
    from n2n_render.io.exr import ExrImage, write_frame

    path = f"{folder}/frame.exr"
    write_frame(path, frame)
    started = time.perf_counter()
    image = ExrImage.open(path)
    image.frame(None, ("albedo", "normal"))
    read = time.perf_counter() - started
    started = time.perf_counter()
    image.write(f"{folder}/out.exr")
    return read, time.perf_counter() - started


def peak_mib(engine, network, path, size) -> float:
    """Peak resident memory of a process that denoises one frame, without what it had before the engine was made."""
    arguments = [sys.executable, __file__, path, "--size", size, "--child", f"{engine}/{network}"]
    return float(subprocess.run(arguments, capture_output=True, text=True, check=True).stdout.split()[-1])


def measure_child(path, size, engine, network):
    frame = large_frame(path, size)
    import n2n_render.denoise  # noqa: F401 - torch is part of what was there before

    before = peak_kib()
    denoiser_with(engine, network).denoise(frame)
    print((peak_kib() - before) / 1024)


def peak_kib() -> int:
    """Linux' high-water mark of this program; getrusage would also count the program that started it."""
    return int(re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())[1])


@click.command()
@click.argument("path", metavar="FRAME.exr")
@click.option("--size", default="1920x1080")
@click.option("--rounds", default=5)
@click.option("--networks", default=",".join(NETWORKS), help="Which, with commas between.")
@click.option("--memory", is_flag=True, help="Peak memory too, each in a process of its own.")
@click.option("--child", hidden=True)
def main(path, size, rounds, networks, memory, child):
    import tempfile

    from n2n_render.engines.runtime import Runtime

    width, height = map(int, size.split("x"))
    if child:
        return measure_child(path, (width, height), *child.split("/", 1))
    frame, runtime = large_frame(path, (width, height)), Runtime.open("cpu")
    chosen = networks.split(",")
    denoisers = {}
    for network in chosen:
        for engine in ENGINES:
            if not (engine.startswith("oidn") and network == "paper 48/96"):
                denoisers[network, engine] = denoiser_with(engine, network)
                denoisers[network, engine].ladder.use(Timed(denoisers[network, engine].engine))
    yardsticks = sorted({NETWORKS[network] for network in chosen})
    network_s = {key: [] for key in [*denoisers, *yardsticks]}
    around_s = {key: [] for key in denoisers}
    for _ in range(rounds + 1):  # the first one warms up
        for key, denoiser in denoisers.items():
            seconds, around = time_denoiser(denoiser, frame)
            network_s[key].append(seconds)
            around_s[key].append(around)
        for name in yardsticks:
            network_s[name].append(time_yardstick(runtime, frame, YARDSTICKS[name]))
    print(
        f"{size}, 9 channels, {rounds} rounds, medians\n\n| network | engine | network [s] | × OIDN's same size | "
        f"encode, tile, decode [s] |{' peak memory [MiB] |' if memory else ''}"
    )
    print("|---|---|---|---|---|" + ("---|" if memory else ""))
    for name in yardsticks:
        print(f"| {name} | OIDN itself | {statistics.median(network_s[name][1:]):.2f} | 1 | |" + (" |" if memory else ""))
    for (network, engine), around in around_s.items():
        seconds = statistics.median(network_s[network, engine][1:])
        ratios = [
            ours / theirs for ours, theirs in zip(network_s[network, engine][1:], network_s[NETWORKS[network]][1:], strict=True)
        ]
        peak = f" {peak_mib(engine, network, path, size):.0f} |" if memory else ""
        print(
            f"| {network} | {engine} | {seconds:.2f} | {statistics.median(ratios):.2f} | "
            f"{statistics.median(around[1:]):.2f} |{peak}",
            flush=True,
        )
    with tempfile.TemporaryDirectory() as folder:
        times = [time_files(frame, folder) for _ in range(3)]
    read, write = np.median(times, axis=0)
    print(f"\nreading the EXR takes {read:.2f} s, writing it {write:.2f} s")


if __name__ == "__main__":
    main()

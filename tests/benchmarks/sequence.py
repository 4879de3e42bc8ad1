"""Where the time of `n2n-render denoise` goes: start-up, and per frame, with reading and writing overlapped.

    python tests/benchmarks/sequence.py FRAME.exr --size 3840x2160 --model oidn --frames 20

Runs the command on one frame and on many, and times the network alone in this process.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
from engines import Timed, large_frame, time_denoiser, time_files


def seconds_of(inputs, folder, model, engine):
    started = time.perf_counter()
    command = [
        sys.executable,
        "-m",
        "n2n_render",
        "denoise",
        *map(str, inputs),
        "--model",
        model,
        "--engine",
        engine,
        "--precision",
        "half",
        "-o",
        folder,
    ]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


def time_stages(frame, model, engine, folder):
    """(network, encode + tile + decode, read, write) in seconds, each alone; the network's with all its prefilters."""
    from n2n_render.denoise import load_denoiser
    from n2n_render.engines.options import EngineOptions

    denoiser = load_denoiser(model, EngineOptions("auto", engine, "float16"))
    parts = [denoiser.ladder, *(denoiser.prefilter.ladders.values() if denoiser.prefilter else ())]
    for part in parts:
        part.use(Timed(part.engine))
    for _ in range(2):  # the first one warms up
        for part in parts:
            part.engine.seconds = 0.0
        _, around = time_denoiser(denoiser, frame)
    network = sum(part.engine.seconds for part in parts)
    around -= network - denoiser.engine.seconds
    return network, around, *time_files(frame, folder)


@click.command()
@click.argument("path", metavar="FRAME.exr")
@click.option("--size", default="3840x2160")
@click.option("--model", default="oidn")
@click.option("--engine", default="auto")
@click.option("--frames", default=20)
def main(path, size, model, engine, frames):
    from n2n_render.io.exr import write_frame

    frame = large_frame(path, tuple(map(int, size.split("x"))))
    with tempfile.TemporaryDirectory() as folder:
        network, around, read, write = time_stages(frame, model, engine, folder)
        first = Path(folder) / "in" / "frame_0001.exr"
        write_frame(first, frame)
        for number in range(2, frames + 1):
            os.link(first, first.with_name(f"frame_{number:04d}.exr"))
        one = seconds_of([first], f"{folder}/one", model, engine)
        many = seconds_of([first.parent], f"{folder}/many", model, engine)
    per_frame = (many - one) / (frames - 1)
    print(f"{size}, {model}, engine {engine}; seconds\n")
    print(f"one after the other: network {network:.2f}, encode, tile, decode {around:.2f}, read {read:.2f}, write {write:.2f}")
    print(f"our share of a frame (all but the network): {(around + read + write) / (network + around + read + write):.0%}")
    print(
        f"the command with 1 frame {one:.2f}, with {frames} frames {many:.2f}: {per_frame:.2f} a frame, "
        f"start-up {one - network - around - read - write:.2f}"
    )
    print(f"a frame of the sequence takes {per_frame / network:.2f} times its network")


if __name__ == "__main__":
    main()

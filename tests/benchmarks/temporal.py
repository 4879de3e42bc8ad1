"""What taking in neighbours costs: seconds a frame and memory of `denoise`, alone, with --temporal, with --temporal --fast.

    python tests/benchmarks/temporal.py datasets/shot --model oidn-large --temporal 8 --frames 12

One render of each frame. The seconds are those of the whole command over the number of frames; runs follow each other on one
machine, and the ratio to the first is what holds on others. Memory is the peak of the process.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

import click

from n2n_render.io.dataset import find_pairs


def run(arguments: list[str]) -> tuple[float, float]:
    """Seconds and peak MiB of a command."""
    started = time.perf_counter()
    child = os.spawnv(os.P_NOWAIT, sys.executable, [sys.executable, "-m", "n2n_render", *arguments])
    _, status, used = os.wait4(child, 0)
    if status:
        raise click.ClickException("the command failed")
    return time.perf_counter() - started, used.ru_maxrss / 1024


@click.command()
@click.argument("dataset", type=click.Path(exists=True, path_type=Path))
@click.option("--model", default="oidn-large")
@click.option("--temporal", default=8)
@click.option("--frames", default=12)
def main(dataset, model, temporal, frames):
    files = [str(pair.noisy[0]) for pair in find_pairs(dataset)[:frames]]
    reach = ["--temporal", str(temporal)]
    first = None
    for name, options in (("alone", []), ("temporal", reach), ("temporal, fast", [*reach, "--fast"])):
        with tempfile.TemporaryDirectory() as out:
            seconds, mebibytes = run(["denoise", *files, "--model", model, "-o", f"{out}/clean", *options])
        first = first or seconds
        print(f"{name}: {seconds / len(files):.2f} s a frame ({seconds / first:.2f}x), {mebibytes:.0f} MiB")


if __name__ == "__main__":
    main()

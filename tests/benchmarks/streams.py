"""Does the memory of a command grow with the number of frames?

    python tests/benchmarks/streams.py --scene bedroom_path.blend --counts 50,500 --work /tmp/streams

Samples an animation of small frames once, with references, and runs every command on its first frames: peak resident memory
of the child process, with few frames and with many. Frames beyond the scene's own range are rendered all the same.
"""

import os
import shutil
import sys
import time
from pathlib import Path

import click

SIZE, SPP = "64x36", 1


def run(*words):
    """Seconds, and peak resident memory in MiB, of a command of ours."""
    started = time.time()
    pid = os.spawnv(os.P_NOWAIT, sys.executable, [sys.executable, "-m", "n2n_render", *map(str, words)])
    _, status, usage = os.wait4(pid, 0)
    if status:
        raise SystemExit(f"failed: {' '.join(map(str, words))}")
    return time.time() - started, usage.ru_maxrss / 1024


def commands(data, out):
    """Name → the command on the frames of `data`, in an order in which each finds what it needs."""
    adapt = ["adapt", data, "-o", out / "adapted", "--device", "cpu"]
    first = data / "v000_f####_s0001_0001spp.exr"
    return {
        "denoise": ["denoise", first, "-o", out / "denoised"],
        "denoise --temporal 2": ["denoise", first, "-o", out / "temporal", "--temporal", 2],
        "train --steps 20": ["train", "--hdr", "--features", "--data", data, "--out", out / "run", "--steps", 20, "--crop", 32],
        "adapt --train-only --temporal 2": [*adapt, "--train-only", "--temporal", 2, "--steps", 20, "--crop", 32],
        "adapt --paint": [*adapt, "--paint"],
        "adapt --merge": ["adapt", data, "-o", out / "adapted", "--merge"],
        "evaluate": ["evaluate", "--frames", out / "adapted", "--data", data, "--out", out / "evaluation"],
    }


@click.command()
@click.option("--scene", required=True)
@click.option("--counts", default="50,500")
@click.option("--work", required=True, type=click.Path(path_type=Path))
@click.option("--only", multiple=True, help="Commands that begin like this.")
def main(scene, counts, work, only):
    numbers = [int(count) for count in counts.split(",")]
    told = {}
    for count in numbers:
        data, out = work / f"data{count}", work / f"out{count}"
        shutil.rmtree(out, ignore_errors=True)
        if not data.exists():
            words = ["sample", "--scene", scene, "--spp", SPP, "--size", SIZE, "--frames", f"1-{count}", "--out", data]
            told["sample", count] = run(*words, "--reference-spp", 2, "--reference-frames", f"1-{count}")
        for name, words in commands(data, out).items():
            if not only or name.startswith(only):
                told[name, count] = run(*words)
                print(f"{name}, {count} frames: {told[name, count][0]:.0f} s, {told[name, count][1]:.0f} MiB", flush=True)
    few, many = numbers[0], numbers[-1]
    print(f"\n| | {few} frames, MiB | {many} frames, MiB | ratio | seconds |\n|---|---|---|---|---|")
    for name in dict.fromkeys(name for name, _ in told):
        if (name, few) in told and (name, many) in told:
            one, other = told[name, few], told[name, many]
            print(f"| `{name}` | {one[1]:.0f} | {other[1]:.0f} | {other[1] / one[1]:.2f} | {one[0]:.0f} → {other[0]:.0f} |")


if __name__ == "__main__":
    main()

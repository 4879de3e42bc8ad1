"""How fast is a shot done by 1, 10 or 100 workers, what bounds it, and what do killed tasks cost?

    python tests/benchmarks/farm.py measure --scene bedroom_path.blend --size 1920x1080 --times hd.json
    python tests/benchmarks/farm.py simulate hd.json --frames 250 --workers 1,10,100

`measure` runs each command of a farm's tasks on this machine, for one frame and for two: what the second one adds is the time
of a frame, the rest is start-up. Frames are rendered with one sample a pixel; how many times as long all take is measured
at a quarter of the width and height. `simulate` (SimPy) lets workers do the tasks of a job
with these times: chunks of frames, one training, chunks again, the merge; some tasks are killed somewhere on their way, and
are queued again, where they go on behind their last finished frame.
"""

import json
import math
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import click

SPP, REACH, FIRST = 8, 1, 5
STARTUP_SHARE, LEAST_TASKS = 0.1, 1.0  # of a task at most; a worker's share of the tasks at least


@dataclass(frozen=True)
class Stage:
    """Tasks of one kind. startup: seconds of each; frame: seconds of each frame, or of the whole where there is one task."""

    name: str
    startup: float
    frame: float
    is_single: bool = False


peaks = {}


def timed(*words):
    """Seconds of a command of ours; its peak resident memory in MiB goes to `peaks`, by the stage's name."""
    started = time.time()
    process = subprocess.Popen([sys.executable, "-m", "n2n_render", *map(str, words)], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"failed: {' '.join(map(str, words))}")
    stage = next((word for word in ("--train-only", "--paint") if word in words), words[0]).removeprefix("--")
    peaks[stage] = max(peaks.get(stage, 0), usage.ru_maxrss // 1024)
    return time.time() - started


@click.group()
def main():
    pass


def sampling(scene, size, folder, spp):
    """(start-up, seconds of a frame) of `sample`."""
    frames = f"{FIRST}-{FIRST + 2}"
    words = ["sample", "--scene", scene, "--spp", spp, "--size", size, "--frames", frames, "--out", folder, "--only"]
    one, two = timed(*words, FIRST), timed(*words, f"{FIRST + 1}-{FIRST + 2}")
    return 2 * one - two, two - one


@main.command()
@click.option("--scene", required=True)
@click.option("--size", default="1920x1080")
@click.option("--times", required=True, type=click.Path(path_type=Path), help="JSON file to write.")
def measure(scene, size, times):
    quarter = "x".join(str(int(side) // 4) for side in size.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        data, out = Path(folder, "data"), Path(folder, "out")
        startup, frame = sampling(scene, size, data, 1)
        (_, few), (_, many) = (sampling(scene, quarter, Path(folder, f"quarter{spp}"), spp) for spp in (1, SPP))
        adapt = ["adapt", data, "-o", out]
        timed(*adapt, "--train-only", "--temporal", REACH, "--steps", 2)
        paint_one = timed(*adapt, "--paint", "--frames", FIRST)
        for path in out.glob("*_f*"):
            path.unlink()
        shutil.rmtree(out / ".report")
        paint_two = timed(*adapt, "--paint", "--frames", f"{FIRST}-{FIRST + 1}")
    facts = {
        "size": size,
        "spp": SPP,
        "temporal": REACH,
        "times_as_long_as_1_spp": many / few,
        "sample": {"startup": startup, "frame": frame * many / few},
        "peak_mib": peaks,
        "paint": {"startup": 2 * paint_one - paint_two, "frame": paint_two - paint_one},
    }
    times.write_text(json.dumps(facts, indent=1) + "\n")
    print(times.read_text())


def chunk_of(stage, frames, workers):
    """Frames of a task: start-up is at most a tenth of it, but there is one for every worker."""
    enough = math.ceil(stage.startup * (1 / STARTUP_SHARE - 1) / stage.frame)
    return max(1, min(enough, math.floor(frames / (LEAST_TASKS * workers))))


def play(stages, frames, workers, killed, rng):
    """Wall time, seconds that workers were busy, and tasks that were killed."""
    import simpy

    world = simpy.Environment()
    machines, told = simpy.Resource(world, workers), {"busy": 0.0, "killed": 0, "wasted": 0.0, "ends": {}}

    def task(stage, count):
        left = count
        while True:
            with machines.request() as machine:
                yield machine
                whole = stage.startup + stage.frame * left
                if rng.random() >= killed:
                    yield world.timeout(whole)
                    told["busy"] += whole
                    return
                lived = rng.random() * whole
                yield world.timeout(lived)
                done = 0 if stage.is_single else min(left, max(0, int((lived - stage.startup) / stage.frame)))
                left -= done
                told["busy"] += lived
                told["killed"] += 1
                told["wasted"] += lived - done * stage.frame

    def job():
        for stage in stages:
            chunk = frames if stage.is_single else chunk_of(stage, frames, workers)
            counts = [1] if stage.is_single else [min(chunk, frames - start) for start in range(0, frames, chunk)]
            yield world.all_of([world.process(task(stage, count)) for count in counts])
            told["ends"][stage.name] = world.now

    world.process(job())
    world.run()
    return world.now, told


def duration(seconds):
    return f"{seconds / 3600:.1f} h" if seconds > 5400 else f"{seconds / 60:.0f} min"


@main.command()
@click.argument("times", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--frames", default=250)
@click.option("--workers", default="1,10,100")
@click.option("--train-minutes", default=20.0, help="What the training is given.")
@click.option("--killed", default=0.05, help="Share of tasks that are killed in the second table.")
def simulate(times, frames, workers, train_minutes, killed):
    for path in times:
        facts = json.loads(path.read_text())
        stages = [
            Stage("sample", **facts["sample"]),
            Stage("train", 0.0, train_minutes * 60, is_single=True),
            Stage("paint", **facts["paint"]),
            Stage("merge", facts["paint"]["startup"], 0.0, is_single=True),
        ]
        print(f"\n{facts['size']}, {facts['spp']} spp, {frames} frames, {train_minutes:g} min of training")
        print("| workers | frames a task | wall time | of it sample, train, paint | efficiency | with killed tasks | wasted |")
        print("|---|---|---|---|---|---|---|")
        alone = sum(stage.startup + stage.frame * (1 if stage.is_single else frames) for stage in stages)
        for count in map(int, workers.split(",")):
            wall, told = play(stages, frames, count, 0.0, random.Random(1))
            ends = [0.0, *told["ends"].values()]
            spans = [duration(after - before) for before, after in zip(ends, ends[1:], strict=False)][:3]
            runs = [play(stages, frames, count, killed, random.Random(seed)) for seed in range(100)]
            chunks = " / ".join(str(chunk_of(stage, frames, count)) for stage in stages if not stage.is_single)
            slower = sum(one for one, _ in runs) / len(runs) / wall - 1
            wasted = sum(told["wasted"] / told["busy"] for _, told in runs) / len(runs)
            cells = [str(count), chunks, duration(wall), ", ".join(spans), f"{alone / (count * wall):.0%}"]
            print("|", " | ".join([*cells, f"{slower:+.1%}", f"{wasted:.1%}"]), "|")


if __name__ == "__main__":
    main()

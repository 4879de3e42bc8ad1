"""Does a killed task cost its own work only?

    python tests/benchmarks/farm_kill.py --scene bedroom_path.blend --work /tmp/kill

Runs a job of Open Job Description task by task with its own command, several at a time. Some tasks are killed (kill -9) in the
middle of their work, and run again, as a farm would. In the end the frames are compared with those of one undivided run.
"""

import json
import shlex
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click

OPENJD = Path(sys.executable).with_name("openjd")
# Runs n2n-render; kills it after a random time where a random number says so. One draw for each start.
KILLER = """
import random, subprocess, sys, time
share, longest, log = float(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
process = subprocess.Popen([sys.executable, "-m", "n2n_render", *sys.argv[4:]])
if random.random() < share:
    try:
        sys.exit(process.wait(random.uniform(0, longest)))
    except subprocess.TimeoutExpired:
        process.kill()
        with open(log, "a") as file:
            file.write(" ".join(sys.argv[4:]) + "\\n")
sys.exit(process.wait() != 0)
"""


def run_task(job, step, share):
    """Seconds of the last attempt, and of all that were killed before."""
    words = [OPENJD, "run", job / "template.json", "-p", f"file://{job}/parameters.json", "--step", step]
    words += ["--no-run-dependencies", *(["-tp", f"Share={share}"] if share else [])]
    lost = []
    while True:
        started = time.time()
        done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
        seconds = time.time() - started
        if done.returncode == 0:
            return seconds, lost
        if len(lost) == 20:
            raise SystemExit(done.stdout[-3000:])
        lost.append(seconds)


@click.command()
@click.option("--scene", required=True)
@click.option("--work", required=True, type=click.Path(path_type=Path))
@click.option("--frames", default=40)
@click.option("--size", default="96x54")
@click.option("--killed", default=0.05, help="Share of the starts that are killed.")
@click.option("--longest", default=8.0, help="Seconds after which at the latest.")
@click.option("--workers", default=2)
def main(scene, work, frames, size, killed, longest, workers):
    from n2n_render.farm import FarmOptions, farm

    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    job, program, log = work / "job", work / "killer.py", work / "killed.txt"
    program.write_text(KILLER)
    log.touch()
    width, height = map(int, size.split("x"))
    call = shlex.join([sys.executable, str(program), str(killed), str(longest), str(log)])
    chunks = {"sample_chunk": 2, "paint_chunk": 2, "steps": 20, "init": "oidn-small", "temporal": 1}
    device = {"render_device": "cpu", "device": "cpu", "probe": False}
    done = farm(
        FarmOptions(
            str(scene), tuple(range(1, frames + 1)), 1, str(job), size=(width, height), program=call, **chunks, **device
        )
    )
    busy, wasted = 0.0, []
    for step in done.tasks:
        shares = [f"{first}-{min(first + 1, frames)}" for first in range(1, frames + 1, 2)] if step in done.chunk else [None]
        with ThreadPoolExecutor(workers) as pool:
            for seconds, lost in pool.map(lambda share, step=step: run_task(job, step, share), shares):
                busy += seconds
                wasted += lost
        print(f"{step}: {len(shares)} task(s), {len(log.read_text().splitlines())} killed so far", flush=True)
    alone = work / "alone"
    alone.mkdir()
    shutil.copy(job / "clean" / "adapted.pt", alone)
    paint = ["adapt", job / "renders", "-o", alone, "--paint", "--device", "cpu"]
    subprocess.run([sys.executable, "-m", "n2n_render", *map(str, paint)], check=True)
    names = sorted(path.name for path in alone.glob("*.exr"))
    same = sum((alone / name).read_bytes() == (job / "clean" / name).read_bytes() for name in names)
    told = len(json.loads((job / "clean" / "report.json").read_text())["frames"])
    kills = len(log.read_text().splitlines())
    print(
        f"{sum(done.tasks.values())} tasks, {kills} killed: {sum(wasted):.0f} s of {busy + sum(wasted):.0f} s were spent in "
        f"attempts that failed; {same} of {frames} frames equal those of one run bit for bit, {told} in report.json"
    )


if __name__ == "__main__":
    main()

"""Each command that writes, killed at any moment and run again: it gives what an undisturbed run gives, nothing is left."""

import json
import random
import re
import shutil
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
from blender_fixtures import BLENDER
from conftest import noisy_frame, true_frame
from kill_at import processes_of, run

from n2n_render.io.dataset import FrameName, write_manifest
from n2n_render.io.exr import write_frame
from n2n_render.network.checkpoint import read_checkpoint

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
SIZE = (64, 96)
TINY = "--batch 2 --device cpu"
TRAIN = f"train --data data --hdr --features albedo --levels 2 --widths 8,8 --crop 16 --precision float32 {TINY}"
ADAPT = f"adapt data -o out --init start.pt --crop 48 --steps 3 --engine torch --average 1 {TINY}"
SAMPLE = f"--device cpu{f' --blender {BLENDER}' if BLENDER else ''}"
STAYS = {"data/.cache", "data/.cache/.writable"}  # a training's arrays, which the next one uses
PYTORCH = re.compile("torchinductor_.*")  # in the temporary folder: one of its own for all that it ever does
PYTHON = re.compile("tmp/[a-z0-9_]{8}")  # with which Python tries the temporary folder, for some microseconds
TIMES = ("seconds",)  # in descriptions: what no two runs share


@dataclass(frozen=True)
class Command:
    """first: what is killed. again: what is run then, if that is another command and last.pt is there; before: makes what it
    needs. nightly: CI leaves it to the night.
    """

    first: str
    again: str = ""
    before: str = ""
    nightly: bool = False


COMMANDS = {
    "train": Command(f"{TRAIN} --out run --steps 3", nightly=True),
    "train, then resume": Command(f"{TRAIN} --out run --steps 3", again="train --resume run"),
    "resume": Command("train --resume run --steps 4", before=f"{TRAIN} --out run --steps 2", nightly=True),
    "adapt": Command(ADAPT),
    "adapt temporal": Command(f"{ADAPT} --temporal 1", nightly=True),
    "denoise": Command("denoise data --model start.pt --engine torch --device cpu -o out"),
    "export": Command("export start.pt --format torchscript -o out/script.pt --check frame.exr"),
    "export onnx": Command("export start.pt --format onnx -o out/model.onnx --check frame.exr"),
    "evaluate": Command(
        "evaluate --no-oidn --model start.pt --data data --out out --json out/all.json --engine torch --device cpu"
    ),
    "sample": Command(f"sample --scene moving.blend --scene-name Other --size 64x36 --spp 16 --seeds 4 --out set {SAMPLE}"),
    "online": Command(
        f"online --scene moving.blend --frames 1-3 --spp 4 --size 64x48 --crop 48 --batch 2 --steps-per-frame 2 "
        f"--init start.pt --reference-spp 4 -o out --render-{SAMPLE[2:]} --device cpu",
        nightly=True,
    ),
}
NEEDS = {"evaluate": "flip_evaluator", "export onnx": "onnxruntime"}


@pytest.fixture(scope="module", autouse=True)
def imported(tmp_path_factory):
    """The first process waits for the imports; those whose time is taken do not."""
    place = tmp_path_factory.mktemp("first") / "place"
    place.mkdir()
    ended("models", place)


@pytest.fixture
def world(tmp_path, start):
    """A folder with a still shot of three frames, with references and vectors, and a checkpoint."""
    place = tmp_path / "world"
    (place / "data").mkdir(parents=True)
    (place / "out").mkdir()
    shutil.move(start, place)
    for frame in (1, 2, 3):
        for kind, seed in (("s", 1), ("s", 2), ("r", 1), ("r", 2)):
            noisy = noisy_frame(true_frame(*SIZE), 10 * frame + seed + 5 * (kind == "r"), spread=1 if kind == "s" else 0.1)
            noisy.vector = np.zeros((*SIZE, 4), np.float32)
            write_frame(place / "data" / FrameName("v000", frame, kind, seed, 8).filename, noisy)
    write_manifest(place / "data", {"format": 1, "scene": {"file": "synthetic.blend", "sha256": "0"}, "spp": 8, "seeds": 2})
    write_frame(place / "frame.exr", noisy_frame(true_frame(*SIZE), 1))
    return place


def ended(command: str, place: Path):
    """Runs it to its end, which must be a good one."""
    done = run(command.split(), place)
    assert done.code == 0, (command, done)
    return done


def tree(place: Path) -> dict[str, Path]:
    """Files and folders; curves for TensorBoard have the time and the process in their names."""
    found = {re.sub(r"tfevents\..*", "tfevents", path.relative_to(place).as_posix()): path for path in place.rglob("*")}
    return {name: path for name, path in found.items() if not PYTHON.fullmatch(name)}


def hidden(place: Path) -> list[str]:
    return [name for name, path in tree(place).items() if path.name.startswith(".") and name not in STAYS]


def without_times(value):
    if isinstance(value, dict):
        return {name: without_times(item) for name, item in value.items() if name not in TIMES}
    return [without_times(item) for item in value] if isinstance(value, list) else value


def content(path: Path):
    """What two equal runs give equally."""
    if path.is_dir() or "tfevents" in path.name:
        return None
    if path.suffix in (".json", ".jsonl"):
        return [
            without_times(json.loads(text))
            for text in (path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()])
        ]
    if path.suffix == ".pt" and path.name != "script.pt":
        found = read_checkpoint(path)
        return (
            found.model,
            found.provenance.step,
            {name: weight.numpy().tobytes() for name, weight in found.tensors().items()},
        )
    if path.suffix == ".exr":  # Blender puts the date and the time it took into the header
        return [
            (name, channel.pixels.tobytes())
            for part in OpenEXR.File(str(path), separate_channels=True).parts
            for name, channel in part.channels.items()
        ]
    if path.name == "report.html":  # its key is a digest of when the frames were written
        return re.sub(rb"[0-9a-f]{64}", b"", path.read_bytes())
    return path.read_bytes()


def settle(place: Path):
    """A training that was begun anew has got a folder of its own; of the killed one only whole files are left."""
    if (place / "run-2").exists():
        assert not hidden(place / "run"), tree(place / "run")
        shutil.rmtree(place / "run")
        (place / "run-2").rename(place / "run")


def assert_equal(place: Path, undisturbed: Path):
    ours, theirs = tree(place), tree(undisturbed)
    assert sorted(ours) == sorted(theirs)
    different = [name for name, path in ours.items() if content(path) != content(theirs[name])]
    assert not different


def assert_no_process(place: Path, seconds=20):
    deadline = time.monotonic() + seconds
    while processes_of(place) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not processes_of(place)


def marks_of(name):
    return [
        *([pytest.mark.blender] if "--scene" in COMMANDS[name].first else []),
        *([pytest.mark.nightly] if COMMANDS[name].nightly else []),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", [pytest.param(name, marks=marks_of(name)) for name in COMMANDS])
def test_killed_and_run_again(name, world, request, reliability_kills, reliability_seed, record_property):
    """Half of the kills come after a share of the time that the undisturbed run took, half before one of the changes that it
    makes to files: so those between two changes, which are short, are met too.
    """
    command = COMMANDS[name]
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    if "moving.blend" in command.first:
        shutil.copy2(request.getfixturevalue("scenes").moving, world)
    if command.before:
        ended(command.before, world)
    place = shutil.copytree(world, world.with_name("place"))  # of every run, as descriptions name it
    done = ended(command.first, place)
    undisturbed = place.rename(world.with_name("undisturbed"))
    assert not hidden(undisturbed)
    assert not [path for path in (undisturbed / "tmp").iterdir() if not PYTORCH.fullmatch(path.name)]
    chance, killed = random.Random(f"{reliability_seed} {name}"), 0
    first = chance.random() < 0.5
    for number in range(reliability_kills):
        share, by_time = chance.random(), (number % 2 == 0) == first
        moment = {"seconds": share * done.seconds} if by_time else {"changes": 1 + int(share * done.changes)}
        shutil.copytree(world, place)
        print(f"{name}: kill {number} at {moment} of {done.seconds:.2f} s, {done.changes} changes")
        killed += run(command.first.split(), place, **moment).code == -signal.SIGKILL
        found = place / "run" / "last.pt"
        ended(command.again if command.again and found.exists() else command.first, place)
        settle(place)
        assert_equal(place, undisturbed)
        assert_no_process(place)
        shutil.rmtree(place)
    record_property("killed", killed)
    print(f"{name}: {killed} of {reliability_kills} killed")

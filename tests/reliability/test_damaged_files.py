"""Damaged EXR files of every kind: one sentence, or a whole and finite picture. No crash, no hang, no flood of memory.

`pytest tests/reliability/test_damaged_files.py --reliability-cases 1000 --reliability-seed 2` tries other files, and more.
"""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from exr_damage import DAMAGES, KINDS, damaged, find_layout, write_whole

from n2n_render.io.exr import ExrImage
from n2n_render.network.checkpoint import Checkpoint, write_checkpoint
from n2n_render.network.paper import UNet
from n2n_render.network.specification import PaperNetwork, Specification

READER = Path(__file__).with_name("read_damaged.py")
BATCH = 100  # files for one process
SECONDS_FOR_EACH = 3  # in the mean of a batch, and a minute for the start


def make_cases(folder: Path, count: int, seed: int) -> list[Path]:
    """Damaged files, each kind of file in turn. A name says the number, the kind and the damage."""
    wholes = {}
    for kind in KINDS:
        path = folder / "whole.exr"
        write_whole(path, *kind)
        wholes[kind] = path.read_bytes()
    paths = []
    for index in range(count):
        rng = random.Random(f"{seed} {index}")
        kind = KINDS[(index * 7 + seed) % len(KINDS)]
        what, data = damaged(wholes[kind], rng)
        layout, compression, half = kind
        name = f"{index}_{layout}_{compression}{'_half' * half}_{what}.exr".replace(" ", "-")
        (folder / name).write_bytes(data)
        paths.append(folder / name)
    return paths


def tiny_model(folder: Path) -> Path:
    torch.manual_seed(1)
    config = Specification(
        features=("albedo", "normal"),
        network=PaperNetwork(levels=2, encoder_width=4, decoder_width=4, head_widths=(4, 4), norm="none"),
    )
    write_checkpoint(folder / "tiny.pt", Checkpoint(config, UNet(config).state_dict()))
    return folder / "tiny.pt"


def read_batch(paths: list[Path], model: Path, whole: Path) -> dict[Path, str]:
    """What came of each. Where the process died or hung, the file that it was at is known; the others are read by the next."""
    outcomes: dict[Path, str] = {}
    while len(outcomes) < len(paths):
        left = [path for path in paths if path not in outcomes]
        try:
            done = subprocess.run(
                [sys.executable, READER, model, whole],
                input="\n".join(map(str, left)),
                text=True,
                capture_output=True,
                timeout=60 + SECONDS_FOR_EACH * len(left),
                env={**os.environ},
            )
            said, why = done.stdout, f"WRONG: the process died with {done.returncode}: {done.stderr[-500:]}"
        except subprocess.TimeoutExpired as error:
            said, why = (error.stdout or b"").decode(), "WRONG: it takes too long"
        assert "begin " in said, why  # the reader itself does not start
        for told in said.split("begin ")[1:]:
            name, *lines = told.splitlines()  # OpenEXR warns on stdout, too
            ends = [line.removeprefix("end ") for line in lines if line.startswith("end ")]
            asked = next((f"WRONG: so much memory is asked for: {line}" for line in lines if "MemoryError" in line), None)
            outcomes[Path(name)] = asked or (ends[-1] if ends else why)
    return outcomes


@pytest.mark.slow
def test_damaged_files_are_refused_in_a_sentence_or_read(tmp_path, reliability_cases, reliability_seed):
    paths = make_cases(tmp_path, reliability_cases, reliability_seed)
    model = tiny_model(tmp_path)
    outcomes = {}
    for start in range(0, len(paths), BATCH):
        outcomes.update(read_batch(paths[start : start + BATCH], model, tmp_path / "whole.exr"))
    wrong = [f"{path.name}: {outcome}" for path, outcome in outcomes.items() if outcome.startswith("WRONG")]
    refused = sum(outcome.startswith("refused") for outcome in outcomes.values())
    print(f"{len(paths)} files: {refused} refused, {len(paths) - refused - len(wrong)} read, {len(wrong)} wrong")
    assert not wrong, "\n".join(wrong)
    assert refused > len(paths) / 4  # else the damage is none


@pytest.mark.parametrize("layout, compression, half", KINDS[::3], ids=lambda value: str(value))
def test_whole_files_of_every_kind_are_read(tmp_path, layout, compression, half):
    """So that what is refused is refused for its damage."""
    path = tmp_path / "whole.exr"
    write_whole(path, layout, compression, half)
    assert ExrImage.open(path).frame(None, ("albedo", "normal", "depth")).color.shape == (26, 40, 3)
    found = find_layout(path.read_bytes())
    assert {"dataWindow", "channels", "compression", "Frame"} <= {name for name, *_ in found.attributes}
    assert len(found.chunks) == len(found.offsets) and max(found.chunks) < path.stat().st_size


def test_every_damage_changes_the_file(tmp_path):
    write_whole(tmp_path / "whole.exr", "tiled parts", "ZIP", False)
    data = (tmp_path / "whole.exr").read_bytes()
    for name, damage in DAMAGES.items():

        def once(seed, damage=damage):
            changed = bytearray(data)
            result = damage(changed, find_layout(data), random.Random(seed))
            return bytes(changed if result is None else result)

        assert sum(once(seed) != data for seed in range(20)) >= 10, name
        assert once(3) == once(3)

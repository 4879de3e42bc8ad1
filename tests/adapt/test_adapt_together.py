"""`torchrun … adapt`: two real processes train together, and each paints its share of the frames."""

import os
import signal
import time

import pytest
import torch
from adapt_fixtures import NAMES, adapted, assert_refused, report, times
from click.testing import CliRunner
from team_fixtures import LIMIT_S, apart, start_two

from n2n_render.cli.commands import main
from n2n_render.io.exr import read_frame
from n2n_render.network.checkpoint import read_checkpoint

PROGRAM = ("-m", "n2n_render")
QUICK = "--device cpu --engine torch --average 1 --crop 48".split()
CLOSE = 1e-5  # of weights and pictures, relative; found: 1e-7


def words(shot, out, start, *more):
    return ["adapt", shot, "-o", out, "--init", start, *QUICK, "--batch", 2, *more]


@pytest.mark.slow
@pytest.mark.nightly
def test_two_processes_adapt_as_one_with_twice_the_batch(shot, start, tmp_path, run_two):
    code, said = run_two(*PROGRAM, *words(shot, tmp_path / "two", start, "--steps", 12))
    assert code == 0, said
    adapted(shot, tmp_path / "one", start, "--batch", 4, steps=12)
    one, two = (read_checkpoint(tmp_path / name / "adapted.pt") for name in ("one", "two"))
    assert one.provenance.key == two.provenance.key and one.provenance.step == two.provenance.step
    assert apart(one.weights, two.weights) < CLOSE
    assert set(os.listdir(tmp_path / "one")) == set(os.listdir(tmp_path / "two"))  # no cache, no lock, no fragments
    numbers = [report(tmp_path / name) for name in ("one", "two")]
    assert [frame["file"] for frame in numbers[1]["frames"]] == NAMES and numbers[0]["config"] == numbers[1]["config"]
    for name in NAMES:
        pictures = [torch.from_numpy(read_frame(tmp_path / out / name, ()).color) for out in ("one", "two")]
        assert (pictures[0] - pictures[1]).norm() <= 10 * CLOSE * pictures[0].norm()
    for once in ("training on 2 processes", "wrote 3 frame(s)", "model for other frames", "best on held-out tiles"):
        assert said.replace("\n", " ").count(once) == 1, said
    before = times(tmp_path / "two")
    again = adapted(shot, tmp_path / "two", start, "--batch", 4, steps=12)  # one process finds all of it done
    assert "best on held-out tiles" not in again.output and times(tmp_path / "two") == before


@pytest.mark.slow
@pytest.mark.nightly
def test_two_processes_only_train_where_others_paint(shot, start, tmp_path, run_two):
    out = tmp_path / "out"
    code, said = run_two(*PROGRAM, *words(shot, out, start, "--steps", 4, "--train-only"))
    assert code == 0 and not list(out.glob("*.exr")) and said.count(f"model: {out}") == 1, said


@pytest.mark.parametrize("stage", ["--paint", "--merge"])
def test_what_needs_no_torchrun_refuses_it(shot, tmp_path, monkeypatch, stage):
    for name, value in {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("MASTER_ADDR", "localhost")
    monkeypatch.setenv("MASTER_PORT", "29500")
    result = CliRunner().invoke(main, ["adapt", str(shot), "-o", str(tmp_path / "out"), stage])
    assert_refused(result, "does not share its work by torchrun")


@pytest.mark.slow
@pytest.mark.nightly
def test_ctrl_c_keeps_the_best_so_far(shot, start, tmp_path):
    out = tmp_path / "out"
    learning = words(shot, out, start, "--steps", 4000, "--learning-rate", "3e-3", "--patience", 0)
    process, said = start_two(*PROGRAM, "--progress", "json", *learning), []
    until = time.time() + LIMIT_S
    for line in process.stdout:
        said.append(line)
        if "error on held-out tiles -" in line or time.time() > until:  # something better than the start is there
            break
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=LIMIT_S)
    said = "".join([*said[-5:], rest])
    assert process.returncode != 0 and "n2n_render/adapt" not in said, said
    assert read_checkpoint(out / "interrupted-adapted.pt").provenance.step > 0, said
    assert not (out / "adapted.pt").exists()

"""`torchrun … train`: two real processes, one writer, and what is left when they are stopped, killed or gone on with."""

import json
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest
from team_fixtures import LIMIT_S, apart, start_two

from n2n_render.network.checkpoint import read_checkpoint
from n2n_render.train import ResumeOptions, TrainOptions, resume, train
from n2n_render.train.earlier import Earlier

SMALL = {
    "hdr": True,
    "features": ("albedo",),
    "levels": 2,
    "encoder_width": 8,
    "decoder_width": 8,
    "crop_px": 32,
    "precision": "float32",
    "device": "cpu",
}
WORDS = (
    "-m n2n_render train --hdr --features albedo --levels 2 --widths 8,8 --crop 32 --precision float32 --device cpu --batch 2"
).split()
CLOSE = 2e-4  # of weights, relative; found: 1e-7 on an Intel Xeon, 5e-5 on an AMD EPYC


def one_process(data, out, steps):
    """As the two of WORDS, with a batch as large as theirs."""
    return train(TrainOptions(data=(str(data),), out=str(out), batch=4, steps=steps, validations=1, **SMALL)).folder


def runs_apart(one, other):
    """Of the weights of two runs, those that are trained included."""
    a, b = (read_checkpoint(run / "last.pt") for run in (one, other))
    assert a.provenance.step == b.provenance.step
    return max(apart(a.weights, b.weights), apart(a.training["network"], b.training["network"]))


def are_told_once(run):
    steps = steps_of(run)
    return steps == sorted(set(steps))


def steps_of(run):
    return [json.loads(line)["step"] for line in (run / "metrics.jsonl").read_text().splitlines()]


def no_traceback_of_ours(said):
    return "n2n_render/" not in said or "Traceback" not in said.split("n2n_render/")[0]


@pytest.fixture
def data(make_dataset):
    return make_dataset()


def stopped(process, run, number):
    """The signal reaches torchrun when last.pt has been written once more. The step that was saved."""
    wait_for(run / "last.pt", process)
    process.send_signal(number)
    said, _ = process.communicate(timeout=LIMIT_S)
    assert process.returncode != 0 and no_traceback_of_ours(said), said
    saved = read_checkpoint(run / "last.pt").provenance
    assert f"saved at step {saved.step};" in said and saved.processes == 2, said
    return saved.step


def wait_for(path, process):
    before, until = written(path), time.time() + LIMIT_S
    while written(path) == before:
        if process.poll() is not None or time.time() > until:
            process.kill()
            raise AssertionError(process.communicate()[0])
        time.sleep(0.02)


def written(path):
    return path.stat().st_mtime_ns if path.exists() else None


def member(process, rank):
    """The process id of a member of a torchrun."""
    for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
        if f"\0RANK={rank}\0".encode() in Path(f"/proc/{pid}/environ").read_bytes():
            return int(pid)
    raise AssertionError("no such member")


@pytest.mark.slow
def test_two_processes_leave_what_one_with_twice_the_batch_leaves(data, tmp_path, run_two):
    code, said = run_two(*WORDS, "--data", data, "--steps", 12, "--out", tmp_path / "two")
    assert code == 0, said
    one = one_process(data, tmp_path / "one", 12)
    assert runs_apart(one, tmp_path / "two") < CLOSE
    assert steps_of(tmp_path / "two")[-1] == 12 and are_told_once(tmp_path / "two")
    assert set(os.listdir(tmp_path / "two")) == {*os.listdir(one), "best.pt"}
    for once in ("training on 2 processes", "best.pt, last.pt, training.png, metrics.jsonl", "next: n2n-render denoise"):
        assert said.replace("\n", " ").count(once) == 1, said
    assert json.loads((tmp_path / "two" / "config.json").read_text())["processes"] == 2


@pytest.mark.slow
@pytest.mark.nightly
def test_stopped_they_save_and_go_on_together_or_as_one_as_if_nothing_had_been(data, tmp_path):
    run = tmp_path / "two"
    first = stopped(start_two(*WORDS, "--data", data, "--steps", 100, "--out", run), run, signal.SIGTERM)
    second = stopped(start_two("-m", "n2n_render", "train", "--resume", run), run, signal.SIGINT)
    assert 0 < first < second < 100
    assert resume(ResumeOptions(str(run), device="cpu")).steps == 100 and are_told_once(run)
    last = read_checkpoint(run / "last.pt").provenance
    assert last.processes == 1 and last.options["batch"] == 4
    assert runs_apart(one_process(data, tmp_path / "one", 100), run) < CLOSE


@pytest.mark.slow
@pytest.mark.nightly
def test_a_killed_member_ends_the_other_and_leaves_a_run_to_go_on_with(data, tmp_path, run_two):
    run = tmp_path / "two"
    process = start_two(*WORDS, "--data", data, "--steps", 400, "--out", run)
    wait_for(run / "last.pt", process)
    os.kill(member(process, 1), signal.SIGKILL)
    said, _ = process.communicate(timeout=LIMIT_S)
    assert process.returncode != 0 and no_traceback_of_ours(said), said
    assert "another one does not answer any more" in said.replace("\n", " ") or "interrupted" in said
    step = read_checkpoint(run / "last.pt").provenance.step
    code, said = run_two("-m", "n2n_render", "train", "--resume", run, "--steps", step + 5)  # by two again
    assert code == 0, said
    assert read_checkpoint(run / "last.pt").provenance.step == step + 5


@pytest.mark.slow
def test_what_the_first_refuses_ends_all_with_one_sentence(tmp_path, run_two):
    code, said = run_two(*WORDS, "--data", tmp_path / "nowhere", "--out", tmp_path / "two")
    assert code != 0 and no_traceback_of_ours(said), said
    assert said.count("no such folder") == 1 and not (tmp_path / "two").exists()


@pytest.mark.slow
def test_other_commands_do_not_run_in_several_processes(tmp_path, run_two):
    """torchrun ends the others when the first has refused; they may not come to say it, too."""
    code, said = run_two("-m", "n2n_render", "denoise", tmp_path, "-o", tmp_path / "clean")
    assert code != 0 and "denoise does not share its work with other processes" in said, said


@pytest.mark.parametrize("before, after, batch", [(2, 1, 8), (1, 2, 2), (2, 4, 2), (4, 3, 4), (8, 64, 4), (2, 2, 4)])
def test_the_whole_batch_stays_where_others_can_share_it(tmp_path, before, after, batch):
    checkpoint = read_checkpoint(_last(tmp_path))
    told = replace(checkpoint.provenance, processes=before, options={"batch": 4})
    earlier = Earlier(tmp_path, replace(checkpoint, provenance=told))
    options = earlier.options(ResumeOptions(str(tmp_path)), after)
    assert options.batch == batch
    said = earlier.other_batch(options, after)
    if before * 4 == after * batch:
        assert said is None
    else:
        assert f"{after} processes cannot share batches of {before * 4}" in said and f"each has {after * batch}" in said


def _last(folder):
    from n2n_render.network.build import build_network
    from n2n_render.network.checkpoint import Checkpoint, write_checkpoint
    from n2n_render.network.provenance import Provenance
    from n2n_render.network.specification import PaperNetwork, Specification

    model = Specification(network=PaperNetwork(levels=1, encoder_width=4, decoder_width=4, head_widths=(4, 4)))
    write_checkpoint(folder / "last.pt", Checkpoint(model, build_network(model).state_dict(), Provenance(), None))
    return folder / "last.pt"

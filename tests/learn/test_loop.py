"""The loop takes any sampler, loss, judge and keeper; nothing of a step depends on who they are."""

import contextlib
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch

from n2n_render.errors import N2NError
from n2n_render.learn.descent import FINAL_FACTOR
from n2n_render.learn.interrupt import stop_on_ctrl_c
from n2n_render.learn.loop import Loop
from n2n_render.learn.precision import native_precision
from n2n_render.learn.protocols import Forgetful, Verdict
from n2n_render.learn.schedule import Advice, Schedule
from n2n_render.network.checkpoint import read_checkpoint
from n2n_render.network.specification import PaperNetwork, Specification
from n2n_render.train import TrainOptions, train

MODEL = Specification(network=PaperNetwork(levels=1, encoder_width=4, decoder_width=4, head_widths=(4, 4)))
LEVEL = 0.4  # exposed radiance: what the targets are in the mean


class Grey:
    """Batches without a picture: noise around LEVEL. It remembers what it was asked for."""

    def __init__(self):
        self.asked = set()

    def make(self, step, stream=0):
        self.asked.add((step, stream))
        rng = np.random.default_rng([step, stream])
        noisy, target = (LEVEL * rng.gamma(4.0, 0.25, (2, 3, 16, 16)).astype(np.float32) for _ in range(2))
        return {"noisy": noisy, "target": target, "guides": np.zeros((2, 0, 16, 16), np.float32)}


def squared(prediction, batch):
    loss = ((prediction - batch["target"]) ** 2).mean()
    return loss, {"brightness": prediction.mean()}


class Newest:
    """A judge to whom the newest network is the best."""

    def __init__(self):
        self.steps = []

    def look(self, network, step):
        assert not network.training
        self.steps.append(step)
        return Verdict(True, {"step": step})


class Remembering(Forgetful):
    def __init__(self):
        self.verdicts, self.stepped_at = [], []

    def stepped(self, loop):
        self.stepped_at.append(loop.steps)

    def judged(self, loop, verdict):
        self.verdicts.append((loop.steps, verdict.values["step"]))


def open_loop(sampler=None, loss=squared, **schedule):
    given = Schedule(**{"learning_rate": 1e-2, "steps": 12, "warmup_steps": 0, "looks": 3, **schedule})
    return Loop.open(MODEL, None, sampler or Grey(), loss, given, "cpu", "float32")


def test_pieces_of_ones_own_are_enough():
    loop, judge, keeper = open_loop(), Newest(), Remembering()
    loop.run(judge, keeper)
    assert judge.steps == [4, 8, 12] and keeper.verdicts == [(4, 4), (8, 8), (12, 12)]
    assert keeper.stepped_at == [1, 2, 3, 5, 6, 7, 9, 10, 11]
    means = loop.take_means()
    assert set(means) == {"loss", "brightness", "clipped_steps"} and means["brightness"] > 0
    assert loop.take_means() == {}
    assert {(step, 0) for step in range(12)} <= loop.sampler.asked and (0, 1) in loop.sampler.asked


def test_rounds_begin_again_with_the_learning_rate_and_are_judged_at_their_ends():
    """3 steps, 6, and of 12 what the run leaves."""
    rates = []

    class Rates(Remembering):
        def line(self, loop):
            rates.append(loop.learning_rate)  # of the step after
            return ""

    loop, judge = open_loop(steps=15, round_steps=3), Newest()
    loop.run(judge, Rates())
    assert judge.steps == [3, 9, 15]
    low = 1e-2 * FINAL_FACTOR
    assert [step + 1 for step, rate in enumerate(rates) if rate == pytest.approx(low)] == [3, 9, 15]


def test_a_judge_that_has_seen_enough_ends_the_loop():
    class Content(Newest):
        def look(self, network, step):
            return replace(super().look(network, step), is_enough=step >= 8)

    loop, judge = open_loop(), Content()
    loop.run(judge)
    assert judge.steps == [4, 8] and loop.steps == 8


def test_steps_smaller_than_bfloat16_rounds_are_kept():
    """Only what is computed with the weights is rounded."""
    loop = open_loop(learning_rate=1e-6)
    loop.precision = "bfloat16"
    before = {name: tensor.clone() for name, tensor in loop.network.named_parameters()}
    loop.learn(1)
    loop.close()
    moved = {name: tensor for name, tensor in loop.network.named_parameters() if not torch.equal(tensor, before[name])}
    assert len(moved) > len(before) / 2 and all(tensor.dtype == torch.float32 for tensor in moved.values())
    same = [torch.equal(tensor.bfloat16(), before[name].bfloat16()) for name, tensor in moved.items()]
    assert any(same)


def test_the_native_precision_of_a_device_is_always_the_same():
    cpu = torch.device("cpu")
    assert native_precision(cpu) == native_precision(cpu) in ("float32", "bfloat16")
    assert native_precision(torch.device("mps")) == "float32"


@pytest.mark.slow
def test_step_by_step_is_the_same_as_at_once():
    """For a schedule without an end, as online training has it."""
    weights = []
    for parts in ((12,), (5, 7), (1,) * 12):
        loop = open_loop(steps=None, seconds=float("inf"), shape="constant")
        for part in parts:
            loop.learn(part)
        loop.close()
        weights.append(loop.weights())
    for other in weights[1:]:
        assert all(torch.equal(tensor, other[name]) for name, tensor in weights[0].items())


def test_another_sampler_may_take_over():
    loop, second = open_loop(steps=100), Grey()
    loop.learn(3)
    loop.sample_from(second)
    loop.learn(2)
    loop.close()
    assert {(3, 0), (4, 0)} <= second.asked and not {(0, 0), (1, 0), (2, 0)} & second.asked


@pytest.mark.slow
def test_the_running_mean_gets_statistics_before_it_is_judged():
    """In the phase of batch statistics the network's own would be those of its last batches."""

    class Looks(Newest):
        def look(self, network, step):
            counts = [module.num_batches_tracked.item() for module in network.modules() if hasattr(module, "running_mean")]
            assert counts and set(counts) == {32}
            return super().look(network, step)

    loop, judge = open_loop(norm_batch_fraction=1.0), Looks()
    loop.run(judge)
    assert judge.steps == [4, 8, 12] and not loop.norms_fixed


def test_what_a_judge_raises_ends_the_loop_and_its_threads():
    class Strict(Newest):
        def look(self, network, step):
            raise N2NError("not good enough")

    loop = open_loop()
    with pytest.raises(N2NError, match="not good enough"):
        loop.run(Strict())
    with pytest.raises(RuntimeError):  # no threads, no batches
        loop.step()
    assert loop.steps == 4


class Darker:
    """A corruption: the inputs are half as bright."""

    def __init__(self, sampler):
        self.sampler = sampler

    def make(self, step, stream=0):
        batch = self.sampler.make(step, stream)
        return {**batch, "noisy": batch["noisy"] * np.float32(0.5)}


def cube(prediction, batch):
    return (prediction - batch["target"]).abs().pow(3).mean(), {}


@pytest.mark.slow
@pytest.mark.nightly
def test_train_takes_a_loss_and_a_corruption(make_dataset, tmp_path, silent):
    """As the module's docstring shows it: each makes other weights, and nothing else is needed."""
    options = {"data": (str(make_dataset(views=2)),), "hdr": True, "levels": 1, "encoder_width": 4, "decoder_width": 4}
    options |= {"steps": 3, "crop_px": 32, "precision": "float32", "device": "cpu"}
    weights = {}
    for name, pieces in {"plain": {}, "again": {}, "loss": {"loss": cube}, "sampler": {"sampler": Darker}}.items():
        wanted = TrainOptions(**options, out=str(tmp_path / name))
        done = train(wanted, lambda title: contextlib.nullcontext(silent), **pieces)
        assert done.folder == tmp_path / name and done.steps == 3 and done.best.exists() and done.error < 10
        weights[name] = read_checkpoint(done.last).weights["last.weight"]
    assert torch.equal(weights["plain"], weights["again"])
    assert not torch.equal(weights["plain"], weights["loss"]) and not torch.equal(weights["plain"], weights["sampler"])


@pytest.mark.parametrize("go_on", [lambda loop: loop.run(Newest()), lambda loop: loop.learn(2)])
def test_a_full_memory_is_one_sentence_with_the_callers_advice(go_on):
    def too_large(prediction, batch):
        raise torch.OutOfMemoryError("CUDA out of memory")

    loop = Loop.open(MODEL, None, Grey(), too_large, Schedule(steps=2, learning_rate=1e-3), "cpu", "float32")
    loop.advice = Advice(memory="Learn with smaller crops.")
    with pytest.raises(N2NError, match="not enough memory on CPU") as told:
        go_on(loop)
    loop.close()
    assert told.value.hint == "Learn with smaller crops."


def test_a_program_that_handles_ctrl_c_itself_goes_on_doing_so(monkeypatch):
    """Python knows no handler that was there before it; it could not put it back."""
    before = signal.getsignal(signal.SIGINT)
    with monkeypatch.context() as embedded:
        embedded.setattr(signal, "getsignal", lambda number: None)
        with stop_on_ctrl_c() as stop_asked:
            assert signal.signal(signal.SIGINT, before) is before  # nobody has put another one there
            assert not stop_asked()
    assert signal.getsignal(signal.SIGINT) is before

"""Training on a shot: held-out tiles are for judging only, and the best moment is kept."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from adapt_fixtures import make_frame

from n2n_render.adapt.tuning import Tuning
from n2n_render.judge import evidence
from n2n_render.learn.held_out import Shown, gain_db
from n2n_render.learn.loop import Loop
from n2n_render.learn.samplers import Crops
from n2n_render.learn.schedule import Schedule
from n2n_render.learn.start import ShotStart
from n2n_render.network.checkpoint import Checkpoint
from n2n_render.network.paper import UNet
from n2n_render.network.specification import PaperNetwork, Specification

MODEL = Specification(
    features=("albedo",), network=PaperNetwork(levels=2, encoder_width=6, decoder_width=6, head_widths=(6, 6), norm="none")
)
SIZE = (64, 96)


@pytest.fixture
def make_tuning(tmp_path, silent):
    """make_tuning(**of the schedule) → Tuning of two frames with two seeds, from a tiny network."""
    made = []

    def make(steps=4, looks=8, learning_rate=1e-3, patience=0):
        torch.manual_seed(1)
        rng = np.random.default_rng(4)
        images, estimate = rng.gamma(1, 0.3, (2, 2, *SIZE, 10)), np.full((*SIZE, 3), 0.3)
        frames = [make_frame(tmp_path, images[index], estimate, index) for index in range(2)]
        start = Checkpoint(MODEL, UNet(MODEL).state_dict())
        schedule = Schedule(learning_rate, steps, warmup_steps=30, ema=0.99, looks=looks)
        crops = Crops(batch=2, size_px=48, seed=1)
        start = ShotStart(MODEL, start)
        tuning = Tuning.open(frames, start, schedule, crops, "cpu", silent, lambda images, exposure: None, patience)
        made.append(tuning)
        return tuning

    yield make
    for tuning in made:
        tuning.loop.close()


def samples(tuning):
    return samples_of(tuning.judge)


def samples_of(judge):
    return [sample for pair in judge.pairs for sample in pair]


def test_training_does_not_look_at_held_out_targets(make_tuning):
    loop = make_tuning().loop
    batches = [{name: torch.from_numpy(array) for name, array in loop.sampler.make(step).items()} for step in range(6)]
    assert any((batch["trainable"] == 0).any() for batch in batches)

    def loss_with(batch, **changes):
        return loop.loss(loop.predict(batch), {**batch, **changes})[0].item()

    for batch in batches:
        loss = loss_with(batch)
        hidden = batch["trainable"].expand_as(batch["target"]) == 0
        assert loss_with(batch, target=torch.where(hidden, 5.0, batch["target"])) == loss
        assert loss_with(batch, target=torch.where(hidden, batch["target"], 5.0)) != loss


@pytest.mark.slow
def test_checks_look_at_held_out_tiles_only(make_tuning):
    checks = []
    for spoiled in (None, False, True):  # nothing, what was trained on, what was held out
        tuning = make_tuning(steps=1, looks=1)
        for sample in samples(tuning):
            sample.residual = sample.residual + 0.2 * (sample.held_out == spoiled)[..., None]
        tuning.run()
        checks.append(tuning.checks[0])
    assert checks[1] == checks[0] != checks[2]


def test_the_weights_of_the_best_check_are_kept(make_tuning, monkeypatch):
    """The second of four here, whatever came after."""
    tuning, seen = make_tuning(looks=4), []

    def gains(*images):
        if len(seen) <= len(tuning.checks):
            seen.append(tuning.loop.weights())
        gain = (1.0, 3.0, 2.0, 1.0)[len(tuning.checks)]
        return evidence.Evidence(*(np.array([value]) for value in (gain, 1.5 * gain, 0.0)))

    monkeypatch.setattr(evidence, "find_evidence", gains)
    monkeypatch.setattr(tuning.judge, "_error_of_start", lambda: 100.0)
    tuned = tuning.run()
    assert tuned.steps == 2 and len(tuning.checks) == 4 and tuned.blend_weight == pytest.approx(2 / 3)
    assert tuned.gain_db == pytest.approx(10 * np.log10(100 / 92))  # two thirds of the way take 8 of the start's 100
    assert all(torch.equal(tensor, seen[1][name]) for name, tensor in tuned.weights.items())
    assert any(not torch.equal(tensor, seen[3][name]) for name, tensor in tuned.weights.items())


def test_the_start_is_judged_against_itself_as_unchanged(make_tuning):
    """A network that training leaves where it was."""
    tuning = make_tuning(learning_rate=1e-30, steps=1, looks=1)
    tuning.run()
    (check,) = tuning.checks
    assert check.change == pytest.approx(0, abs=1e-6) and check.uncertainty == pytest.approx(0, abs=1e-6)


def test_a_training_that_only_spoils_leaves_the_start(make_tuning):
    tuning = make_tuning(learning_rate=0.1, steps=4, looks=2)
    before = tuning.loop.weights()
    for sample in samples(tuning):
        sample.residual = np.zeros_like(sample.residual)  # the start is right already
    tuned = tuning.run()
    assert tuned.steps == 0 and tuned.blend_weight == tuned.gain_db == 0.0 and len(tuning.checks) == 2
    assert all(torch.equal(tensor, before[name]) for name, tensor in tuned.weights.items())


def test_what_goes_wrong_late_ends_the_training_with_the_best_so_far(make_tuning, monkeypatch, silent):
    tuning, step = make_tuning(looks=4), Loop.step

    def spoil(loop):
        step(loop)
        if loop.steps == 3:
            for parameter in loop.average.parameters():
                parameter.data.fill_(float("nan"))

    monkeypatch.setattr(Loop, "step", spoil)
    tuned = tuning.run()
    assert len(tuning.checks) == 2 and "stopped early" in silent.warnings[0]
    assert all(torch.isfinite(tensor).all() for tensor in tuned.weights.values())


@pytest.mark.slow
def test_checks_without_progress_end_the_training(make_tuning, silent):
    """Steps too small to change anything."""
    tuning = make_tuning(learning_rate=1e-30, steps=40, looks=20, patience=3)
    tuning.run()
    assert [check.step for check in tuning.checks] == [2, 4, 6]
    assert "3 checks" in tuning.stopped and any("ended after 6 steps" in note for note in silent.notes)


@pytest.mark.slow
def test_progress_keeps_a_training_going(make_tuning):
    """From a network that knows nothing everything helps; without patience nothing ends it."""
    learning = make_tuning(learning_rate=3e-3, steps=12, looks=6, patience=1)
    learning.run()
    idle = make_tuning(learning_rate=1e-30, steps=12, looks=6, patience=0)
    idle.run()
    for tuning in (learning, idle):
        assert tuning.loop.steps == 12 and len(tuning.checks) == 6 and tuning.stopped is None


def test_progress_is_a_picture_surely_better_than_the_last_such_one(make_tuning):
    """Pictures are compared with those of the last progress, and what goes too far is none."""
    judge, rng, idle = make_tuning(patience=9).judge, np.random.default_rng(1), []
    for sample in samples_of(judge):
        noise = rng.normal(0, 0.5, sample.target.shape)
        sample.target = sample.start + 0.2 * (sample.start > 0.3) + noise.astype(np.float32)
    starts = [sample.start for sample in samples_of(judge)]
    for way in (0.3, 0.3, 0.6, 3.0):  # of the way to the truth
        pictures = [start + np.float32(0.2 * way) * (start > 0.3) for start in starts]
        judge._look_for_progress(pictures)
        idle.append(judge.idle)
    assert idle == [0, 1, 0, 1]


def test_the_frame_that_the_start_is_worst_at_is_shown(make_tuning):
    """With one half of its seeds, as rendered, and its exposure."""
    tuning = make_tuning()
    judge, factors = tuning.judge, (2.0, 3.0)
    frames = [replace(one, exposure=factor) for one, factor in zip(tuning.loop.sampler.frames, factors, strict=True)]
    for worst in (0, 1):
        pairs = [(replace(one, start=one.start + 0.5 * (index == worst)), two) for index, (one, two) in enumerate(judge.pairs)]
        shown = Shown.of(frames, pairs)
        assert (shown.index, shown.exposure) == (worst, factors[worst])
        np.testing.assert_array_equal(shown.noisy, frames[worst].colors[0].astype(np.float32))


def test_chance_does_not_make_a_gain_of_everything():
    assert gain_db(0.0) == 0.0 and gain_db(-0.5) == pytest.approx(3.01, abs=0.01) and gain_db(-1.2) == pytest.approx(30)

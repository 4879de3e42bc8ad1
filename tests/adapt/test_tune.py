"""Training on a shot: held-out tiles are for judging only, and the best moment is kept."""

import numpy as np
import pytest
import torch
from test_shot import make_frame

from n2n_render.adapt import judge
from n2n_render.adapt.judge import Evidence
from n2n_render.adapt.options import AdaptOptions
from n2n_render.adapt.tune import Tuning
from n2n_render.network.paper import UNet
from n2n_render.network.specification import PaperNetwork, Specification

MODEL = Specification(
    features=("albedo",), network=PaperNetwork(levels=2, encoder_width=6, decoder_width=6, head_widths=(6, 6), norm="none")
)
SIZE = (64, 96)


@pytest.fixture
def make_tuning(tmp_path, silent):
    """make_tuning(**config) → Tuning of two frames with two seeds, from a tiny network."""
    made = []

    def make(**changes):
        torch.manual_seed(1)
        rng = np.random.default_rng(4)
        images, pilot = rng.gamma(1, 0.3, (2, 2, *SIZE, 10)), np.full((*SIZE, 3), 0.3)
        frames = [make_frame(tmp_path, images[index], pilot, index) for index in range(2)]
        config = AdaptOptions(**{"steps": 4, "batch": 2, "crop_px": 48, "device": "cpu", "learning_rate": 1e-3, **changes})
        made.append(Tuning(frames, MODEL, UNet(MODEL).state_dict(), config, silent))
        return made[-1]

    yield make
    for tuning in made:
        tuning.crops.close()


def test_training_does_not_look_at_held_out_targets(make_tuning):
    tuning = make_tuning()
    batches = [tuning._batch(step) for step in range(6)]
    assert any((batch["known"] == 0).any() for batch in batches)
    for batch in batches:
        loss = tuning._loss(batch, "float32").item()
        hidden = batch["known"].expand_as(batch["target"]) == 0
        assert tuning._loss({**batch, "target": torch.where(hidden, 5.0, batch["target"])}, "float32").item() == loss
        assert tuning._loss({**batch, "target": torch.where(hidden, batch["target"], 5.0)}, "float32").item() != loss


def test_checks_look_at_held_out_tiles_only(make_tuning):
    checks = []
    for spoiled in (None, False, True):  # nothing, what was trained on, what was held out
        tuning = make_tuning(steps=1, checks=1)
        for sight in tuning.sights:
            sight.residual = sight.residual + 0.2 * (sight.known == spoiled)[..., None]
        checks.append(tuning.run().checks[0])
    assert checks[1] == checks[0] != checks[2]


def test_the_weights_of_the_best_check_are_kept(make_tuning, monkeypatch):
    """The second of four here, whatever came after."""
    tuning, seen = make_tuning(checks=4), []

    def gains(*images):
        if len(seen) <= len(tuning.checks):
            seen.append(tuning.descent.weights())
        gain = (1.0, 3.0, 2.0, 1.0)[len(tuning.checks)]
        return Evidence(*(np.array([value]) for value in (gain, 1.5 * gain, 0.0)))

    monkeypatch.setattr(judge, "find_evidence", gains)
    tuned = tuning.run()
    assert tuned.steps == 2 and len(tuned.checks) == 4 and tuned.share == pytest.approx(2 / 3)
    assert all(torch.equal(tensor, seen[1][name]) for name, tensor in tuned.weights.items())
    assert any(not torch.equal(tensor, seen[3][name]) for name, tensor in tuned.weights.items())


def test_the_start_is_judged_against_itself_as_unchanged(make_tuning):
    """A network that training leaves where it was."""
    tuning = make_tuning(learning_rate=1e-30, steps=1, checks=1)
    check = tuning.run().checks[0]
    assert check.change == pytest.approx(0, abs=1e-6) and check.uncertainty == pytest.approx(0, abs=1e-6)


def test_a_training_that_only_spoils_leaves_the_start(make_tuning):
    tuning = make_tuning(learning_rate=0.1, steps=4, checks=2)
    before = tuning.descent.weights()
    for sight in tuning.sights:
        sight.residual = np.zeros_like(sight.residual)  # the start is right already
    tuned = tuning.run()
    assert tuned.steps == 0 and tuned.share == 0.0 and len(tuned.checks) == 2
    assert all(torch.equal(tensor, before[name]) for name, tensor in tuned.weights.items())


def test_what_goes_wrong_late_ends_the_training_with_the_best_so_far(make_tuning, monkeypatch, silent):
    tuning = make_tuning(checks=4)
    step = tuning._step

    def spoil():
        step()
        if tuning.descent.steps == 3:
            for parameter in tuning.descent.average.parameters():
                parameter.data.fill_(float("nan"))

    monkeypatch.setattr(tuning, "_step", spoil)
    tuned = tuning.run()
    assert len(tuned.checks) == 2 and "stopped early" in silent.warnings[0]
    assert all(torch.isfinite(tensor).all() for tensor in tuned.weights.values())

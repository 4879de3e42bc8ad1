"""One optimiser step after the other: limits, the running mean, giving up, and going on where it was."""

import copy

import pytest
import torch

from n2n_render.errors import N2NError
from n2n_render.learn.descent import GIVE_UP_AFTER, Descent

RATE = 0.01


class Weights(torch.nn.Module):
    """A network that is nothing but its weights, so that a loss decides what the gradient is."""

    def __init__(self):
        super().__init__()
        self.values = torch.nn.Parameter(torch.tensor([1.0, -2.0, 3.0]))


@pytest.fixture
def descent():
    return Descent.open(Weights(), ema=0.9)


def step(descent, length=1.0):
    """A step whose gradient has this length; returns the length that the optimiser saw."""
    descent.step(descent.network.values.sum() * length / 3**0.5, RATE, "Advice.")
    return descent.network.values.grad.norm().item()


@pytest.mark.slow
def test_unusually_long_gradients_are_shortened_and_others_are_not(descent):
    assert [step(descent, length) for length in (1.0, 1.2, 0.9)] == pytest.approx([1.0, 1.2, 0.9])
    assert descent.clipped == 0
    assert step(descent, 1000.0) == pytest.approx(2.0, rel=0.05) and descent.clipped == 1
    assert step(descent, 1.1) == pytest.approx(1.1) and descent.clipped == 1


def test_the_limit_follows_gradients_that_stay_long(descent):
    step(descent)
    seen = [step(descent, 20.0) for _ in range(300)]
    assert seen[0] < 3 and seen[-1] == pytest.approx(20.0)


def test_the_average_is_the_running_mean_of_the_weights(descent):
    expected = descent.network.values.detach().clone()
    for steps in range(200):
        step(descent, 1.0 + steps % 3)
        decay = min(0.9, (1 + steps) / (10 + steps))
        expected = decay * expected + (1 - decay) * descent.network.values.detach()
        torch.testing.assert_close(descent.average.values, expected)
    torch.testing.assert_close(descent.weights()["values"], expected)
    assert not torch.allclose(descent.average.values, descent.network.values) and descent.steps == 200


def test_steps_without_a_finite_gradient_change_nothing_and_at_last_are_an_error(descent):
    step(descent)
    before = descent.network.values.detach().clone()
    with pytest.raises(N2NError, match="not finite") as error:
        for length in [float("nan"), float("inf")] * GIVE_UP_AFTER:
            step(descent, length)
    assert descent.steps == GIVE_UP_AFTER and error.value.hint == "Advice."
    torch.testing.assert_close(descent.network.values.detach(), before, rtol=0, atol=0)


def test_giving_up_takes_bad_steps_in_a_row(descent):
    for length in [*[float("nan")] * (GIVE_UP_AFTER - 1), 1.0] * 2:
        step(descent, length)
    assert descent.steps == 2 * GIVE_UP_AFTER and torch.isfinite(descent.average.values).all()


def test_loaded_state_goes_on_exactly(descent):
    lengths = [1.0, 1.5, 0.7, 30.0, 1.0, 50.0, 2.0]
    for length in lengths[:4]:
        step(descent, length)
    weights, state, steps = copy.deepcopy((descent.weights(), descent.state(), descent.steps))
    for length in lengths[4:]:
        step(descent, length)
    resumed = Descent.open(Weights(), ema=0.9)
    resumed.load(weights, state, steps)
    for length in lengths[4:]:
        step(resumed, length)
    for ours, theirs in ((resumed.network, descent.network), (resumed.average, descent.average)):
        torch.testing.assert_close(ours.values, theirs.values, rtol=0, atol=0)
    assert resumed.steps == descent.steps == len(lengths)

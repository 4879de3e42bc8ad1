"""Which precision a training computes in: a CPU is timed where both may be fast, and only there."""

import pytest
import torch

from n2n_render.learn.precision import faster_precision


def chosen(monkeypatch, capability, slow):
    """What is chosen on such a CPU if `slow` takes longer, and what was timed."""
    network, timed = torch.nn.Linear(2, 1), []
    before = {name: weights.clone() for name, weights in network.state_dict().items()}
    now = iter(range(100))
    clock = {"time": 0.0}

    def loss_of(precision):
        timed.append(precision)
        clock["time"] += 2.0 if precision == slow else 1.0
        return network(torch.ones(1, 2)).sum()

    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    monkeypatch.setattr("n2n_render.learn.precision.time.time", lambda: clock["time"] + 1e-3 * next(now))
    precision = faster_precision(network, torch.device("cpu"), loss_of)
    assert all(torch.equal(before[name], weights) for name, weights in network.state_dict().items())
    assert network.weight.grad is None
    return precision, timed


@pytest.mark.parametrize("capability", ["AVX512", "DEFAULT", "SVE256"])
@pytest.mark.parametrize("slow, fast", [("bfloat16", "float32"), ("float32", "bfloat16")])
def test_the_faster_one_is_taken(monkeypatch, capability, slow, fast):
    precision, timed = chosen(monkeypatch, capability, slow)
    assert precision == fast and timed == ["bfloat16", "float32"] * 2


def test_a_cpu_without_instructions_for_bfloat16_is_not_timed(monkeypatch):
    assert chosen(monkeypatch, "AVX2", "float32") == ("float32", [])

"""What is set for a computation is put back after it, and does not depend on what was set before."""
import threading

import numpy as np
import pytest
import torch

from n2n_render.engines.torch_engine import TorchEngine
from n2n_render.network.checkpoint import Checkpoint
from n2n_render.network.device import Float32, _exact_switches, cpu_threads, seeded
from n2n_render.network.model import ModelConfig
from n2n_render.network.unet import build_network, fold

TINY = ModelConfig(levels=2, encoder_width=8, decoder_width=8, head_widths=(8, 8))


def switches():
    return [getattr(place, name) for place, name, _ in _exact_switches()]


@pytest.fixture(params=["as it is", "legacy on", "legacy off", "medium"])
def before(request):
    """What a user's own program may have set."""
    kept = [(place, name, getattr(place, name)) for place, name, _ in _exact_switches()], torch.get_float32_matmul_precision()
    if request.param == "medium":
        torch.set_float32_matmul_precision("medium")
    elif request.param != "as it is":
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = request.param == "legacy on"
    yield switches()
    torch.set_float32_matmul_precision(kept[1])
    for place, name, value in kept[0]:
        setattr(place, name, value)


def test_float32_is_float32_and_put_back(before):
    exact = [value for _, _, value in _exact_switches()]
    with Float32():
        assert switches() == exact
        with Float32():
            pass
        assert switches() == exact
    assert switches() == before
    with pytest.raises(ZeroDivisionError), Float32():
        raise ZeroDivisionError
    assert switches() == before
    Float32()(lambda: None)()
    assert switches() == before


def test_float32_ends_with_the_last_one_in():
    inside, go_on = threading.Event(), threading.Event()

    def other():
        with Float32():
            inside.set()
            go_on.wait()
    before, thread = switches(), threading.Thread(target=other)
    thread.start()
    inside.wait()
    with Float32():
        pass
    assert switches() == [value for _, _, value in _exact_switches()]
    go_on.set()
    thread.join()
    assert switches() == before


def test_the_engine_computes_in_float32(before):
    """Whatever the program around it has set, autocast included."""
    engine, seen = TorchEngine(Checkpoint(TINY, build_network(TINY).state_dict()), "cpu"), []
    engine.network.enter.register_forward_hook(lambda *found: seen.append((switches(), found[-1].dtype)))
    image = np.random.default_rng(1).random((32, 32, 3), np.float32)
    plain = engine.run(image)
    with torch.autocast("cpu", torch.bfloat16):
        assert np.array_equal(engine.run(image), plain)
    assert seen == [([value for _, _, value in _exact_switches()], torch.float32)] * 2
    assert switches() == before


def test_threads_and_random_numbers_go_on_as_before():
    count = torch.get_num_threads()
    with cpu_threads(count + 1):
        assert torch.get_num_threads() == count + 1
    with cpu_threads(None):
        assert torch.get_num_threads() == count
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    first = torch.rand(1)
    with seeded(5):
        torch.rand(7)
    fold(build_network(TINY))
    assert torch.equal(torch.cat([first, torch.rand(1)]), expected)
    assert torch.equal(build_network(TINY, 7).last.weight, build_network(TINY, 7).last.weight)
    assert not torch.equal(build_network(TINY, 7).last.weight, build_network(TINY, 8).last.weight)

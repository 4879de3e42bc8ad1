"""What is set for a computation is put back after it, and does not depend on what was set before."""

import subprocess
import sys
import threading

import numpy as np
import pytest
import torch
from nightly_fixtures import nightly

from n2n_render.engines.torch_engine import TorchEngine
from n2n_render.network.build import build_network, fold
from n2n_render.network.checkpoint import Checkpoint
from n2n_render.network.device import Float32, _exact_switches, _found, cpu_threads, seeded
from n2n_render.network.specification import PaperNetwork, Specification

TINY = Specification(network=PaperNetwork(levels=2, encoder_width=8, decoder_width=8, head_widths=(8, 8)))


def switches():
    return [_found(find) for find, _, _ in _exact_switches()]


EXACT = [[value] for _, _, value in _exact_switches()]
PROGRAMS = {
    "as it is": "pass",
    "cudnn on": "torch.backends.cudnn.allow_tf32 = True",
    "cudnn off": "torch.backends.cudnn.allow_tf32 = False",
    "matmul": "torch.backends.cuda.matmul.allow_tf32 = True",
    "high": "torch.set_float32_matmul_precision('high')",
    "medium": "torch.set_float32_matmul_precision('medium')",
}
NEWER = {
    "all": "torch.backends.fp32_precision = 'tf32'",
    "one": "torch.backends.cudnn.conv.fp32_precision = 'ieee'",
    "both": "torch.backends.cudnn.allow_tf32 = False; torch.backends.cudnn.conv.fp32_precision = 'tf32'",
}


@pytest.mark.slow
@pytest.mark.parametrize("program", [*list(PROGRAMS.values())[:2], *nightly(*list(PROGRAMS.values())[2:]), *NEWER.values()])
def test_whatever_a_program_has_set_is_put_back(program):
    """In a process of its own: some of PyTorch's switches cannot be put back by hand."""
    if program in NEWER.values() and not hasattr(torch.backends.cudnn, "conv"):
        pytest.skip("this PyTorch has one switch for all")
    code = (
        "import torch; from n2n_render.network.device import Float32, _exact_switches, _found\n"
        "def switches(): return [_found(find) for find, _, _ in _exact_switches()]\n"
        f"{program}\nbefore = switches()\nwith Float32(): inside = switches()\n"
        "assert switches() == before, (before, switches())\n"
        "assert all(found in ([], [exact]) for found, (_, _, exact) in zip(inside, _exact_switches())), inside"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.fixture(params=PROGRAMS)
def before(request):
    """What a user's own program may have set."""
    kept = [(put, value) for find, put, _ in _exact_switches() for value in _found(find)]
    exec(PROGRAMS[request.param])
    yield switches()
    for put, value in kept:
        put(value)


def test_float32_is_float32_and_put_back(before):
    with Float32():
        assert switches() == EXACT
        with Float32():
            pass
        assert switches() == EXACT
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
    assert switches() == EXACT
    go_on.set()
    thread.join()
    assert switches() == before


def test_the_engine_computes_in_float32(before):
    """Whatever the program around it has set, autocast included."""
    engine, seen = TorchEngine.open(Checkpoint(TINY, build_network(TINY).state_dict()), "cpu"), []
    engine.network.enter.register_forward_hook(lambda *found: seen.append((switches(), found[-1].dtype)))
    image = np.random.default_rng(1).random((32, 32, 3), np.float32)
    plain = engine.run(image)
    with torch.autocast("cpu", torch.bfloat16):
        assert np.array_equal(engine.run(image), plain)
    assert seen == [(EXACT, torch.float32)] * 2
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

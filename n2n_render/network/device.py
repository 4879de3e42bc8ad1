"""Which device torch computes on, and how: what is set for that is put back."""
import contextlib
import threading
from typing import Any

import torch

from ..errors import N2NError


def pick_device(name: str) -> torch.device:
    """"auto", "cpu", "cuda", "cuda:1" or "mps" → a device that works here."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    kind = name.partition(":")[0]
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not available.get(kind, False):
        raise N2NError(f"device {name!r} cannot be used by this PyTorch ({torch.__version__})",
                       "Pass --device auto or --device cpu.")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise N2NError(f"device {name!r} cannot be used ({str(error).splitlines()[0]})",
                       "Pass --device auto or --device cpu.") from None
    return device


def describe_device(device: torch.device) -> str:
    if device.type == "cuda":
        return f"CUDA ({torch.cuda.get_device_name(device)})"
    return f"CPU ({torch.get_num_threads()} threads)" if device.type == "cpu" else "MPS"


class Float32(contextlib.ContextDecorator):
    """Inside, float32 is float32: no TF32 on a GPU, no bfloat16 in its place on a CPU. Also as a decorator.

    The switches are the whole process's: the first one in sets them, the last one out puts them back.
    """
    _lock, _inside = threading.Lock(), 0
    _before: list = []

    def __enter__(self):
        with Float32._lock:
            if not Float32._inside:
                Float32._before = [(place, name, getattr(place, name)) for place, name, _ in _exact_switches()]
                for place, name, exact in _exact_switches():
                    setattr(place, name, exact)
            Float32._inside += 1

    def __exit__(self, *_):
        with Float32._lock:
            Float32._inside -= 1
            if not Float32._inside:
                for place, name, value in Float32._before:
                    setattr(place, name, value)


def _exact_switches() -> list[tuple[Any, str, object]]:
    """(where, name, value for float32 as it is): since PyTorch 2.9 one for each kind of operation, before that two in all."""
    backends: Any = torch.backends
    if not hasattr(backends.cudnn, "conv"):
        return [(backends.cudnn, "allow_tf32", False), (backends.cuda.matmul, "allow_tf32", False)]
    places = (backends.cudnn.conv, backends.cudnn.rnn, backends.cuda.matmul, backends.mkldnn.conv, backends.mkldnn.matmul)
    return [(place, "fp32_precision", "ieee") for place in places]


@contextlib.contextmanager
def cpu_threads(count: int | None):
    """Inside, torch computes with so many threads; None: as it is."""
    before = torch.get_num_threads()
    if count:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        if count:
            torch.set_num_threads(before)


@contextlib.contextmanager
def seeded(seed: int):
    """Inside, torch's random numbers on the CPU begin at `seed`; afterwards they go on as if nothing had been drawn."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield

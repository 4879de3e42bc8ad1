"""Which device torch computes on, and how: what is set for that is put back."""

import contextlib
import gc
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch

from ..errors import N2NError

Switch = Callable[[Any], None]


def pick_device(name: str) -> torch.device:
    """ "auto", "cpu", "cuda", "cuda:1" or "mps" → a device that works here."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    kind = name.partition(":")[0]
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not available.get(kind, False):
        raise N2NError(
            f"device {name!r} cannot be used by this PyTorch ({torch.__version__})", "Pass --device auto or --device cpu."
        )
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise N2NError(
            f"device {name!r} cannot be used ({str(error).splitlines()[0]})", "Pass --device auto or --device cpu."
        ) from None
    return device


def describe_device(device: torch.device) -> str:
    """The device in words, for people."""
    if device.type == "cuda":
        return f"CUDA ({torch.cuda.get_device_name(device)})"
    return f"CPU ({torch.get_num_threads()} threads)" if device.type == "cpu" else "MPS"


def training_device(name: str = "auto") -> dict[str, str]:
    """What a training would run on: PyTorch's version, the kind of device, and its name in words.

    Raises N2NError where that device cannot be used.
    """
    device = pick_device(name)
    return {"version": str(torch.__version__), "device": device.type, "name": describe_device(device)}


def give_back_memory() -> None:
    """To other programs, what PyTorch keeps of a GPU for tensors that are gone."""
    gc.collect()  # what failed may hold some in circles
    torch.cuda.empty_cache()  # nothing where CUDA was not used
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()


class Float32(contextlib.ContextDecorator):
    """Inside, float32 is float32: no TF32 on a GPU, no bfloat16 in its place on a CPU. Also as a decorator.

    The switches are the whole process's: the first one in sets them, the last one out puts them back.
    """

    _lock, _inside = threading.Lock(), 0
    _before: list[tuple[Switch, Any]] = []

    def __enter__(self) -> None:
        with Float32._lock:
            if not Float32._inside:
                Float32._before = [(put, found) for find, put, _ in _exact_switches() for found in _found(find)]
                for find, put, exact in _exact_switches():
                    if _found(find):
                        put(exact)
            Float32._inside += 1

    def __exit__(self, *_: object) -> None:
        with Float32._lock:
            Float32._inside -= 1
            if not Float32._inside:
                for put, value in Float32._before:
                    put(value)


def _exact_switches() -> list[tuple[Callable[[], Any], Switch, object]]:
    """(find, put, value for float32 as it is). PyTorch's older switches are for all operations, those since 2.9 for each kind;
    both are set, since it complains where they contradict each other.
    """
    backends: Any = torch.backends
    places: list[tuple[Any, str, object]] = [(backends.cudnn, "allow_tf32", False)]
    if hasattr(backends.cudnn, "conv"):
        places += [
            (place, "fp32_precision", "ieee")
            for place in (
                backends.cudnn.conv,
                backends.cudnn.rnn,
                backends.cuda.matmul,
                backends.mkldnn.conv,
                backends.mkldnn.matmul,
            )
        ]
    switches = [(partial(getattr, place, name), partial(setattr, place, name), exact) for place, name, exact in places]
    return [(torch.get_float32_matmul_precision, torch.set_float32_matmul_precision, "highest"), *switches]


def _found(find: Callable[[], Any]) -> list[Any]:
    """The value of a switch; none where the user's own program has set newer ones otherwise than it can say."""
    try:
        return [find()]
    except RuntimeError:
        return []


@contextlib.contextmanager
def within_memory(device: torch.device, hint: str) -> Iterator[None]:
    """Inside, a full memory of a GPU is an N2NError with this hint."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise N2NError(f"not enough memory on {describe_device(device)}", hint) from None


@contextlib.contextmanager
def cpu_threads(count: int | None) -> Iterator[None]:
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
def seeded(seed: int) -> Iterator[None]:
    """Inside, torch's random numbers on the CPU begin at `seed`; afterwards they go on as if nothing had been drawn."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield

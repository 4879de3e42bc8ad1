"""Which precision a training computes in."""

import copy
import time
from collections.abc import Callable

import torch


def native_precision(device: torch.device) -> str:
    """ "bfloat16" where the device multiplies matrices of it much faster, else "float32"; nothing is timed, so that the same
    machine does the same again.
    """
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.get_device_capability(device)[0] >= 8 else "float32"  # Ampere
    if device.type != "cpu" or not hasattr(torch.cpu, "get_capabilities"):  # of newer versions of PyTorch
        return "float32"
    return "bfloat16" if torch.cpu.get_capabilities().get("amx_bf16") else "float32"


def faster_precision(network: torch.nn.Module, device: torch.device, loss_of: Callable[[str], torch.Tensor]) -> str:
    """ "float32" or "bfloat16": what is faster on this device. A CPU is timed, two steps each way; weights are not touched. One
    without AVX-512 is not: bfloat16 takes several times as long there, and timing it would, too.

    Args:
        loss_of: Precision → a loss to go back from.
    """
    if device.type != "cpu":
        return native_precision(device)
    if torch.backends.cpu.get_cpu_capability() == "AVX2":
        return "float32"
    state, took = copy.deepcopy(network.state_dict()), {}
    for precision in ("bfloat16", "float32") * 2:  # the first round warms up
        started = time.time()
        loss_of(precision).backward()  # type: ignore[no-untyped-call]
        took[precision] = time.time() - started
    network.load_state_dict(state)
    network.zero_grad(set_to_none=True)
    return min(took, key=lambda precision: took[precision])

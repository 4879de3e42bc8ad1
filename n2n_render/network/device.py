"""Which device torch computes on."""
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

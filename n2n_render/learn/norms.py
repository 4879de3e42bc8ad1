"""BatchNorm while it is trained: first by batch statistics, then by fixed ones, which are those that it is used with."""

import torch

from ..errors import N2NError
from ..network.device import Float32
from ..network.specification import Specification
from .protocols import Sampler
from .running import autocast, encode_batch

REESTIMATE_BATCHES = 32


@Float32()
def reestimate_norms(
    network: torch.nn.Module,
    model: Specification,
    sampler: Sampler,
    device: torch.device,
    precision: str,
    batches: int | None = None,
) -> None:
    """Sets BatchNorm's running statistics to their mean over training batches with the present weights.

    Args:
        batches: How many; None: REESTIMATE_BATCHES.
    """
    norms = [module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    if not norms:
        return
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # cumulative mean
    network.train()
    with torch.no_grad(), autocast(device, precision):
        for step in range(REESTIMATE_BATCHES if batches is None else batches):
            arrays = sampler.make(step, stream=1)
            network(encode_batch(model, {name: torch.from_numpy(array).to(device) for name, array in arrays.items()}))
    network.eval()


def set_norms_fixed(network: torch.nn.Module) -> None:
    """Makes BatchNorm use its running statistics while everything else trains."""
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eval()


def check_crops(model: Specification, batch: int, crop_px: int) -> None:
    """Raises N2NError where BatchNorm would have a single value to look at, at the network's bottom."""
    if batch * max(1, crop_px // model.alignment) ** 2 < 2:
        raise N2NError("a single crop of this size is too little for BatchNorm", "Pass a larger --crop or --batch.")

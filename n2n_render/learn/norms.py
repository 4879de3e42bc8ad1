"""BatchNorm while it is trained: first by batch statistics, then by fixed ones, which are those that it is used with."""

from typing import Any

import torch
import torch.nn.functional as F

from ..errors import N2NError
from ..network.device import Float32
from ..network.specification import Specification
from .protocols import Sampler
from .running import autocast, encode_batch
from .team import Team

REESTIMATE_BATCHES = 32


class SumOfAll(torch.autograd.Function):
    """`Team.sum`, through which the gradients of all members' losses go back."""

    @staticmethod
    def forward(ctx: Any, tensor: torch.Tensor, team: Team) -> torch.Tensor:
        ctx.team = team
        return team.sum(tensor)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        return ctx.team.sum(gradient), None


class WholeBatchNorm(torch.nn.BatchNorm2d):
    """BatchNorm whose batch is that of all members of a team, each of which sees as many crops of one size.

    PyTorch's own (SyncBatchNorm) is for GPUs alone.
    """

    def __init__(self, norm: torch.nn.BatchNorm2d, team: Team):
        """Takes the place of `norm`."""
        super().__init__(norm.num_features, norm.eps, norm.momentum, device=norm.weight.device)
        self.load_state_dict(norm.state_dict())
        self.team = team

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return super().forward(x)
        mean, variance = self._statistics(x.float())
        self._remember(mean.detach(), variance.detach(), self.team.size * x.numel() // x.shape[1])
        scale = self.weight * torch.rsqrt(variance + self.eps)
        shift = self.bias - mean * scale
        return (x.float() * scale[:, None, None] + shift[:, None, None]).to(x.dtype)

    def _statistics(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(N, C, h, w) → mean and variance (C) of the whole batch. Each member's own come to all, which is exact where the
        mean of squares less the square of the mean is not.
        """
        own = torch.stack([x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)])
        blank = (0, 0, 0, 0, self.team.rank, self.team.size - 1 - self.team.rank)
        of_all: torch.Tensor = SumOfAll.apply(F.pad(own[None], blank), self.team)  # type: ignore[no-untyped-call]
        means, variances = of_all.unbind(1)  # (members, C) each
        mean = means.mean(0)
        return mean, (variances + (means - mean) ** 2).mean(0)

    @torch.no_grad()
    def _remember(self, mean: torch.Tensor, variance: torch.Tensor, count: int) -> None:
        """The running statistics, as BatchNorm2d keeps them; count: values a channel."""
        assert self.num_batches_tracked is not None and self.running_mean is not None and self.running_var is not None
        self.num_batches_tracked.add_(1)
        share = 1 / int(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance * (count / (count - 1)), share)


def see_whole_batches(network: torch.nn.Module, team: Team) -> None:
    """Gives the network norms whose batch is that of all members."""
    for parent in [] if team.is_alone else list(network.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is torch.nn.BatchNorm2d:
                setattr(parent, name, WholeBatchNorm(child, team))


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

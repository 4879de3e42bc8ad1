"""A specification → its network."""

import torch
from torch import nn

from .device import seeded
from .layers import Conv
from .oidn import OidnUNet
from .paper import UNet
from .specification import PaperNetwork, Specification


def build_network(specification: Specification, seed: int = 0) -> UNet | OidnUNet:
    """A new network; the same for the same `seed`."""
    with seeded(seed):
        return UNet(specification) if isinstance(specification.network, PaperNetwork) else OidnUNet(specification)


def fold(network: UNet | OidnUNet) -> UNet | OidnUNet:
    """The same function with every BatchNorm folded into its convolution: for inference and export."""
    folded = build_network(network.specification.without_norms())
    ours = [module for module in network.modules() if isinstance(module, Conv)]
    theirs = [module for module in folded.modules() if isinstance(module, Conv)]
    with torch.no_grad():
        for source, target in zip(ours, theirs, strict=True):
            weight, bias = source[0].weight, source[0].bias
            if isinstance(source[1], nn.BatchNorm2d):
                norm = source[1]
                scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
                weight = weight * scale[:, None, None, None]
                bias = norm.bias - norm.running_mean * scale
            target[0].weight.copy_(weight)
            target[0].bias.copy_(bias)
        if isinstance(network, UNet):
            folded.last.load_state_dict(network.last.state_dict())
    return folded.eval()

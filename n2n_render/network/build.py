"""A specification → its network."""

import torch

from .device import seeded
from .layers import Conv
from .oidn import OidnUNet
from .paper import UNet
from .specification import PaperNetwork, Specification

Network = UNet | OidnUNet


def build_network(specification: Specification, seed: int = 0) -> Network:
    """A new network; the same for the same `seed`."""
    with seeded(seed):
        return UNet(specification) if isinstance(specification.network, PaperNetwork) else OidnUNet(specification)


def fold(network: Network) -> Network:
    """The same function with every BatchNorm folded into its convolution: for inference and export."""
    folded = build_network(network.specification.without_norms())
    with torch.no_grad():
        for source, target in zip(_blocks(network), _blocks(folded), strict=True):
            for ours, theirs in zip(source.folded(), target.folded(), strict=True):
                theirs.copy_(ours)
        if isinstance(network, UNet) and isinstance(folded, UNet):
            folded.last.load_state_dict(network.last.state_dict())
    return folded.eval()


def _blocks(network: Network) -> list[Conv]:
    return [module for module in network.modules() if isinstance(module, Conv)]

"""What both U-Nets are made of."""

import torch
from torch import nn


class Conv(nn.Sequential):
    """3×3 convolution, BatchNorm (or none), leaky ReLU (slope 0: ReLU)."""

    def __init__(self, in_channels, out_channels, norm, slope=0.1):
        conv = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=norm == "none")
        nn.init.kaiming_normal_(conv.weight, a=slope, nonlinearity="leaky_relu")  # He, as in the paper
        if conv.bias is not None:
            nn.init.zeros_(conv.bias)
        norms = [nn.BatchNorm2d(out_channels)] if norm == "batch" else []
        super().__init__(conv, *norms, nn.LeakyReLU(slope) if slope else nn.ReLU())


def full_precision(layer, x):
    """The layer in the precision of its own weights, also under autocast: bfloat16 would round the picture itself."""
    with torch.autocast(x.device.type, enabled=False):
        return layer(x.to(next(layer.parameters()).dtype)).float()

"""What both U-Nets are made of."""

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights


class Conv(nn.Sequential):
    """3×3 convolution, BatchNorm (or none), leaky ReLU (slope 0: ReLU)."""

    def __init__(self, in_channels: int, out_channels: int, norm: str, slope: float = 0.1):
        conv = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=norm == "none")
        nn.init.kaiming_normal_(conv.weight, a=slope, nonlinearity="leaky_relu")  # He, as in the paper
        if conv.bias is not None:
            nn.init.zeros_(conv.bias)
        norms = [nn.BatchNorm2d(out_channels)] if norm == "batch" else []
        super().__init__(conv, *norms, nn.LeakyReLU(slope) if slope else nn.ReLU())

    @property
    def convolution(self) -> nn.Conv2d:
        conv = self[0]
        assert isinstance(conv, nn.Conv2d)
        return conv

    def folded(self) -> tuple[Tensor, Tensor]:
        """(weight, bias) of one convolution that does what this one does together with its BatchNorm in evaluation mode."""
        conv, norm = self.convolution, self[1]
        if not isinstance(norm, nn.BatchNorm2d):
            assert conv.bias is not None
            return conv.weight, conv.bias
        assert norm.running_mean is not None and norm.running_var is not None
        return fuse_conv_bn_weights(
            conv.weight, conv.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
        )


def full_precision(layer: nn.Module, x: Tensor) -> Tensor:
    """The layer in the precision of its own weights, also under autocast: bfloat16 would round the picture itself."""
    with torch.autocast(x.device.type, enabled=False):
        result: Tensor = layer(x.to(next(layer.parameters()).dtype))
        return result.float()

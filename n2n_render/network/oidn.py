"""Open Image Denoise's U-Nets."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..frame.transfer import CURVES, KEY
from .layers import Conv, full_precision
from .specification import OIDN_LAYERS, OidnNetwork, Specification


class OidnUNet(nn.Module):
    """Open Image Denoise's network: (N, C_in, H, W) encoded → (N, 3, H, W) encoded, never negative, any size.

    Modules are named as the tensors of its archives (network/archive.py).
    """

    def __init__(self, specification: Specification):
        super().__init__()
        assert isinstance(specification.network, OidnNetwork)
        self.specification, self.settings = specification, specification.network
        for name, (channels, width) in self.settings.convolutions(specification.layout, specification.gives.count).items():
            norm = self.settings.norm if name != self.settings.names[-1] else "none"
            self.add_module(name, Conv(channels, width, norm, slope=0.0))
        last = self.convolutions()[self.settings.names[-1]]
        assert last.bias is not None
        with torch.no_grad():  # begin near middle grey: values outside [0, 1] have no gradient
            last.weight.mul_(0.1)
            last.bias.fill_(CURVES[specification.encoding][0](torch.tensor(KEY), torch))

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        down, bottom, up = OIDN_LAYERS[self.settings.topology]
        x = F.pad(x, (0, -width % self.settings.alignment, 0, -height % self.settings.alignment))
        skips = [x]  # (N, C_in, H, W)
        for stage in down:
            x = F.max_pool2d(self._convolve(stage, x), 2)  # (N, ·, H/2, W/2) … (N, ·, H/16, W/16)
            skips.append(x)
        x = self._convolve(bottom, skips.pop())
        for stage in up:
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")
            x = torch.cat([x, skips.pop()], dim=1)
            x = self._convolve(stage if skips else stage[:-1], x)
        last = self.get_submodule(up[-1][-1])
        return full_precision(last, x)[..., :height, :width]  # (N, 3, H, W)

    def _convolve(self, stage: Sequence[str], x: Tensor) -> Tensor:
        for name in stage:
            x = getattr(self, name)(x)
        return x

    def convolutions(self) -> dict[str, nn.Conv2d]:
        """By Open Image Denoise's names."""
        return {name: module.convolution for name, module in self.named_children() if isinstance(module, Conv)}

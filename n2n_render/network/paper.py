"""Noise2Noise's U-Net, with BatchNorm and a gated head."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..frame.transfer import CURVES, KEY, LOG_EPSILON, RADIANCE_MAX, encode_tonemap
from .layers import Conv, full_precision
from .specification import PaperNetwork, Specification

GATE_FLOOR = 1e-4  # of LOG_EPSILON: black passes the gate as radiance 1e-6, which T shows as 0.002


class UNet(nn.Module):
    """Noise2Noise's network (appendix, Table 2): (N, C_in, H, W) encoded → (N, C_out, H, W), any size. C_out: 3, or 1 of grey.

    With the gated head the last convolution has twice the channels: colours and gates, by which each colour is
    blended with the noisy input pixel. Where there is little noise the network then starts from a good picture, and where
    there is much the gates close: docs/research/training.md has the comparison.
    """

    def __init__(self, specification: Specification):
        super().__init__()
        assert isinstance(specification.network, PaperNetwork)
        self.specification, self.settings = specification, specification.network
        settings, count, given = self.settings, specification.in_channels, specification.gives.count
        wide, up, norm = settings.encoder_width, settings.decoder_width, settings.norm
        self.enter = Conv(count, wide, norm)
        self.encoders = nn.ModuleList(Conv(wide, wide, norm) for _ in range(settings.levels))
        self.bottleneck = Conv(wide, wide, norm)
        self.decoders = nn.ModuleList()
        for level in range(settings.levels - 1):
            below = wide if level == 0 else up
            self.decoders.append(nn.Sequential(Conv(below + wide, up, norm), Conv(up, up, norm)))
        below = up if settings.levels > 1 else wide
        first, second = settings.head_widths
        self.leave = nn.Sequential(Conv(below + count, first, norm), Conv(first, second, norm))
        self.last = nn.Conv2d(second, 2 * given if settings.head == "gated" else given, 3, padding=1)
        nn.init.kaiming_normal_(self.last.weight, nonlinearity="linear")
        bias = self.last.bias
        assert bias is not None
        nn.init.zeros_(bias)
        if specification.output == "radiance":  # begin at middle grey: a dark start makes relative losses huge
            nn.init.constant_(bias[:3], math.log(KEY / LOG_EPSILON))

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        noisy = x[:, : self.specification.gives.count]
        x = F.pad(x, (0, -width % self.settings.alignment, 0, -height % self.settings.alignment), mode="replicate")
        skips = [x]  # (N, C_in, H, W)
        x = self.enter(x)  # (N, 48, H, W)
        for level, encoder in enumerate(self.encoders):
            x = F.max_pool2d(encoder(x), 2)  # (N, 48, H/2, W/2) …
            if level < self.settings.levels - 1:
                skips.append(x)
        x = self.bottleneck(x)  # (N, 48, H/32, W/32)
        for decoder in [*self.decoders, self.leave]:
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")
            x = decoder(torch.cat([x, skips.pop()], dim=1))  # (N, 96, H/16, W/16) … (N, 32, H, W)
        x = full_precision(self.last, x)[..., :height, :width]  # (N, C_out or twice as many, H, W)
        return self._gated(x, noisy) if self.settings.head == "gated" else self._output(x)

    def _gated(self, x: Tensor, noisy: Tensor) -> Tensor:
        """(N, 6, H, W) and the input's encoded colour → (N, 3, H, W)."""
        radiance = CURVES[self.specification.encoding][1](noisy.float(), torch)
        color, gate = x[:, :3], torch.sigmoid(x[:, 3:])
        if self.specification.output == "display":
            return torch.lerp(torch.sigmoid(color), encode_tonemap(radiance, torch), gate)
        # _output of log(radiance / ε) is that radiance; the floor keeps black pixels from pulling with all their weight
        return self._output(torch.lerp(color, torch.log(radiance / LOG_EPSILON + GATE_FLOOR), gate))

    def _output(self, x: Tensor) -> Tensor:
        """Radiance is positive by construction, and never stuck: the slope is positive everywhere below the clamp."""
        if self.specification.output == "signal":
            return x
        if self.specification.output == "display":
            return torch.sigmoid(x)
        return LOG_EPSILON * torch.exp(x.clamp(max=math.log(RADIANCE_MAX / LOG_EPSILON)))

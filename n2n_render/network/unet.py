"""The U-Net of Noise2Noise (Lehtinen et al. 2018, appendix, Table 2), with BatchNorm after each convolution."""
import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from ..frame.passes import CHANNEL_COUNT
from ..frame.transfer import CURVES, KEY, LOG_EPSILON, RADIANCE_MAX, encode_tonemap

GATE_FLOOR = 1e-4  # of LOG_EPSILON: black passes the gate as radiance 1e-6, which T shows as 0.002


@dataclass(frozen=True)
class ModelConfig:
    """All that is needed to build the network and to feed it."""
    features: tuple[str, ...] = ()      # guides beside colour, in channel order
    encoding: str = "log"               # the curve on the input radiance, see frame/transfer.py
    output: str = "radiance"            # "radiance": linear, [0, ∞); "display": [0, 1], tone-mapped (without --hdr)
    norm: str = "batch"                 # "batch" or "none"
    head: str = "gated"                 # "gated": a learned blend with the input, see UNet; "direct": as in the paper
    levels: int = 5                     # max-pools
    encoder_width: int = 48             # paper: 48
    decoder_width: int = 96             # paper: 96
    head_widths: tuple[int, int] = (64, 32)  # the last two hidden convolutions; paper: 64, 32

    @property
    def in_channels(self) -> int:
        return 3 + sum(CHANNEL_COUNT[feature] for feature in self.features)


class Conv(nn.Sequential):
    """3×3 convolution, BatchNorm (or none), LeakyReLU 0.1."""

    def __init__(self, in_channels, out_channels, norm):
        conv = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=norm == "none")
        nn.init.kaiming_normal_(conv.weight, a=0.1, nonlinearity="leaky_relu")  # He, as in the paper
        if conv.bias is not None:
            nn.init.zeros_(conv.bias)
        norms = [nn.BatchNorm2d(out_channels)] if norm == "batch" else []
        super().__init__(conv, *norms, nn.LeakyReLU(0.1))


class UNet(nn.Module):
    """(N, C_in, H, W) encoded → (N, 3, H, W), any size. See ModelConfig for what goes in and comes out.

    With the gated head the last convolution has six channels: three colours and three gates, by which each colour is
    blended with the noisy input pixel. Where there is little noise the network then starts from a good picture, and where
    there is much the gates close: docs/training.md has the comparison.
    """

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.config = config
        wide, up, norm = config.encoder_width, config.decoder_width, config.norm
        self.enter = Conv(config.in_channels, wide, norm)
        self.encoders = nn.ModuleList(Conv(wide, wide, norm) for _ in range(config.levels))
        self.bottleneck = Conv(wide, wide, norm)
        self.decoders = nn.ModuleList()
        for level in range(config.levels - 1):
            below = wide if level == 0 else up
            self.decoders.append(nn.Sequential(Conv(below + wide, up, norm), Conv(up, up, norm)))
        below = up if config.levels > 1 else wide
        first, second = config.head_widths
        self.leave = nn.Sequential(Conv(below + config.in_channels, first, norm), Conv(first, second, norm))
        self.last = nn.Conv2d(second, 6 if config.head == "gated" else 3, 3, padding=1)
        nn.init.kaiming_normal_(self.last.weight, nonlinearity="linear")
        nn.init.zeros_(self.last.bias)
        if config.output == "radiance":  # begin at middle grey: a dark start makes relative losses huge
            nn.init.constant_(self.last.bias[:3], math.log(KEY / LOG_EPSILON))

    @property
    def alignment(self) -> int:
        """Pixels: the size that the deepest level needs a multiple of; tiles start on this grid."""
        return 2 ** self.config.levels

    @property
    def receptive_radius(self) -> int:
        """Pixels: how far an input pixel can reach, rounded up to the alignment. Tiles overlap by this much."""
        radius = 1 + 3 + 2 ** self.config.levels                   # enter; leave and last; bottleneck
        for level in range(self.config.levels):
            radius += 2 ** level                                   # encoder convolution
            radius += 2 ** level                                   # max-pool: the far pixel of a 2×2 block
            radius += 2 ** level                                   # up-sampling: the block a pixel falls into
            radius += 2 * 2 ** level if level else 0               # decoder convolutions
        return -(-radius // self.alignment) * self.alignment

    def forward(self, x):
        height, width = x.shape[-2:]
        noisy = x[:, :3]
        x = F.pad(x, (0, -width % self.alignment, 0, -height % self.alignment), mode="replicate")
        skips = [x]                                                 # (N, C_in, H, W)
        x = self.enter(x)                                           # (N, 48, H, W)
        for level, encoder in enumerate(self.encoders):
            x = F.max_pool2d(encoder(x), 2)                         # (N, 48, H/2, W/2) …
            if level < self.config.levels - 1:
                skips.append(x)
        x = self.bottleneck(x)                                      # (N, 48, H/32, W/32)
        for decoder in [*self.decoders, self.leave]:
            x = F.interpolate(x, scale_factor=2, mode="nearest")
            x = decoder(torch.cat([x, skips.pop()], dim=1))         # (N, 96, H/16, W/16) … (N, 32, H, W)
        x = self.last(x).float()[..., :height, :width]              # (N, 3 or 6, H, W)
        return self._gated(x, noisy) if self.config.head == "gated" else self._output(x)

    def _gated(self, x, noisy):
        """(N, 6, H, W) and the input's encoded colour → (N, 3, H, W)."""
        radiance = CURVES[self.config.encoding][1](noisy.float(), torch)
        color, gate = x[:, :3], torch.sigmoid(x[:, 3:])
        if self.config.output == "display":
            return torch.lerp(torch.sigmoid(color), encode_tonemap(radiance, torch), gate)
        # _output of log(radiance / ε) is that radiance; the floor keeps black pixels from pulling with all their weight
        return self._output(torch.lerp(color, torch.log(radiance / LOG_EPSILON + GATE_FLOOR), gate))

    def _output(self, x):
        """Positive by construction, and never stuck: the slope is positive everywhere below the clamp."""
        if self.config.output == "display":
            return torch.sigmoid(x)
        return LOG_EPSILON * torch.exp(x.clamp(max=math.log(RADIANCE_MAX / LOG_EPSILON)))


def fold(network: UNet) -> UNet:
    """The same function with every BatchNorm folded into its convolution: for inference and export."""
    config = ModelConfig(**{**vars(network.config), "norm": "none"})
    folded = UNet(config)
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
        folded.last.load_state_dict(network.last.state_dict())
    return folded.eval()

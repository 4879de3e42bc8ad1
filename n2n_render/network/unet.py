"""The U-Nets: Noise2Noise's (with BatchNorm and a gated head) and Open Image Denoise's three sizes."""

import math

import torch
import torch.nn.functional as F
from torch import nn

from ..frame.channels import NEIGHBORS
from ..frame.transfer import CURVES, KEY, LOG_EPSILON, RADIANCE_MAX, encode_tonemap
from .device import seeded
from .model import OIDN_LAYERS, ModelConfig, oidn_channels

GATE_FLOOR = 1e-4  # of LOG_EPSILON: black passes the gate as radiance 1e-6, which T shows as 0.002


def build_network(config: ModelConfig, seed: int = 0) -> "UNet | OidnUNet":
    """A new network; the same for the same `seed`."""
    with seeded(seed):
        return UNet(config) if config.topology == "paper" else OidnUNet(config)


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


class UNet(nn.Module):
    """Noise2Noise's network (appendix, Table 2): (N, C_in, H, W) encoded → (N, 3, H, W), any size.

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

    def forward(self, x):
        height, width = x.shape[-2:]
        noisy = x[:, :3]
        x = F.pad(x, (0, -width % self.config.alignment, 0, -height % self.config.alignment), mode="replicate")
        skips = [x]  # (N, C_in, H, W)
        x = self.enter(x)  # (N, 48, H, W)
        for level, encoder in enumerate(self.encoders):
            x = F.max_pool2d(encoder(x), 2)  # (N, 48, H/2, W/2) …
            if level < self.config.levels - 1:
                skips.append(x)
        x = self.bottleneck(x)  # (N, 48, H/32, W/32)
        for decoder in [*self.decoders, self.leave]:
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")
            x = decoder(torch.cat([x, skips.pop()], dim=1))  # (N, 96, H/16, W/16) … (N, 32, H, W)
        x = full_precision(self.last, x)[..., :height, :width]  # (N, 3 or 6, H, W)
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


class OidnUNet(nn.Module):
    """Open Image Denoise's network: (N, C_in, H, W) encoded → (N, 3, H, W) encoded, never negative, any size.

    Modules are named as the tensors of its archives (network/tza.py). With neighbours (frame/motion.py) among the guides
    the last convolution has a fourth channel: how much of the picture is theirs.
    """

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.config = config
        last = OIDN_LAYERS[config.topology][2][-1][-1]
        for name, (channels, width) in oidn_channels(config).items():
            conv = Conv(channels, width, config.norm if name != last else "none", slope=0.0)
            self.add_module(name, conv)
        with torch.no_grad():  # begin near middle grey: values outside [0, 1] have no gradient
            conv[0].weight.mul_(0.1)
            conv[0].bias.fill_(CURVES[config.encoding][0](torch.tensor(KEY), torch))

    def forward(self, x):
        height, width = x.shape[-2:]
        down, bottom, up = OIDN_LAYERS[self.config.topology]
        x = F.pad(x, (0, -width % self.config.alignment, 0, -height % self.config.alignment))
        whole, skips = x, [x]  # (N, C_in, H, W)
        for stage in down:
            x = F.max_pool2d(self._convolve(stage, x), 2)  # (N, ·, H/2, W/2) … (N, ·, H/16, W/16)
            skips.append(x)
        x = self._convolve(bottom, skips.pop())
        for stage in up:
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")
            x = torch.cat([x, skips.pop()], dim=1)
            x = self._convolve(stage if skips else stage[:-1], x)
        last = getattr(self, up[-1][-1])
        if NEIGHBORS not in self.config.features:
            return full_precision(last, x)[..., :height, :width]  # (N, 3, H, W)
        return self._add_neighbors(full_precision(last[0], x)[..., :height, :width], whole[..., :height, :width].float())

    def _add_neighbors(self, x, whole):
        """(N, 4, H, W): a colour and a logit, and the whole input → (N, 3, H, W): the colour and the picture of the
        neighbours, mixed. With the logit 0 they have the share that they would have in a plain mean.
        """
        seen = self.config.layout.split(whole, axis=1)
        picture, share = seen["neighbors_picture"], seen["neighbors_weight"]
        odds = (share / (1 - share).clamp(min=1e-3)).clamp(min=1e-6)
        share = torch.sigmoid(x[:, 3:] + torch.log(odds))
        return torch.lerp(F.relu(x[:, :3]), picture, share)

    def _convolve(self, stage, x):
        for name in stage:
            x = getattr(self, name)(x)
        return x

    def convolutions(self) -> dict[str, nn.Conv2d]:
        """By Open Image Denoise's names."""
        return {name: module[0] for name, module in self.named_children()}


def fold(network: "UNet | OidnUNet") -> "UNet | OidnUNet":
    """The same function with every BatchNorm folded into its convolution: for inference and export."""
    config = ModelConfig(**{**vars(network.config), "norm": "none"})
    folded = build_network(config)
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

"""What network a model is and how it is fed, without the network itself: nothing here needs torch."""

from dataclasses import dataclass
from typing import Annotated

from ..config import Head, Levels, Norm, Width
from ..frame.channels import COLOR, GUIDES, NEIGHBORS, Layout, expand
from ..frame.transfer import CURVES, decode_tonemap
from ..schema import Checked, OneOf

# Names of Open Image Denoise's convolutions (its training/model.py, Apache-2.0), level by level: down, bottom, up.
# Its runtime builds its graph from these names and the shapes of the weights, so that other widths run there too.
OIDN_LAYERS = {
    "oidn": (
        (("enc_conv0", "enc_conv1"), ("enc_conv2",), ("enc_conv3",), ("enc_conv4",)),
        ("enc_conv5a", "enc_conv5b"),
        (
            ("dec_conv4a", "dec_conv4b"),
            ("dec_conv3a", "dec_conv3b"),
            ("dec_conv2a", "dec_conv2b"),
            ("dec_conv1a", "dec_conv1b", "dec_conv0"),
        ),
    ),
    "oidn_large": (
        (
            ("enc_conv1a", "enc_conv1b"),
            ("enc_conv2a", "enc_conv2b"),
            ("enc_conv3a", "enc_conv3b"),
            ("enc_conv4a", "enc_conv4b"),
        ),
        ("enc_conv5a", "enc_conv5b"),
        (
            ("dec_conv4a", "dec_conv4b"),
            ("dec_conv3a", "dec_conv3b"),
            ("dec_conv2a", "dec_conv2b"),
            ("dec_conv1a", "dec_conv1b", "dec_conv1c"),
        ),
    ),
}
# What `--network` may name → (topology, output channels of all convolutions but the last).
OIDN_NETWORKS = {
    "oidn-small": ("oidn", (32,) * 7 + (64,) * 5 + (32,) * 3),
    "oidn": ("oidn", (32, 32, 48, 64, 80, 96, 96, 112, 112, 96, 96, 64, 64, 64, 32)),
    "oidn-large": ("oidn_large", (64, 64, 96, 96, 128, 128, 192, 192, 256, 256, 192, 192, 128, 128, 96, 96, 64, 64)),
}
Guide = Annotated[str, OneOf(GUIDES)]
Curve = Annotated[str, OneOf(CURVES)]
Output = Annotated[str, OneOf(("radiance", "display", "encoded"))]
Topology = Annotated[str, OneOf(("paper", *OIDN_LAYERS))]
Subject = Annotated[str, OneOf(("color", "albedo", "normal", "alpha"))]


@dataclass(frozen=True)
class ModelConfig(Checked):
    """All that is needed to build the network and to feed it."""

    features: tuple[Guide, ...] = ()  # guides beside colour, in channel order
    encoding: Curve = "log"  # the curve on the input radiance, see frame/transfer.py
    output: Output = "radiance"  # "radiance": linear, [0, ∞); "display": [0, 1], tone-mapped (without --hdr);
    #                                     "encoded": in the curve of the input
    norm: Norm = "batch"  # "batch" or "none"
    topology: Topology = "paper"  # "paper": Noise2Noise's; "oidn", "oidn_large": Open Image Denoise's
    widths: tuple[Width, ...] = ()  # of Open Image Denoise's topologies: channels out of all but the last convolution
    subject: Subject = "color"  # what is denoised: "color"; "albedo", "normal", "alpha" in models beside it
    unit_normals: bool = False  # normals are fed as [0, 1], not [-1, 1]
    clean_guides: bool = False  # was trained with noise-free albedo and normals: prefilter them
    head: Head = "gated"  # of "paper": "gated": a learned blend with the input, see UNet; "direct": as there
    levels: Levels = 5  # of "paper": max-pools
    encoder_width: Width = 48  # of "paper"
    decoder_width: Width = 96  # of "paper"
    head_widths: tuple[Width, Width] = (64, 32)  # of "paper": the last two hidden convolutions

    def contradiction(self):
        if len(set(self.features)) < len(self.features):
            return "features names one twice"
        if (self.topology == "paper") == (self.output == "encoded"):
            return f"output is {self.output!r}, which is not for topology {self.topology!r}"
        hidden = 0 if self.topology == "paper" else len(oidn_names(self.topology)) - 1
        if len(self.widths) != hidden:
            return f"widths has {len(self.widths)} values, but topology {self.topology!r} has {hidden}"
        return None

    @property
    def layout(self) -> Layout:
        """The channels that the network takes, in order; it gives what it denoises, as the first one."""
        return Layout((COLOR, *expand(self.features)))

    @property
    def in_channels(self) -> int:
        return self.layout.count

    @property
    def alignment(self) -> int:
        """Pixels: the size that the deepest level needs a multiple of; tiles start on this grid."""
        return 2 ** (self.levels if self.topology == "paper" else len(OIDN_LAYERS[self.topology][0]))

    @property
    def receptive_radius(self) -> int:
        """Pixels: tiles overlap by this much."""
        if self.topology == "paper":
            return radius_of([5, *[3] * (self.levels - 1), 1])
        down, bottom, up = OIDN_LAYERS[self.topology]
        return radius_of([*(len(a) + len(b) for a, b in zip(down, reversed(up), strict=True)), len(bottom)])


def decode_output(model: ModelConfig, output, xp):
    """What the network gives → exposed radiance (or the albedo or normal that the model is for)."""
    if model.output == "display":
        return decode_tonemap(output, xp)
    return CURVES[model.encoding][1](output, xp) if model.output == "encoded" else output


def radius_of(convolutions: list[int]) -> int:
    """Pixels that an input pixel can reach, given the number of 3×3 convolutions at each level, rounded up to the grid
    of the deepest level. A level's max-pool and up-sampling together shift by at most one of its pixels.
    """
    grid = 2 ** (len(convolutions) - 1)
    radius = sum(count * 2**level for level, count in enumerate(convolutions)) + grid - 1
    return -(-radius // grid) * grid


def oidn_names(topology: str) -> list[str]:
    """The convolutions of one of Open Image Denoise's topologies, in its order."""
    down, bottom, up = OIDN_LAYERS[topology]
    return [name for stage in (*down, bottom, *up) for name in stage]


def weight_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """The tensors of a checkpoint of this network, by name: what `state_dict` of network/unet.py says, without building it."""
    shapes: dict[str, tuple[int, ...]] = {}
    layers = _paper_channels(config) if config.topology == "paper" else oidn_channels(config)
    last = list(layers)[-1]
    for name, (channels, width) in layers.items():
        inside = "" if name == "last" else ".0"
        normed = config.norm == "batch" and name != last
        shapes[f"{name}{inside}.weight"] = width, channels, 3, 3
        if normed:
            shapes |= {f"{name}.1.{part}": (width,) for part in ("weight", "bias", "running_mean", "running_var")}
            shapes[f"{name}.1.num_batches_tracked"] = ()
        else:
            shapes[f"{name}{inside}.bias"] = (width,)
    return shapes


def _paper_channels(config: ModelConfig) -> dict[str, tuple[int, int]]:
    """Convolution → (input channels, output channels) of Noise2Noise's network, in its order."""
    wide, up, (first, second) = config.encoder_width, config.decoder_width, config.head_widths
    found = {
        "enter": (config.in_channels, wide),
        **{f"encoders.{level}": (wide, wide) for level in range(config.levels)},
        "bottleneck": (wide, wide),
    }
    below = wide
    for level in range(config.levels - 1):
        found |= {f"decoders.{level}.0": (below + wide, up), f"decoders.{level}.1": (up, up)}
        below = up
    return {
        **found,
        "leave.0": (below + config.in_channels, first),
        "leave.1": (first, second),
        "last": (second, 6 if config.head == "gated" else 3),
    }


def oidn_channels(config: ModelConfig) -> dict[str, tuple[int, int]]:
    """Convolution → (input channels, output channels) of a network of Open Image Denoise's topology, in its order."""
    down, bottom, up = OIDN_LAYERS[config.topology]
    widths = [*config.widths, 4 if NEIGHBORS in config.features else 3]
    channels, skipped, found = config.in_channels, [config.in_channels], {}
    for stage in (*down, bottom, *up):
        if stage in up:
            channels += skipped.pop()
        for name in stage:
            found[name] = channels, widths[0]
            channels = widths.pop(0)
        if stage in down[:-1]:
            skipped.append(channels)
    return found

"""What a denoiser takes, what it gives and which network does it, without the network itself: nothing here needs torch."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from .. import plugins
from ..config import Feature, Head, Levels, Norm, Reach, Width
from ..errors import N2NError
from ..frame.channels import ALPHA, CHANNELS, COLOR, FEATURES, GREY, PHOTOGRAPH, Channel, Kind, Layout, guide_names
from ..frame.transfer import CURVES, decode_tonemap
from ..schema import Checked, OneOf, check_items, field_types, from_dict, shown

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
PACKAGES = "packages"  # in checkpoints: guide → the package that brings it, where it is not ours
Curve = Annotated[str, OneOf(CURVES)]
Output = Annotated[str, OneOf(("radiance", "display", "encoded", "signal"))]
OidnTopology = Annotated[str, OneOf(tuple(OIDN_LAYERS))]
Topology = Annotated[str, OneOf(("paper", *OIDN_LAYERS))]
Subject = Annotated[str, OneOf(("color", "albedo", "normal", "alpha", "photograph", "grey"))]
Shapes = dict[str, tuple[int, ...]]
Convolutions = dict[str, tuple[int, int]]


@dataclass(frozen=True)
class PaperNetwork(Checked):
    """Noise2Noise's U-Net (Lehtinen et al. 2018, appendix, Table 2), with BatchNorm and a gated head where wanted."""

    norm: Norm = "batch"  # "batch" or "none"
    head: Head = "gated"  # "gated": a learned blend with the input, see network/paper.py; "direct": as there
    levels: Levels = 5  # max-pools
    encoder_width: Width = 48
    decoder_width: Width = 96
    head_widths: tuple[Width, Width] = (64, 32)  # the last two hidden convolutions

    topology = "paper"
    outputs = ("radiance", "display", "signal")  # what a Specification with this network may say of its output

    @property
    def alignment(self) -> int:
        """Pixels: the size that the deepest level needs a multiple of; tiles start on this grid."""
        return int(2**self.levels)

    @property
    def receptive_radius(self) -> int:
        """Pixels: tiles overlap by this much."""
        return radius_of([5, *[3] * (self.levels - 1), 1])

    def convolutions(self, layout: Layout, given: int) -> Convolutions:
        """Convolution → (input channels, output channels), in the network's order. given: channels that the network gives."""
        wide, up, (first, second) = self.encoder_width, self.decoder_width, self.head_widths
        channels = {
            "enter": (layout.count, wide),
            **{f"encoders.{level}": (wide, wide) for level in range(self.levels)},
            "bottleneck": (wide, wide),
        }
        below = wide
        for level in range(self.levels - 1):
            channels |= {f"decoders.{level}.0": (below + wide, up), f"decoders.{level}.1": (up, up)}
            below = up
        return {
            **channels,
            "leave.0": (below + layout.count, first),
            "leave.1": (first, second),
            "last": (second, 2 * given if self.head == "gated" else given),
        }

    def weight_shapes(self, layout: Layout, given: int) -> Shapes:
        """The tensors of a checkpoint, by name: what `state_dict` of the network says, without building it."""
        shapes: Shapes = {}
        for name, channels in self.convolutions(layout, given).items():
            if name == "last":
                shapes |= _convolution_shapes(name, channels)
            else:
                shapes |= _block_shapes(name, channels, self.norm)
        return shapes


@dataclass(frozen=True)
class OidnNetwork(Checked):
    """A U-Net of Open Image Denoise's topologies (its training/model.py, Apache-2.0), of any widths."""

    topology: OidnTopology = "oidn"
    widths: tuple[Width, ...] = OIDN_NETWORKS["oidn"][1]  # channels out of all but the last convolution
    norm: Norm = "none"  # "batch" or "none"

    outputs = ("encoded",)  # what a Specification with this network may say of its output

    def contradiction(self) -> str | None:
        hidden = len(self.names) - 1
        if len(self.widths) != hidden:
            return f"widths has {len(self.widths)} values, but topology {self.topology!r} has {hidden}"
        return None

    @property
    def names(self) -> list[str]:
        """The convolutions, in the order of Open Image Denoise's archives."""
        down, bottom, up = OIDN_LAYERS[self.topology]
        return [name for stage in (*down, bottom, *up) for name in stage]

    @property
    def alignment(self) -> int:
        """Pixels: the size that the deepest level needs a multiple of; tiles start on this grid."""
        return int(2 ** len(OIDN_LAYERS[self.topology][0]))

    @property
    def receptive_radius(self) -> int:
        """Pixels: tiles overlap by this much."""
        down, bottom, up = OIDN_LAYERS[self.topology]
        return radius_of([*(len(a) + len(b) for a, b in zip(down, reversed(up), strict=True)), len(bottom)])

    def convolutions(self, layout: Layout, given: int) -> Convolutions:
        """Convolution → (input channels, output channels), in the network's order. given: channels that the network gives."""
        down, bottom, up = OIDN_LAYERS[self.topology]
        widths = [*self.widths, given]
        count, skipped, channels = layout.count, [layout.count], {}
        for stage in (*down, bottom, *up):
            if stage in up:
                count += skipped.pop()
            for name in stage:
                channels[name] = count, widths[0]
                count = widths.pop(0)
            if stage in down[:-1]:
                skipped.append(count)
        return channels

    def weight_shapes(self, layout: Layout, given: int) -> Shapes:
        """The tensors of a checkpoint, by name: what `state_dict` of the network says, without building it."""
        shapes: Shapes = {}
        for name, channels in self.convolutions(layout, given).items():
            shapes |= _block_shapes(name, channels, self.norm if name != self.names[-1] else "none")
        return shapes


@dataclass(frozen=True)
class Specification(Checked):
    """All that is needed to build the network of a denoiser and to feed it."""

    features: tuple[Feature, ...] = ()  # guides beside colour, in channel order
    encoding: Curve = "log"  # the curve on the input radiance, see frame/transfer.py
    output: Output = "radiance"  # "radiance": linear, [0, ∞); "display": [0, 1], tone-mapped (without --hdr);
    #                                     "encoded": in the curve of the input; "signal": as it is, linear
    subject: Subject = "color"  # what is denoised: "color"; "albedo", "normal", "alpha" in models beside it;
    #                                     "photograph" or "grey": a signal with three channels or with one
    unit_normals: bool = False  # normals are fed as [0, 1], not [-1, 1]
    clean_guides: bool = False  # was trained with noise-free albedo and normals: prefilter them
    reach: Reach = 0  # its colour held the samples of so many frames before and after each one: frame/accumulate.py
    network: PaperNetwork | OidnNetwork = PaperNetwork()

    def contradiction(self) -> str | None:
        if len(set(self.features)) < len(self.features):
            return "features names one twice"
        if unusable := [name for name in self.features if name not in FEATURES and name not in guide_names()]:
            return f"features names {unusable[0]!r}, which the package that brings it does not bring as a guide"
        if self.output not in self.network.outputs:
            return f"output is {self.output!r}, which is not for topology {self.network.topology!r}"
        if (self.output == "signal") != self.is_signal:
            return f"output is {self.output!r}, which is not for the subject {self.subject!r}"
        if self.is_signal and isinstance(self.network, PaperNetwork) and self.network.head != "direct":
            return f"head is {self.network.head!r}, which is not for the subject {self.subject!r}"
        return None

    @property
    def layout(self) -> Layout:
        """The channels that the network takes, in order. What it denoises is the first one, as colour."""
        return Layout((self.subject if self.is_signal else COLOR, *self.features))

    @property
    def is_signal(self) -> bool:
        """Whether it is for photographs or slices, see frame/signal.py, and not for what a renderer makes."""
        return CHANNELS[self.subject].kind is Kind.SIGNAL

    @property
    def shown(self) -> str:
        """The name of the channel that the network denoises, as it is shown it."""
        return self.layout.names[0]

    @property
    def gives(self) -> Channel:
        """The channel that the network gives, with as many numbers a pixel. Alpha goes in and comes out as a grey colour."""
        return CHANNELS[self.shown] if self.subject == ALPHA else CHANNELS[self.subject]

    @property
    def in_channels(self) -> int:
        return self.layout.count

    @property
    def alignment(self) -> int:
        """Pixels: the size that the deepest level needs a multiple of; tiles start on this grid."""
        return self.network.alignment

    @property
    def receptive_radius(self) -> int:
        """Pixels: tiles overlap by this much."""
        return self.network.receptive_radius

    def weight_shapes(self) -> Shapes:
        """The tensors of a checkpoint, by name: what `state_dict` of the network says, without building it."""
        return self.network.weight_shapes(self.layout, self.gives.count)

    def without_norms(self) -> "Specification":
        """The same with every BatchNorm folded into its convolution."""
        return dataclasses.replace(self, network=dataclasses.replace(self.network, norm="none"))

    def to_dict(self) -> dict[str, Any]:
        """All settings side by side, those of the network too, as checkpoints and sidecars hold them, and the packages that
        bring its guides.
        """
        values = dataclasses.asdict(self)
        network = values.pop("network")
        brought = {name: plugins.package_of(plugins.CHANNELS, name) for name in self.features if name not in FEATURES}
        return {**values, "topology": self.network.topology, **network, **({PACKAGES: brought} if brought else {})}

    @classmethod
    def from_dict(cls, values: Any, where: str = "the specification", hint: str = "") -> "Specification":
        """The inverse of `to_dict`. Earlier versions wrote the settings of both kinds of network; the other kind's must be
        valid, and are left out.

        Args:
            where: The file that the values come from.
            hint: What to do about wrong ones.

        Raises:
            N2NError: For unknown, missing and wrong settings.
        """
        if not isinstance(values, dict):
            raise N2NError(f"{where}: is {shown(values)}, not names with values", hint)
        values = _known_guides(values, where, hint)
        check_items(values, {"topology": Topology}, where, hint)
        kinds = (PaperNetwork, OidnNetwork) if values.get("topology", "paper") == "paper" else (OidnNetwork, PaperNetwork)
        own, other = (field_types(kind) for kind in kinds)
        foreign = {name: wanted for name, wanted in other.items() if name not in own and name != "topology"}
        check_items(values, foreign, where, hint)
        if "widths" in foreign and values.get("widths"):
            raise N2NError(f"{where}: widths has values, but topology 'paper' has none", hint)
        network = from_dict(kinds[0], {name: values[name] for name in own if name in values}, where, hint)
        of_network = {*own, *foreign, "topology"}
        rest = {name: value for name, value in values.items() if name not in of_network}
        if "network" in rest:
            raise N2NError(f"{where}: unknown setting 'network'", hint)
        specification: Specification = from_dict(cls, {**rest, "network": network}, where, hint)
        return specification


def _known_guides(values: Mapping[str, Any], where: str, hint: str) -> dict[str, Any]:
    """The settings without the names of packages. Raises N2NError that names the package of a guide that is not here."""
    check_items(values, {PACKAGES: dict[str, str]}, where, hint)
    brought = values.get(PACKAGES, {})
    if lost := [name for name in brought if name not in guide_names()]:
        raise N2NError(
            f"{where}: the network takes the channel {shown(lost[0])}, which the package {shown(brought[lost[0]])} brings, and "
            "that is not there or cannot be used",
            "Install that package beside n2n-render, or use another model.",
        )
    return {name: value for name, value in values.items() if name != PACKAGES}


def oidn_specification(topology: str, widths: tuple[int, ...], norm: str = "none", **settings: Any) -> Specification:
    """A network that is fed as Open Image Denoise's are: its curve, unit normals.

    Args:
        settings: Other fields of the Specification.
    """
    fed = {"encoding": "pu", "output": "encoded", "unit_normals": True}
    return Specification(**{**fed, **settings}, network=OidnNetwork(topology, widths, norm))


def signal_specification(channels: int, network: PaperNetwork) -> Specification:
    """A network of photographs (3 channels) or of grey images (1), fed as Noise2Noise's are: signals, see frame/signal.py."""
    return Specification(encoding="linear", output="signal", subject=PHOTOGRAPH if channels == 3 else GREY, network=network)


def decode_output(specification: Specification, output: Any, xp: Any) -> Any:
    """What the network gives → exposed radiance (or the albedo or normal that the model is for).

    Args:
        output: NumPy array or torch tensor of any shape.
        xp: `numpy` or `torch`.
    """
    if specification.output == "display":
        return decode_tonemap(output, xp)
    return CURVES[specification.encoding][1](output, xp) if specification.output == "encoded" else output


def radius_of(convolutions: list[int]) -> int:
    """Pixels that an input pixel can reach, given the number of 3×3 convolutions at each level, rounded up to the grid
    of the deepest level. A level's max-pool and up-sampling together shift by at most one of its pixels.
    """
    grid = int(2 ** (len(convolutions) - 1))
    radius = sum(count * int(2**level) for level, count in enumerate(convolutions)) + grid - 1
    return -(-radius // grid) * grid


def _block_shapes(name: str, channels: tuple[int, int], norm: str) -> Shapes:
    """The tensors of a `Conv` of network/layers.py: a convolution with its BatchNorm, or with a bias."""
    if norm == "none":
        return _convolution_shapes(f"{name}.0", channels)
    count, width = channels
    normed: Shapes = {f"{name}.1.{part}": (width,) for part in ("weight", "bias", "running_mean", "running_var")}
    return {f"{name}.0.weight": (width, count, 3, 3), **normed, f"{name}.1.num_batches_tracked": ()}


def _convolution_shapes(name: str, channels: tuple[int, int]) -> Shapes:
    count, width = channels
    return {f"{name}.weight": (width, count, 3, 3), f"{name}.bias": (width,)}

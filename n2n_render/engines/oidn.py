"""Open Image Denoise: its runtime with our weights as an engine, and the library at its best as the yardstick."""

import functools
from dataclasses import dataclass

import numpy as np

from ..errors import N2NError
from ..frame.channels import Kind, kind_of
from ..frame.frame import Frame
from ..network.archive import Array, format_tza
from ..network.checkpoint import Checkpoint, load_network
from ..network.specification import OidnNetwork, Specification
from .protocol import Engine, Image, OnProgress
from .runtime import Runtime, find_devices, load

QUALITY_HIGH = 6


def archive_tensors(checkpoint: Checkpoint, precision: str = "float16") -> dict[str, Array]:
    """A checkpoint as the tensors of a .tza archive, BatchNorm folded.

    Args:
        precision: Of the weights, "float16" or "float32". The runtime (2.5) reads archives in float16 only.

    Raises:
        N2NError: When the library cannot run the model, and for weights that do not fit.
    """
    problem = why_not(checkpoint.model)
    if problem:
        raise N2NError(
            f"Open Image Denoise cannot run this model: {problem}",
            "Pass another --engine; or train on renders with --network oidn and no features but albedo and normal "
            "(docs/engines.md has the table).",
        )
    weights = checkpoint.weights  # `enc_conv0.0.weight` there, `enc_conv0.weight` in the archive
    folded = checkpoint.model.network.norm == "none"
    if not folded or not all(isinstance(weight, np.ndarray) for weight in weights.values()):  # an archive's need no torch
        from ..network.build import fold

        weights = {name: weight.numpy() for name, weight in fold(load_network(checkpoint)).state_dict().items()}
    _check_weights(checkpoint.model, weights)
    return {name.replace(".0.", "."): weight.astype(np.dtype(precision)) for name, weight in weights.items()}


def _check_weights(model: Specification, weights: dict[str, Array]) -> None:
    """The library would read beyond the end of weights that do not fit."""
    shapes = model.without_norms().weight_shapes()
    odd = next((name for name, shape in shapes.items() if weights[name].shape != shape), None)
    if odd:
        raise N2NError(f"the weights {odd} do not fit the rest of the network", "The file is damaged; use another model.")
    if not all(np.isfinite(weight).all() for weight in weights.values()):
        raise N2NError("the model's weights are not all finite numbers", "The file is damaged; use another model.")


def why_not(model: Specification) -> str | None:
    """Why the runtime cannot run a model; None: it can."""
    if model.is_signal:
        return "it is of photographs or slices"
    if not isinstance(model.network, OidnNetwork):
        return "it is not of Open Image Denoise's topology"
    if model.features not in ((), ("albedo",), ("albedo", "normal")):
        return f"it takes {', '.join(model.features)}, and only albedo, or albedo and normal, are possible"
    if model.features == ("albedo", "normal") and not model.unit_normals:
        return "it takes normals in another encoding"
    return None


@dataclass(eq=False)
class OidnEngine(Engine):
    """Encoded pixels through the library, by way of its LDR filter, which leaves [0, 1] as it is."""

    runtime: Runtime
    weights: bytes  # an archive (.tza)
    specification: Specification
    precision: str

    name = "oidn"
    tile_px = 4096  # the library cuts its own tiles, within its own memory limit

    @classmethod
    def open(cls, checkpoint: Checkpoint, device: str = "auto", archive: bytes | None = None) -> "OidnEngine":
        """On the CPU the library computes in float32, on GPUs in float16.

        Args:
            device: A kind of device that `runtime.find_devices` names; "auto": a GPU before the CPU.
            archive: These weights instead of the checkpoint's.

        Raises:
            N2NError: Where the library is not installed, has no such device, or cannot run the model.
        """
        devices = find_devices()
        kind = next(iter(gpus(devices)), "cpu") if device == "auto" else device
        if kind not in devices:
            raise N2NError(
                f"device {device!r} is not among those that Open Image Denoise finds here", f"It finds: {', '.join(devices)}."
            )
        weights = archive or format_tza(archive_tensors(checkpoint))
        precision = "float32" if kind == "cpu" else "float16"
        return cls(Runtime.open(kind, devices[kind]), weights, checkpoint.model, precision)

    @property
    def description(self) -> str:
        return f"OIDN runtime, {self.runtime.kind} ({self.runtime.device_name})"

    @property
    def on_cpu(self) -> bool:
        return self.runtime.kind == "cpu"

    def run(self, encoded: Image, on_progress: OnProgress | None = None) -> Image:
        images = {
            name: pixels * 2 - 1 if kind_of(name) is Kind.DIRECTION else pixels
            for name, pixels in self.specification.layout.split(encoded).items()
        }
        return self.runtime.filter(images, quality=QUALITY_HIGH, weights=self.weights, srgb=True, on_progress=on_progress)


def gpus(devices: dict[str, str]) -> list[str]:
    """The kinds of device, of those that `find_devices` gives, that are no CPU."""
    return [kind for kind in devices if kind != "cpu"]


@functools.cache
def _cpu() -> Runtime:
    return Runtime.open("cpu")


def denoise_best(frame: Frame) -> Image:
    """OIDN's recommendation for final frames: prefiltered albedo and normal, cleanAux, quality high.

    Takes a Frame with albedo and normal; returns radiance (H, W, 3) float32.
    """
    return denoise_prefiltered(prefilter(frame))


def prefilter(frame: Frame) -> Frame:
    """The frame with albedo and normal as `denoise_prefiltered` wants them; once for all that is denoised with them."""
    clean = {name: _cpu().filter({name: frame[name]}, quality=QUALITY_HIGH) for name in ("albedo", "normal")}
    return frame.with_channels(**clean)


def denoise_prefiltered(clean: Frame) -> Image:
    """The second half of `denoise_best`."""
    images = {name: clean[name] for name in ("color", "albedo", "normal")}
    return _cpu().filter(images, quality=QUALITY_HIGH, hdr=True, cleanAux=True)


def check_installed() -> None:
    """Raises N2NError unless the library can be used."""
    load()

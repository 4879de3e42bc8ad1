"""The installed Open Image Denoise library → its trained weights as checkpoints. Weights: Intel, Apache-2.0.

The library holds one archive a model (network/archive.py). They carry no names, so they are recognised by what is in them
(tensor names and shapes) and by their order, which is that of the includes in its core/rt_filter.cpp.
"""

import functools
import importlib.metadata
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import N2NError
from .archive import Array, find_archives
from .checkpoint import Checkpoint
from .provenance import Provenance
from .specification import OIDN_LAYERS, OIDN_NETWORKS, Specification, oidn_specification

LICENCE = "Apache-2.0, Copyright Intel Corporation"
HINT = 'Install it with pip install "n2n-render[oidn]".'


@dataclass(frozen=True)
class Archive:
    """One of the library's models. `usage` None: a model that we have no use for, which only keeps its place."""

    name: str
    size: str
    channels: int
    usage: Specification | None = None


def _archive(name: str, features: tuple[str, ...] = (), size: str = "oidn", **usage: Any) -> Archive:
    topology, widths = OIDN_NETWORKS[size]
    model = oidn_specification(topology, widths, features=features, **usage)
    return Archive(name, size, model.in_channels, model)


ALBEDO, BOTH = ("albedo",), ("albedo", "normal")
ARCHIVES = (
    _archive("alb", subject="albedo", encoding="srgb"),
    _archive("alb_large", size="oidn-large", subject="albedo", encoding="srgb"),
    _archive("hdr"),
    _archive("hdr_small", size="oidn-small"),
    _archive("hdr_alb", ALBEDO),
    _archive("hdr_alb_small", ALBEDO, "oidn-small"),
    _archive("hdr_alb_nrm", BOTH),
    _archive("hdr_alb_nrm_small", BOTH, "oidn-small"),
    _archive("hdr_calb_cnrm", BOTH, clean_guides=True),
    _archive("hdr_calb_cnrm_small", BOTH, "oidn-small", clean_guides=True),
    _archive("hdr_calb_cnrm_large", BOTH, "oidn-large", clean_guides=True),
    *(
        Archive(f"ldr{kind}{small}", f"oidn{small.replace('_', '-')}", channels)
        for kind, channels in (("", 3), ("_alb", 6), ("_alb_nrm", 9), ("_calb_cnrm", 9))
        for small in ("", "_small")
    ),
    _archive("nrm", subject="normal", encoding="unit"),
    _archive("nrm_large", size="oidn-large", subject="normal", encoding="unit"),
)
# Names for `--model` and `--init` → archive.
BUILTIN = {
    "oidn": "hdr_calb_cnrm",
    "oidn-small": "hdr_calb_cnrm_small",
    "oidn-large": "hdr_calb_cnrm_large",
    "oidn-noisy-aux": "hdr_alb_nrm",
    "oidn-small-noisy-aux": "hdr_alb_nrm_small",
    "oidn-albedo": "hdr_alb",
    "oidn-small-albedo": "hdr_alb_small",
    "oidn-color": "hdr",
    "oidn-small-color": "hdr_small",
}


def oidn_checkpoint(archive: str) -> Checkpoint:
    """The library's weights of that name, as a checkpoint. Raises N2NError when there is no library that fits."""
    archives = _archives(library_path())
    model = next(entry.usage for entry in ARCHIVES if entry.name == archive and entry.usage)
    origin = f"Open Image Denoise {importlib.metadata.version('pyoidn')}, weights {archive}, {LICENCE}"
    return Checkpoint(model, weights_of(archives[archive]), Provenance(origin=origin))


def init_archive(size: str, features: tuple[str, ...], clean: bool) -> str:
    """The archive to start a network of `size` with these guides from: the one that uses most of them."""
    suffix = {"oidn": "", "oidn-small": "_small", "oidn-large": "_large"}[size]
    kind = "hdr"
    if "albedo" in features:
        kind = "hdr_alb" if "normal" not in features else "hdr_calb_cnrm" if clean else "hdr_alb_nrm"
    if f"{kind}{suffix}" not in [entry.name for entry in ARCHIVES]:
        raise N2NError(
            f"Open Image Denoise has no {size} weights for these features",
            "Its large network wants albedo and normal, prefiltered; or choose oidn.",
        )
    return kind + suffix


def weights_of(tensors: dict[str, Array]) -> dict[str, Array]:
    """An archive's tensors → state_dict of an OidnUNet: `enc_conv0.weight` → `enc_conv0.0.weight`, float32."""
    weights = {}
    for name, tensor in tensors.items():
        layer, _, kind = name.rpartition(".")
        weights[f"{layer}.0.{kind}"] = tensor.astype(np.float32)
    return weights


def recognise(tensors: dict[str, Array]) -> tuple[str, tuple[int, ...], int]:
    """(topology, widths, input channels) of an archive. Raises ValueError when it is of no known network."""
    for topology, (down, bottom, up) in OIDN_LAYERS.items():
        names = [name for stage in (*down, bottom, *up) for name in stage]
        complete = list(tensors) == [f"{name}.{kind}" for name in names for kind in ("weight", "bias")]
        if complete and all(tensors[f"{name}.weight"].shape[2:] == (3, 3) for name in names):
            widths = tuple(tensors[f"{name}.weight"].shape[0] for name in names)
            return topology, widths[:-1], tensors[f"{names[0]}.weight"].shape[1]
    raise ValueError(f"{len(tensors)} tensors, from {next(iter(tensors))!r} on")


def library_path() -> Path:
    """The file of the `pyoidn` package that holds the weights."""
    spec = importlib.util.find_spec("pyoidn")
    if spec is None or spec.origin is None:
        raise N2NError("Open Image Denoise is not installed, so its weights are not at hand", HINT)
    folder = Path(spec.origin).parent / "oidn"
    files = sorted(file for file in folder.rglob("*OpenImageDenoise_core*") if file.is_file() and not file.is_symlink())
    if not files:
        raise N2NError(f"{folder}: holds no OpenImageDenoise_core library", HINT)
    return files[0]


@functools.cache
def _archives(path: Path) -> dict[str, dict[str, Array]]:
    return name_archives(find_archives(path.read_bytes()), path)


def name_archives(archives: list[dict[str, Array]], path: Path) -> dict[str, dict[str, Array]]:
    """Gives the archives of a library their names. Raises N2NError, which says what was found, when they do not fit."""
    signatures = [_describe(tensors) for tensors in archives]
    expected = [(entry.size, entry.channels) for entry in ARCHIVES]
    if signatures[: len(expected)] != expected:  # later ones (lightmaps) do not concern us
        listed = ", ".join(f"{size}/{channels}" for size, channels in signatures) or "none"
        raise N2NError(
            f"{path}: its weight archives are not those of Open Image Denoise 2.3 to 2.5 (found {len(archives)}: {listed})",
            "Install another version: pip install 'pyoidn>=2.4,<2.6'.",
        )
    return {entry.name: tensors for entry, tensors in zip(ARCHIVES, archives, strict=False)}


def _describe(tensors: dict[str, Array]) -> tuple[str, int]:
    try:
        topology, widths, channels = recognise(tensors)
    except ValueError:
        return "unknown", 0
    size = next((name for name, network in OIDN_NETWORKS.items() if network == (topology, widths)), "unknown")
    return size, channels

"""Which models can be used: by name (Open Image Denoise's weights), as runs of ours, or as files."""

import hashlib
import math
import os
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import N2NError, doubt
from ..io.atomic import first_line, read_json
from ..schema import check_items, field_types
from .archive import read_tza
from .checkpoint import IN_RUNS, RENDERS, Checkpoint, find_in_run, read_checkpoint
from .oidn_weights import BUILTIN, oidn_checkpoint, recognise, weights_of
from .provenance import TITLE, Provenance, one_line
from .shared import SUFFIX as SHARED
from .shared import read_shared
from .specification import Specification, oidn_specification

SIDECAR_HINT = "Export the model again, or delete that file if the archive is of another program."
# Part of a built-in model's name → the word for it in a list.
VARIANTS = {
    "small": "small",
    "large": "large",
    "noisy-aux": "noisy guides",
    "albedo": "albedo only",
    "color": "color only",
}
FEATURES_BY_CHANNELS = {3: (), 6: ("albedo",), 9: ("albedo", "normal")}


def open_model(name: str, signals: bool = False) -> Checkpoint:
    """A built-in name, a run folder, a checkpoint, a .safetensors file or a .tza archive.

    Args:
        signals: Whether it may be one of photographs or slices, too, and not of renders.

    Raises:
        N2NError: With what there is.
    """
    checkpoint = _open(name)
    if checkpoint.model.is_signal and not signals:
        raise N2NError(
            f"{name}: is a model of {checkpoint.purpose}, and not of renders",
            "Pass one of renders, such as oidn; with this one, `n2n-render denoise photo.png --model …` cleans images.",
        )
    return checkpoint


def _open(name: str) -> Checkpoint:
    if name in BUILTIN:
        return oidn_checkpoint(BUILTIN[name])
    path = Path(name)
    if path.suffix.lower() == ".tza":
        return _open_tza(path)
    if path.suffix.lower() == SHARED:
        return read_shared(path)
    if not os.path.exists(path):
        raise N2NError(
            f"{name}: no such model",
            f"Pass a run folder, a checkpoint, a .safetensors or .tza file, or one of {', '.join(BUILTIN)}.",
        )
    return read_checkpoint(path)


def digest_of(name: str) -> str:
    """Another text where `open_model(name)` is another model; of built-in ones their name."""
    if name in BUILTIN:
        return name
    path = find_in_run(Path(name)) if os.path.isdir(name) else Path(name)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def choose(channels: Collection[str]) -> str:
    """The built-in model that makes the most of what a file holds.

    Args:
        channels: Names of the channels that are there, as frame/channels.py names them; others do not matter.

    Returns:
        A name for `open_model`.
    """
    if "albedo" not in channels:
        return "oidn-color"
    return "oidn" if "normal" in channels else "oidn-albedo"


def _open_tza(path: Path) -> Checkpoint:
    tensors = read_tza(path)
    try:
        topology, widths, channels = recognise(tensors)
        features = FEATURES_BY_CHANNELS[channels]
    except (ValueError, KeyError) as error:
        raise N2NError(
            f"{path}: is of no known network ({error})",
            "Networks of Open Image Denoise's topology with 3, 6 or 9 input channels can be used.",
        ) from None
    model = oidn_specification(topology, widths, features=features)
    weights = weights_of(tensors)
    odd = next((name for name, shape in model.weight_shapes().items() if weights[name].shape != shape), None)
    if odd:
        raise N2NError(f"{path}: its tensors do not fit together (at {odd})", "The file is damaged; use another model.")
    notes = read_sidecar(path)
    if notes:  # what the tensors cannot say
        told = Specification.from_dict(notes["model"], str(sidecar_path(path)), SIDECAR_HINT)
        if (told.without_norms().network, told.features) != (model.network, features):
            raise N2NError(f"{sidecar_path(path)}: describes another network than the one in {path.name}", SIDECAR_HINT)
        model = replace(
            model, encoding=told.encoding, clean_guides=told.clean_guides, subject=told.subject, unit_normals=told.unit_normals
        )
    titled = {name: notes[name] for name in TITLE if name in notes}
    return Checkpoint(model, weights, Provenance(origin=notes.get("origin") or f"archive {path.name}", **titled))


def sidecar_path(path: str | Path) -> Path:
    """Where the description of an exported file lies."""
    return Path(f"{path}.json")


def read_sidecar(path: str | Path) -> dict[str, Any]:
    """What `n2n-render export` wrote beside a file; {} when there is nothing. Raises N2NError where it cannot be read: without
    it the archive might be fed in another encoding.
    """
    beside = sidecar_path(path)
    if not os.path.exists(beside):
        return {}
    notes = read_json(beside, SIDECAR_HINT)
    if not isinstance(notes, dict) or "model" not in notes:
        doubt(f"{beside}: is not of n2n-render; the archive is used as if Open Image Denoise had written it")
        return {}
    kinds = {"origin": str | None, **{name: field_types(Provenance)[name] for name in TITLE}}
    check_items(notes, kinds, str(beside), SIDECAR_HINT)
    return notes


@dataclass(frozen=True)
class Listed:
    """A line of `n2n-render models`.

    title: what people can tell it by. purpose: what it is for, as `Checkpoint.purpose`. problem: why it cannot be used, or
    empty.
    """

    name: str
    title: str
    features: tuple[str, ...]
    parameters: int
    origin: str
    purpose: str = RENDERS
    problem: str = ""


def list_models(folders: list[Path]) -> list[Listed]:
    """The built-in models, then the runs, checkpoints and archives directly inside the folders."""
    return [_list(name) for name in [*BUILTIN, *(str(path) for folder in folders for path in _find_models(folder))]]


def _find_models(folder: Path) -> list[Path]:
    try:
        files = sorted(path for path in folder.iterdir() if not path.name.startswith(".")) if folder.is_dir() else []
    except OSError as error:
        doubt(f"{folder}: cannot be read ({error.strerror})")
        return []
    return [path for path in files if path.suffix in (".pt", ".tza", SHARED) or _is_run(path)]


def _is_run(path: Path) -> bool:
    try:
        return any((path / name).is_file() for name in ("best.pt", "last.pt"))
    except OSError:  # a folder of somebody else
        return False


def _list(name: str) -> Listed:
    title = one_line(_builtin_title(name) if name in BUILTIN else _own_name(Path(name)))
    try:
        checkpoint = open_model(name, signals=True)
    except N2NError as error:
        return Listed(one_line(name), title, (), 0, "", problem=one_line(error.what))
    except Exception as error:  # one bad file never hides the others
        return Listed(one_line(name), title, (), 0, "", problem=one_line(f"{type(error).__name__}: {first_line(error)}"))
    count = sum(math.prod(tensor.shape) for key, tensor in checkpoint.weights.items() if key.endswith(("weight", "bias")))
    guides = tuple(
        f"{feature} (prefiltered)" if checkpoint.model.clean_guides and feature in ("albedo", "normal") else feature
        for feature in checkpoint.model.features
    )
    told = checkpoint.provenance
    title = title if name in BUILTIN else told.title(title)
    return Listed(one_line(name), title, guides, count, told.describe(), checkpoint.purpose)


def _builtin_title(name: str) -> str:
    return ", ".join(["Open Image Denoise", *(word for mark, word in VARIANTS.items() if f"-{mark}" in name)])


def _own_name(path: Path) -> str:
    """What a model was called, wherever it lies: a run's by its folder."""
    return path.parent.name if path.name in IN_RUNS else path.name if path.is_dir() else path.stem

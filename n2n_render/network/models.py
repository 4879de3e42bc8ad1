"""Which models can be used: by name (Open Image Denoise's weights), as runs of ours, or as files."""
import json
import math
from dataclasses import dataclass, replace
from pathlib import Path

from ..config import from_dict
from ..errors import N2NError
from ..frame.transfer import CURVES
from .checkpoint import Checkpoint, read_checkpoint
from .model import ModelConfig
from .oidn_weights import BUILTIN, oidn_checkpoint, recognise, weights_of
from .tza import read_tza

FEATURES_BY_CHANNELS = {3: (), 6: ("albedo",), 9: ("albedo", "normal")}


def open_model(name: str) -> Checkpoint:
    """A built-in name, a run folder, a checkpoint or a .tza archive. Raises N2NError with what there is."""
    if name in BUILTIN:
        return oidn_checkpoint(BUILTIN[name])
    path = Path(name)
    if path.suffix.lower() == ".tza":
        return _open_tza(path)
    if not path.exists():
        raise N2NError(f"{name}: no such model",
                       f"Pass a run folder, a checkpoint, a .tza file, or one of {', '.join(BUILTIN)}.")
    try:
        return read_checkpoint(path)
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        raise N2NError(f"{name}: does not describe itself as a checkpoint should ({error!r})",
                       "The file is damaged or of another program; use another model.") from None


def _open_tza(path: Path) -> Checkpoint:
    tensors = read_tza(path)
    try:
        topology, widths, channels = recognise(tensors)
        features = FEATURES_BY_CHANNELS[channels]
    except (ValueError, KeyError) as error:
        raise N2NError(f"{path}: is of no known network ({error})",
                       "Networks of Open Image Denoise's topology with 3, 6 or 9 input channels can be used.") from None
    model = ModelConfig(features=features, encoding="pu", output="encoded", norm="none", topology=topology, widths=widths,
                        unit_normals=True, head="direct")
    notes = read_sidecar(path)
    if notes:  # what the tensors cannot say
        told = from_dict(ModelConfig, notes["model"])
        if told.encoding not in CURVES:
            raise N2NError(f"{sidecar_path(path)}: names an unknown encoding {told.encoding!r}",
                           f"Export the model again; known ones are {', '.join(CURVES)}.")
        model = replace(model, encoding=told.encoding, clean_guides=told.clean_guides, subject=told.subject,
                        unit_normals=told.unit_normals)
    return Checkpoint(model, weights_of(tensors), {"origin": notes.get("origin") or f"archive {path.name}"})


def sidecar_path(path) -> Path:
    return Path(f"{path}.json")


def read_sidecar(path) -> dict:
    """What `n2n-render export` wrote beside a file; {} when there is nothing."""
    try:
        notes = json.loads(sidecar_path(path).read_text())
    except (OSError, ValueError):
        return {}
    return notes if isinstance(notes, dict) and isinstance(notes.get("model"), dict) else {}


@dataclass(frozen=True)
class Listed:
    """A line of `n2n-render models`. `problem`: why the model cannot be used, or empty."""
    name: str
    features: tuple[str, ...]
    parameters: int
    origin: str
    problem: str = ""


def list_models(folders: list[Path]) -> list[Listed]:
    """The built-in models, then the runs, checkpoints and archives directly inside the folders."""
    names = list(BUILTIN)
    for folder in folders:
        if folder.is_dir():
            files = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
            names += [str(path) for path in files if path.suffix in (".pt", ".tza") or
                      any((path / name).is_file() for name in ("best.pt", "last.pt"))]
    return [_list(name) for name in names]


def _list(name: str) -> Listed:
    try:
        checkpoint = open_model(name)
    except N2NError as error:
        return Listed(name, (), 0, "", error.what)
    count = sum(math.prod(tensor.shape) for key, tensor in checkpoint.weights.items() if key.endswith(("weight", "bias")))
    guides = tuple(f"{feature} (prefiltered)" if checkpoint.model.clean_guides and feature in ("albedo", "normal") else feature
                   for feature in checkpoint.model.features)
    return Listed(name, guides, count, describe_origin(checkpoint))


def describe_origin(checkpoint: Checkpoint) -> str:
    """Where the weights come from, in one line."""
    found = checkpoint.provenance
    start = f"; started from {found['origin']}" if found.get("origin") else ""
    if "adapted_to" in found:
        return f"adapted to {found['adapted_to']}, step {found['step']}{start}"
    if "datasets" not in found:
        return found.get("origin") or "unknown"
    scenes = ", ".join(dataset["name"] for dataset in found["datasets"])
    return f"trained on {scenes}, step {found['step']}{start}"

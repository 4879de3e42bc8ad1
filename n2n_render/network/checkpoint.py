"""Checkpoint files: weights, what network they fit, and where they come from. Written atomically, read weights-only.

Torch is imported where it is used: models of Open Image Denoise's runtime (archives) come without it.
"""

import io
import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import N2NError, missing_library
from ..io.atomic import check_regular, temporary_folder, write_beside
from ..schema import shown
from ..version import __version__
from .provenance import Provenance, one_line
from .specification import Specification

if TYPE_CHECKING:
    from .build import Network

IN_RUNS = ("best.pt", "last.pt", "adapted.pt", "online.pt")  # of a run's checkpoints the first that is there is used
FORMAT = 2
RENDERS = "renders"  # what models are for that are not for signals
OLDEST_FORMAT = 1  # with other names in the provenance, and `reach` there
HINT = "Pass a checkpoint that `n2n-render train` wrote, e.g. runs/<name>/best.pt."
DAMAGED = "The file is damaged or of another program; use another model."


@dataclass
class Checkpoint:
    """`weights` are the ones to denoise with, torch tensors, or arrays where they come from an archive (archive.py, shared.py);
    `training` (optimiser and so on) is None in files meant only for denoising.
    """

    model: Specification
    weights: dict[str, Any]
    provenance: Provenance = Provenance()
    training: dict[str, Any] | None = None

    @property
    def noise(self) -> str | None:
        """Of a network of signals: what it was trained to take away, as `--noise` says it; None where that is not known."""
        noise = (self.provenance.options or {}).get("noise")
        return noise if self.model.is_signal and isinstance(noise, str) else None

    @property
    def is_of_slices(self) -> bool:
        """Whether it takes undersampled k-space, and not pixels."""
        return (self.noise or "").partition(":")[0] == "mri"

    @property
    def purpose(self) -> str:
        """What it is for, in words."""
        if not self.model.is_signal:
            return RENDERS
        what = "MRI slices" if self.is_of_slices else "photographs" if self.model.gives.count == 3 else "grey images"
        return one_line(", ".join(filter(None, [what, self.noise])))

    def tensors(self) -> dict[str, Any]:
        """The weights as a network loads them."""
        import torch

        return {name: torch.as_tensor(weight) for name, weight in self.weights.items()}


def write_checkpoint(path: str | Path, checkpoint: Checkpoint) -> None:
    """Through memory: torch's own writer ends the process where the disk is full."""
    import torch

    content = {
        "format": FORMAT,
        "n2n_render": __version__,
        "model": checkpoint.model.to_dict(),
        "weights": checkpoint.tensors(),
        "provenance": checkpoint.provenance.to_dict(),
        "training": checkpoint.training,
    }
    data = io.BytesIO()
    torch.save(content, data)
    write_beside(path, lambda temporary: Path(temporary).write_bytes(data.getbuffer()))


def write_somewhere(path: Path, checkpoint: Checkpoint) -> Path:
    """Like `write_checkpoint`; where that fails, into the temporary folder. Returns where it is; raises where it is nowhere."""
    try:
        write_checkpoint(path, checkpoint)
        return path
    except N2NError:
        elsewhere = temporary_folder("kept") / path.name
        try:
            write_checkpoint(elsewhere, checkpoint)
        except N2NError:
            elsewhere.parent.rmdir()
            raise
        return elsewhere


def read_checkpoint(path: str | Path) -> Checkpoint:
    """Raises N2NError for a missing, damaged or foreign file, and for one that contradicts itself; nothing in the file is
    executed, and nothing is built that its weights do not fill.
    """
    torch = _torch(path)
    if os.path.isdir(path):
        path = find_in_run(Path(path))
    content = _load(torch, path)
    if not isinstance(content, dict) or not {"model", "weights", "provenance", "training"} <= set(content):
        raise N2NError(f"{path}: is not a checkpoint of n2n-render", HINT)
    version = content.get("format")
    if not isinstance(version, int) or not OLDEST_FORMAT <= version <= FORMAT:
        raise N2NError(
            f"{path}: was written by n2n-render {shown(content.get('n2n_render'))}, format {shown(version)}",
            f"This version reads formats {OLDEST_FORMAT} to {FORMAT}; install a newer n2n-render.",
        )
    provenance = Provenance.from_dict(content["provenance"], f"{path}: provenance", DAMAGED, former=version == 1)
    _refuse_neighbor_guides(content["model"], path)
    model = Specification.from_dict(content["model"], str(path), DAMAGED)
    check_weights(model, content["weights"], str(path))
    training = content["training"]
    if training is not None and not isinstance(training, dict):
        raise N2NError(f"{path}: training is {shown(training)}, but must be names with values", DAMAGED)
    return Checkpoint(model, content["weights"], provenance, training)


def _refuse_neighbor_guides(model: Any, path: str | Path) -> None:
    """Networks of earlier versions were shown what neighbouring frames are, instead of being given their samples."""
    if isinstance(model, dict) and "neighbors" in (model.get("features") or ()):
        raise N2NError(
            f"{path}: was made by an earlier version with --temporal, whose networks looked at neighbouring frames otherwise",
            "Adapt or train again; it takes less time and gives a better picture.",
        )


def _load(torch: Any, path: str | Path) -> Any:
    try:
        check_regular(path)
        with warnings.catch_warnings(action="ignore"):  # about TorchScript files, which are refused anyway
            return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise N2NError(f"{path}: no such checkpoint", HINT) from None
    except PermissionError:
        raise N2NError(f"{path}: may not be read", "Check who owns it.") from None
    except Exception:  # a reader of damaged bytes raises anything
        raise N2NError(f"{path}: is not a checkpoint, or is damaged", HINT) from None


def check_weights(model: Specification, weights: Any, where: str) -> None:
    """Raises N2NError unless `weights` are the tensors of that network: names, shapes and kinds, before it takes memory."""
    if not isinstance(weights, dict):
        raise N2NError(f"{where}: the weights are {shown(weights)}, not names with tensors", DAMAGED)
    expected = model.weight_shapes()
    odd = [name for name in [*expected, *weights] if name not in weights or name not in expected]
    if odd:
        raise N2NError(
            f"{where}: the weights do not fit the network that it describes ({shown(odd[0])} is "
            f"{'missing' if odd[0] in expected else 'not in it'})",
            DAMAGED,
        )
    for name, shape in expected.items():
        if not _is_tensor(weights[name], shape):
            raise N2NError(
                f"{where}: the weights do not fit the network that it describes ({name} is of another kind or "
                f"shape than {shape})",
                DAMAGED,
            )


def _is_tensor(value: Any, shape: tuple[int, ...]) -> bool:
    """Whether it is an array, or an ordinary tensor, of that shape, with memory of its own for each value."""
    if isinstance(value, np.ndarray):
        return (value.dtype.kind == "f" or (shape == () and value.dtype == np.int64)) and value.shape == shape
    import torch

    if not isinstance(value, torch.Tensor) or value.layout != torch.strided or value.device.type != "cpu":
        return False
    if value.is_quantized or not (value.is_floating_point() or (shape == () and value.dtype == torch.int64)):
        return False
    return tuple(value.shape) == shape and value.untyped_storage().nbytes() >= value.numel() * value.element_size()


def _torch(path: str | Path) -> Any:
    try:
        import torch
    except ImportError as error:
        raise missing_library(error) or N2NError(
            f"{path}: PyTorch is needed to read checkpoints, and is not installed here",
            "Install n2n-render with pip, or use its .tza or .safetensors file (`n2n-render export`).",
        ) from None
    return torch


def find_in_run(folder: Path) -> Path:
    """The checkpoint to denoise with inside a folder: of `train` the best one, or the last when none was validated; of `adapt`
    and `online` theirs.
    """
    for name in IN_RUNS:
        if (folder / name).exists():
            return folder / name
    raise N2NError(f"{folder}: holds no checkpoint", "Wait for training to write one, or pass another run.")


def load_network(checkpoint: Checkpoint) -> "Network":
    """The network with its weights, ready to run."""
    import torch

    from .build import build_network

    network = build_network(checkpoint.model)
    try:
        network.load_state_dict(checkpoint.tensors())
    except RuntimeError as error:
        raise N2NError(
            f"the checkpoint's weights do not fit its own description ({str(error).splitlines()[0]})",
            "The file is damaged; use another checkpoint.",
        ) from None
    if not all(torch.isfinite(tensor).all() for tensor in network.state_dict().values()):
        raise N2NError("the model's weights are not all finite numbers", "The file is damaged; use another model.")
    return network.eval()

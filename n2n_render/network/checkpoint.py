"""Checkpoint files: weights, what network they fit, and where they come from. Written atomically, read weights-only.

Torch is imported where it is used: models of Open Image Denoise's runtime (archives) come without it.
"""
import pickle
import warnings
from dataclasses import dataclass, field
from pathlib import Path

from .. import __version__
from ..config import from_dict, to_dict
from ..errors import N2NError
from ..files import write_beside
from .model import ModelConfig

FORMAT = 1


@dataclass
class Checkpoint:
    """`weights` are the ones to denoise with, torch tensors, or arrays where they come from an archive (network/tza.py);
    `training` (optimiser and so on) is None in files meant only for denoising.
    """
    model: ModelConfig
    weights: dict
    provenance: dict = field(default_factory=dict)  # datasets with hashes, spp, steps, config, versions
    training: dict | None = None

    def tensors(self) -> dict:
        """The weights as a network loads them."""
        import torch
        return {name: torch.as_tensor(weight) for name, weight in self.weights.items()}


def write_checkpoint(path, checkpoint: Checkpoint):
    import torch
    content = {"format": FORMAT, "n2n_render": __version__, "model": to_dict(checkpoint.model),
               "weights": checkpoint.tensors(), "provenance": checkpoint.provenance, "training": checkpoint.training}
    write_beside(path, lambda temporary: torch.save(content, temporary))


def read_checkpoint(path) -> Checkpoint:
    """Raises N2NError for a missing, damaged or foreign file; nothing in the file is executed."""
    torch = _torch(path)
    if Path(path).is_dir():
        path = find_in_run(Path(path))
    hint = "Pass a checkpoint that `n2n-render train` wrote, e.g. runs/<name>/best.pt."
    try:
        with warnings.catch_warnings(action="ignore"):  # about TorchScript files, which are refused anyway
            content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise N2NError(f"{path}: no such checkpoint", hint) from None
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError):
        raise N2NError(f"{path}: is not a checkpoint, or is damaged", hint) from None
    if not isinstance(content, dict) or "model" not in content or "weights" not in content:
        raise N2NError(f"{path}: is not a checkpoint of n2n-render", hint)
    if content.get("format") != FORMAT:
        raise N2NError(f"{path}: was written by n2n-render {content.get('n2n_render')}, format {content.get('format')}",
                       f"This version reads format {FORMAT}; install a newer n2n-render.")
    return Checkpoint(from_dict(ModelConfig, content["model"]), content["weights"], content["provenance"],
                      content["training"])


def _torch(path):
    try:
        import torch
    except ImportError:
        raise N2NError(f"{path}: PyTorch is needed to read checkpoints, and is not installed here",
                       "Install n2n-render with pip, or use its .tza file (`n2n-render export`).") from None
    return torch


def find_in_run(folder: Path) -> Path:
    """The checkpoint to denoise with inside a run folder: the best one, or the last when none was validated."""
    for name in ("best.pt", "last.pt"):
        if (folder / name).exists():
            return folder / name
    raise N2NError(f"{folder}: holds no checkpoint", "Wait for training to write one, or pass another run.")


def load_network(checkpoint: Checkpoint):
    """The network with its weights, ready to run."""
    import torch

    from .unet import build_network
    network = build_network(checkpoint.model)
    try:
        network.load_state_dict(checkpoint.tensors())
    except RuntimeError as error:
        raise N2NError(f"the checkpoint's weights do not fit its own description ({str(error).splitlines()[0]})",
                       "The file is damaged; use another checkpoint.") from None
    if not all(torch.isfinite(tensor).all() for tensor in network.state_dict().values()):
        raise N2NError("the model's weights are not all finite numbers", "The file is damaged; use another model.")
    return network.eval()


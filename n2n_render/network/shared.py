"""A model ⇄ a file to share (.safetensors): weights, and in the header what network they fit and where they come from.

No reader of the format can be made to run code by it, and other programs that know the format see the weights and whose they
are. Nothing of the training is in it but the provenance. Read without PyTorch.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import N2NError, doubt
from ..io.atomic import check_regular, first_line, parse_json, write_beside
from ..schema import shown
from ..version import __version__
from .archive import Array
from .checkpoint import DAMAGED, Checkpoint, check_weights
from .provenance import Provenance
from .specification import Specification

SUFFIX = ".safetensors"
ENTRY = "n2n_render"  # of the header's texts: the one that is ours
FORMAT = 1
HEADER_BYTES = 8 * 2**20  # more than any model's header has
HINT = "Pass one that `n2n-render export --format safetensors` wrote."
KINDS = {"F16": np.float16, "F32": np.float32, "F64": np.float64, "I64": np.int64}  # that a network's tensors can be of


def write_shared(path: str | Path, checkpoint: Checkpoint, precision: str = "float32") -> None:
    """Writes the model without its training.

    Args:
        precision: Of the weights, "float32" or "float16". Weights that have it already stay bit for bit.
    """
    from safetensors.numpy import save

    weights = {name: _stored(tensor, precision) for name, tensor in checkpoint.tensors().items()}
    told = {
        "format": FORMAT,
        "version": __version__,
        "model": checkpoint.model.to_dict(),
        "provenance": _plain(checkpoint.provenance.to_dict(), path),
    }
    # The second text is for people and other programs: the credit that the weights' licence asks for is in it.
    texts = {ENTRY: json.dumps(told), "origin": checkpoint.provenance.describe()}
    data = save(weights, texts)
    write_beside(path, lambda temporary: Path(temporary).write_bytes(data))


def _stored(tensor: Any, precision: str) -> Array:
    """Counters stay whole numbers; brain floats, which NumPy has none of, go through float32."""
    values: Array = (tensor.float() if tensor.is_floating_point() else tensor).detach().cpu().contiguous().numpy()
    return values.astype(precision, copy=False) if tensor.is_floating_point() else values


def _plain(values: dict[Any, Any], path: str | Path) -> dict[str, Any]:
    """What JSON can hold of a provenance. Entries of other programs that it cannot are left out, and that is said."""
    kept = {}
    for name, value in values.items():
        try:
            json.dumps({name: value}, allow_nan=False)
            kept[str(name)] = value
        except (TypeError, ValueError, RecursionError):
            doubt(f"{path}: {shown(name)} of the provenance is left out, as it is no plain data")
    return kept


def read_shared(path: str | Path) -> Checkpoint:
    """The inverse of `write_shared`. Weights are arrays.

    Raises:
        N2NError: For a missing, damaged or foreign file, and for one that contradicts itself; before its weights take memory.
    """
    _check_header(path)
    safe_open, failure = _library(path)
    try:
        with safe_open(str(path), framework="numpy") as file:
            model, provenance = _understand(file.metadata() or {}, path)
            tensors = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118  # it is no dictionary
            _check_tensors(model, tensors, path)
            weights = {name: file.get_tensor(name) for name in tensors}
    except (failure, OSError, TypeError, ValueError) as error:
        raise N2NError(f"{path}: is no safetensors file, or is damaged ({first_line(error)})", HINT) from None
    check_weights(model, weights, str(path))
    return Checkpoint(model, weights, provenance)


def _library(path: str | Path) -> tuple[Any, type[Exception]]:
    """The function that opens a file, and what it raises."""
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError:
        raise N2NError(f"{path}: the package safetensors is not installed here", "Run pip install safetensors.") from None
    return safe_open, SafetensorError


def _check_header(path: str | Path) -> None:
    """Raises N2NError unless the header is as long as a model's can be: a longer one would be read into memory."""
    try:
        size = check_regular(path).st_size
        with open(path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
    except OSError as error:
        raise N2NError(f"{path}: cannot be read ({error.strerror or error})", HINT) from None
    if not 0 < length <= min(HEADER_BYTES, size - 8):
        raise N2NError(f"{path}: is no safetensors file, or is damaged (its header is of no possible length)", HINT)


def _understand(texts: dict[str, str], path: str | Path) -> tuple[Specification, Provenance]:
    if ENTRY not in texts:
        raise N2NError(f"{path}: is of another program: its header does not say what network the weights fit", HINT)
    told = parse_json(texts[ENTRY], f"{path}: its header", DAMAGED)
    if not isinstance(told, dict) or not {"model", "provenance"} <= set(told):
        raise N2NError(f"{path}: its header does not say what network the weights fit", DAMAGED)
    if told.get("format") != FORMAT:
        raise N2NError(
            f"{path}: was written by n2n-render {shown(told.get('version'))}, format {shown(told.get('format'))}",
            f"This version reads format {FORMAT}; install a newer n2n-render.",
        )
    provenance = Provenance.from_dict(told["provenance"], f"{path}: provenance", DAMAGED)
    return Specification.from_dict(told["model"], str(path), DAMAGED), provenance


def _check_tensors(model: Specification, tensors: dict[str, Any], path: str | Path) -> None:
    """By the header alone: a shape that the network does not have is not read."""
    shapes = model.weight_shapes()
    for name, tensor in tensors.items():
        if tensor.get_dtype() not in KINDS or tuple(tensor.get_shape()) != shapes.get(name):
            raise N2NError(f"{path}: the weights do not fit the network that it describes ({shown(name)})", DAMAGED)

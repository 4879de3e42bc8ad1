"""What `export` is asked, and what it answers."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from ..schema import Checked, OneOf

FORMATS = ("tza", "onnx", "torchscript", "safetensors")
Format = Annotated[str, OneOf(FORMATS)]
FilePrecision = Annotated[str, OneOf(("auto", "float32", "float16"))]


@dataclass(frozen=True)
class ExportOptions(Checked):
    """What `export` writes."""

    model: str  # built-in, run folder, checkpoint or .tza archive
    format: Format
    output: str  # the file; a description lies beside it, as <output>.json; a safetensors file holds its own
    precision: FilePrecision = "auto"  # auto: float16 for tza, which Open Image Denoise's runtime needs, else float32
    check: str | None = None  # EXR file to compare on (photograph, of a model of them); None: one of the datasets' at hand


@dataclass(frozen=True)
class Exported:
    """What was written. difference: mean absolute difference to the model's own picture of `frame` (None: of noise), over its
    mean. sidecar: None where the file describes itself.
    """

    path: Path
    sidecar: Path | None
    format: str
    precision: str  # "float32" or "float16"
    difference: float
    frame: Path | None

"""What `prepare` is asked."""

from dataclasses import dataclass
from typing import Annotated

from ..config import Pixels
from ..schema import Checked, OneOf, Range

Index = Annotated[int, Range(0, 2**31)]


@dataclass(frozen=True)
class PrepareOptions(Checked):
    """What images become a dataset, and where it goes."""

    inputs: tuple[str, ...]  # files and folders: photographs, volumes (NIfTI, folders of DICOM slices), TFRecords
    output: str
    bursts: bool = False  # each folder holds shots of the same thing, two or more
    shrink: Annotated[int, Range(1, 16)] = 1  # so many pixels' mean in width and height becomes one: noise and JPEG's traces go
    slices: tuple[Index, Index] | None = None  # of volumes: the first and the last, counted from 0
    planes: tuple[Annotated[str, OneOf(("axial", "coronal", "sagittal"))], ...] = ("axial",)  # of volumes
    size: Pixels | None = None  # of slices, in width and height: cut or filled with 0 around the middle; None: 256

    def contradiction(self) -> str | None:
        if not self.inputs:
            return "there are no inputs"
        if not self.planes:
            return "there are no planes"
        return "the slices end before they begin" if self.slices and self.slices[0] > self.slices[1] else None

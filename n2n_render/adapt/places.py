"""Where the frames of `adapt` come from, and where all that it makes goes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import N2NError
from ..io.dataset import MANIFEST
from ..io.sequence import check_output_names, check_overwrites
from .model import MODEL
from .options import AdaptOptions
from .subjects import find_groups


@dataclass(frozen=True)
class Places:
    """The files of each frame, one for each seed, and the frame's output in the folder."""

    folder: Path
    groups: list[tuple[Path, ...]]
    outputs: list[Path]

    @classmethod
    def of(cls, options: AdaptOptions) -> "Places":
        """Raises N2NError where frames are no pairs."""
        groups, names = find_groups(options.inputs, options.pairs)
        folder = Path(options.output)
        return cls(folder, groups, [folder / name for name in names])

    @property
    def model(self) -> Path:
        """The file of the adapted model."""
        return self.folder / MODEL

    def check(self, inputs: Sequence[Sequence[Path]]) -> None:
        """Raises N2NError where the outputs cannot be written, or would replace what is read. inputs: the files of each
        frame, those of single passes too.
        """
        check_output_names(self.outputs)
        check_overwrites(inputs, self.outputs)
        if self.folder.suffix.lower() == ".exr":
            raise N2NError(f"{self.folder} is the name of a file, but adapting writes several", "Pass a folder with -o.")
        if (self.folder / MANIFEST).exists():
            raise N2NError(
                f"{self.folder} is a dataset; denoised frames do not belong among its renders", "Pass another folder with -o."
            )

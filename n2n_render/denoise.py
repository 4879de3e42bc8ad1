"""Frame + Denoiser → Frame: exposure, encode, tile, engine, decode; and EXR files through it, everything else kept."""
import re
from pathlib import Path

import numpy as np

from .engines.torch_engine import TorchEngine
from .errors import N2NError
from .frame import tiles
from .frame.exr import ExrImage
from .frame.frame import Frame, mean_frame
from .frame.pairs import parse_name
from .frame.transfer import CURVES, decode_tonemap, depth_scale, encode_guides, exposure
from .network.checkpoint import Checkpoint, read_checkpoint

TILE_PX = 768           # with the overlap 1.3 million pixels at a time: some 2 GiB in the network
SMALLEST_TILE_PX = 128  # below this, running out of memory is given up on


class Denoiser:
    """A checkpoint and what runs it."""

    def __init__(self, checkpoint: Checkpoint, device: str = "auto", tile_px: int | None = None):
        self.model = checkpoint.model
        self.engine = TorchEngine(checkpoint, device)
        self.tile_px = tile_px or TILE_PX

    @property
    def features(self) -> tuple[str, ...]:
        return self.model.features

    def denoise(self, frame: Frame, on_tile=lambda done, total: None) -> np.ndarray:
        """Denoised radiance (H, W, 3) float32, never negative, in the frame's own scale. `frame` is not changed.

        Exposure and depth scale are those of the whole image, so tiled = untiled. `on_tile` is told (done, total).
        """
        while True:
            try:
                return self._denoise(frame, on_tile)
            except MemoryError as error:
                if self.tile_px <= SMALLEST_TILE_PX:
                    raise N2NError(f"not enough memory on {self.engine.description} ({error})",
                                   "Close other programs, or pass --device cpu.") from None
                self.tile_px //= 2

    def _denoise(self, frame, on_tile):
        height, width = frame.height, frame.width
        factor = exposure(frame.color)
        scale = depth_scale(frame.depth) if "depth" in self.features else 1.0
        output = np.empty((height, width, 3), np.float32)
        total = tiles.count(height, width, self.tile_px, self.engine.alignment)
        plan = tiles.cut(height, width, self.tile_px, self.engine.receptive_radius, self.engine.alignment)
        for index, tile in enumerate(plan):
            radiance = self.engine.run(self._encode(frame, tile.outer, factor, scale))[tile.crop]
            if self.model.output == "display":
                radiance = decode_tonemap(radiance, np)
            output[tile.inner] = radiance / factor
            on_tile(index + 1, total)
        return output

    def _encode(self, frame, place, factor, scale) -> np.ndarray:
        """(h, w, 3 + C) float32, contiguous."""
        names = ("color", *self.features)
        part = Frame(**{name: getattr(frame, name)[place] for name in names})
        encoded = np.empty((part.height, part.width, self.model.in_channels), np.float32)
        encoded[..., :3] = CURVES[self.model.encoding][0](part.color * np.float32(factor), np)
        encode_guides(part, self.features, scale, out=encoded[..., 3:])
        return encoded


def load_denoiser(path, device: str = "auto", tile_px: int | None = None) -> Denoiser:
    """A checkpoint file, or a run folder."""
    return Denoiser(read_checkpoint(path), device, tile_px)


def denoise_file(denoiser: Denoiser, paths: list[Path], output: Path, *, layer: str | None = None,
                 keep_noisy: bool = False, strength: float = 1.0, on_tile=lambda done, total: None):
    """Denoises one frame file; more than one path: renders of the same frame with other seeds, averaged first.

    Writes the first file with Combined RGB replaced and everything else kept. strength: 0 leaves the noisy picture
    (the mean, if there are several), 1 is the denoised one.
    """
    image = ExrImage(paths[0])
    layer = image.layer(layer, denoiser.features)
    frame = image.frame(layer, denoiser.features)
    for count, path in enumerate(paths[1:], start=1):
        other = ExrImage(path).frame(layer, denoiser.features)
        _check_same_frame(paths[0], frame, path, other)
        frame = mean_frame([frame, other], weights=[count, 1])
        del other
    denoised = denoiser.denoise(frame, on_tile)
    if strength < 1.0:
        denoised = frame.color + np.float32(strength) * (denoised - frame.color)
    del frame  # a very large frame does not fit twice
    image.replace_color(layer, denoised, keep_noisy)
    image.write(output)


def _check_same_frame(first_path, first, path, other):
    if first.color.shape != other.color.shape:
        raise N2NError(f"{path} is {other.width}×{other.height}, but {first_path} is {first.width}×{first.height}",
                       "A pair is the same frame rendered twice.")
    if np.array_equal(first.color, other.color):
        raise N2NError(f"{path} and {first_path} hold the same noise",
                       "Render the second one with another seed (Render Properties > Sampling > Advanced > Seed).")


def find_inputs(inputs: list[str]) -> list[Path]:
    """Files, folders (all their .exr) and frame_####.exr patterns → files, sorted within each input."""
    found = []
    for text in inputs:
        path = Path(text)
        if path.is_dir():
            files = sorted(file for file in path.glob("*.exr") if not file.name.startswith("."))
        elif "#" in path.name:
            files = _match_pattern(path)
        else:
            files = [path]
        if not files or not files[0].is_file():
            raise N2NError(f"{text}: no such file" if not path.is_dir() else f"{text}: holds no .exr file",
                           "Pass EXR files, folders of them, or patterns like frame_####.exr.")
        found += files
    return found


def _match_pattern(path: Path) -> list[Path]:
    """`#` runs stand for frame numbers with at least so many digits, as in Blender's output paths."""
    pieces = re.split(r"(#+)", path.name)
    expression = "".join(rf"-?\d{{{len(piece)},}}" if piece.startswith("#") else re.escape(piece) for piece in pieces)
    if not path.parent.is_dir():
        return []
    return sorted(file for file in path.parent.iterdir() if re.fullmatch(expression, file.name))


def match_pairs(paths: list[Path], others: list[list[Path]]) -> list[list[Path]]:
    """Each input with the renders of the same frame: every `--pair` must name as many files, in the same order."""
    for files in others:
        if len(files) != len(paths):
            raise N2NError(f"--pair names {len(files)} file(s) for {len(paths)} input(s)",
                           "Pass one file of the other seed for each input, in the same order.")
        for path, file in zip(paths, files, strict=True):
            if frame_number(path) != frame_number(file):
                raise N2NError(f"--pair would average {path.name} with {file.name}, another frame",
                               "A frame is missing on one side; pass sequences of the same frames.")
    return [[path, *rest] for path, *rest in zip(paths, *others, strict=True)]


def frame_number(path: Path) -> int | None:
    """The frame that a file name tells: of our own grammar, or the last number in it; None without one."""
    name = parse_name(path.name)
    if name:
        return name.frame
    numbers = re.findall(r"\d+", path.stem)
    return int(numbers[-1]) if numbers else None


def check_overwrites(groups: list[list[Path]], outputs: list[Path]):
    """Refuses to write over any input."""
    inputs = {path.resolve() for group in groups for path in group}
    for output in outputs:
        if output.resolve() in inputs:
            raise N2NError(f"{output} is an input; the noisy original would be lost", "Pass another file or folder with -o.")


def plan_outputs(inputs: list[Path], output: str) -> list[Path]:
    """One output a file: `output` itself for a single file that is not to go into a folder, else output/<name>."""
    target = Path(output)
    if len(inputs) == 1 and target.suffix.lower() == ".exr" and not target.is_dir():
        return [target]
    if target.suffix.lower() == ".exr":
        raise N2NError(f"{output} is one file, but there are {len(inputs)} inputs", "Pass a folder with -o.")
    names = [path.name for path in inputs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise N2NError(f"two inputs are named {twice}", "Denoise them into different folders.")
    return [target / name for name in names]

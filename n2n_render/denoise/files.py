"""EXR files through a Denoiser: every view layer, every view, alpha too; all else in the files stays."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..errors import N2NError, doubt
from ..frame.channels import in_files
from ..frame.frame import Frame, crop, mean_frame
from ..frame.independence import are_equal, check_independent, in_squares, look_at, still_alpha
from ..io.exr import ExrImage
from .denoiser import LARGE_FRAME_PIXELS, Denoiser


@dataclass(frozen=True)
class FileOptions:
    """What is done with a file besides denoising. strength: 0 leaves the noisy picture (the mean, if there are several).

    layer: the only view layer to denoise; None: all that have what the model needs.
    """

    layer: str | None = None
    keep_noisy: bool = False
    strength: float = 1.0


@dataclass
class Renders:
    """One or more renders of a frame: the first one's file, and view layer → the mean of all renders.

    still: view layer → (H, W) bool, where several renders show that there is no noise; still_alpha: (H, W, 1), the same of
    alpha.
    """

    image: ExrImage
    frames: dict[str, Frame]
    still: dict[str, np.ndarray] = field(default_factory=dict)
    still_alpha: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def pixels(self) -> int:
        return sum(frame.height * frame.width for frame in self.frames.values())


def denoise_files(
    denoiser: Denoiser,
    groups: list[list[Path]],
    outputs: list[Path],
    options: FileOptions = FileOptions(),
    on_progress=lambda index, share: None,
    neighbors=None,
) -> None:
    """Denoises frame files one after the other, reading the next and writing the last one meanwhile.

    A group: one file, or renders of the same frame with other seeds, averaged first; the first one's other passes are kept.
    neighbors: see neighbors.py, for models that look at them. A frame that cannot be read does not keep the others from
    being done; it is named in the N2NError that is raised at the end. What is finished stays.
    """
    large_pixels = LARGE_FRAME_PIXELS // (neighbors.frames_held if neighbors else 1)  # so many frames are held besides
    failed: list[tuple[Path, N2NError]] = []
    with ThreadPoolExecutor(1) as writer:
        written = None
        for index, renders in enumerate(_read_ahead(in_files(denoiser.features), groups, options.layer, large_pixels)):
            try:
                if isinstance(renders, N2NError):
                    raise renders
                large = renders.pixels > large_pixels
                image = _denoise_layers(
                    denoiser,
                    renders,
                    options,
                    lambda share, index=index: on_progress(index, share),
                    neighbors and (lambda layer, at=index: neighbors.of(at, layer)),
                )
            except N2NError as error:
                if len(groups) == 1:
                    raise
                failed.append((groups[index][0], error))
                on_progress(index, 1.0)
                continue
            finally:
                renders = None  # a very large frame does not fit twice
            if written:
                _end_of(written, failed)
            written = groups[index][0], writer.submit(image.write, outputs[index])
            if large:
                _end_of(written, failed)
                written = None
            del image
        if written:
            _end_of(written, failed)
    raise_failures(failed, len(groups))


def _end_of(written, failed):
    """Waits for a file to be written; one that could not be is told of with those that could not be read."""
    path, future = written
    try:
        future.result()
    except N2NError as error:
        failed.append((path, error))


def raise_failures(failed: list[tuple[Path, N2NError]], count: int):
    """The N2NError that names the frames of `count` that could not be done, and why; nothing where all were."""
    if failed and count == 1:
        raise failed[0][1]
    if failed:
        shown = "; ".join(error.what for _, error in failed[:5]) + ("; …" if len(failed) > 5 else "")
        names = ", ".join(path.name for path, _ in failed[5:])
        raise N2NError(
            f"{len(failed)} of {count} frames could not be denoised: {shown}{f' (also {names})' if names else ''}",
            f"The others are done. {failed[0][1].hint}".strip(),
        )


def _denoise_layers(denoiser, renders, options, on_progress, find_neighbors) -> ExrImage:
    """The file with the pictures of all its layers replaced."""
    count = len(renders.frames)
    for number, (layer, frame) in enumerate(renders.frames.items()):
        still = renders.still.get(layer)
        alpha = denoiser.alpha(frame, renders.still_alpha.get(layer))
        if (still is not None and still.all()) or not frame.color.any():  # without noise, or black: finished
            put_picture(renders.image, layer, frame, frame.color, alpha, options)
            on_progress((number + 1) / count)
            continue
        if find_neighbors:
            frame = frame.with_channels(**find_neighbors(layer))
        denoised = denoiser.denoise(frame, lambda share, start=number: on_progress((start + share) / count))
        if still is not None:
            denoised[still] = frame.color[still]
        put_picture(renders.image, layer, frame, denoised, alpha, options)
    return renders.image


def put_picture(
    image: ExrImage, layer: str, frame: Frame, color: np.ndarray, alpha: np.ndarray | None, options: FileOptions = FileOptions()
):
    """Puts the denoised colour (H, W, 3), and alpha (H, W, 1) if it was cleaned, into the file. frame: what was denoised.

    Where nothing was rendered (outside a border, and transparent without light) nothing is put.
    """
    color = mix(frame.color, color, options.strength)
    if frame.alpha is not None:
        empty = (frame.alpha == 0) & (frame.color == 0).all(-1, keepdims=True)
        if empty.any():
            color = np.where(empty, np.float32(0), color)
        alpha = frame.alpha if alpha is None else mix(frame.alpha, alpha, options.strength)
    image.replace_color(layer, color, frame.color if options.keep_noisy else None, alpha)


def mix(noisy: np.ndarray, denoised: np.ndarray, strength: float) -> np.ndarray:
    """strength 1: denoised as it is; 0: noisy."""
    return denoised if strength >= 1.0 else noisy + np.float32(strength) * (denoised - noisy)


def layers_to_denoise(image: ExrImage, wanted: str | None, features: tuple[str, ...]) -> list[str]:
    """View layers of a file that have what the model needs; what is left noisy is said.

    Raises N2NError that names what is missing where none has.
    """
    layers = image.layers_with(wanted, features)
    for layer in layers:
        image.check(layer, features)
    left = [layer for layer in image.layers if layer not in layers]
    if left and wanted is None:
        lacking = [layer for layer in left if layer in image.rendered_layers]
        if lacking:
            doubt(
                f"left noisy: {', '.join(lacking)}, for want of the passes that the model needs (View Layer > Passes > "
                "Data > Denoising Data)"
            )
        if len(lacking) < len(left):
            doubt("the layer Composite, Blender's composited picture, is left as it is")
    return layers


def _read_ahead(features, groups, layer, large_pixels) -> Iterator[Renders | N2NError]:
    with ThreadPoolExecutor(1) as reader:
        ahead = reader.submit(_try_to_read, features, groups[0], layer)
        for index in range(len(groups)):
            found = ahead.result()
            small = isinstance(found, N2NError) or found.pixels <= large_pixels
            if small and index + 1 < len(groups):
                ahead = reader.submit(_try_to_read, features, groups[index + 1], layer)
            yield found
            found = None
            if not small and index + 1 < len(groups):
                ahead = reader.submit(_try_to_read, features, groups[index + 1], layer)


def _try_to_read(features, paths, layer) -> Renders | N2NError:
    try:
        return read_renders(paths, layer, features)
    except N2NError as error:
        return error


def read_renders(paths, wanted: str | None, features: tuple[str, ...]) -> Renders:
    """The first file, and of each of its layers that are to be denoised the mean of all files, on the first one's pixels.

    Raises N2NError where the renders cannot be of the same frame, or hold the same noise.
    """
    image = ExrImage(paths[0])
    layers = layers_to_denoise(image, wanted, features)
    frames = {layer: image.frame(layer, features) for layer in layers}
    looks = {layer: [look_at(frame, paths[0])] for layer, frame in frames.items()} if len(paths) > 1 else {}
    equal: dict[str, np.ndarray] = {}
    alphas: dict[str, np.ndarray] = {}
    for count, path in enumerate(paths[1:], start=1):
        other = ExrImage(path)
        for layer in layers:
            here = image.window(layer)
            shown = other.frame(layer, features)
            both = image.common(layer, other)
            shown = crop(shown, other.window(layer).places(both))
            if both == here:
                looks[layer].append(look_at(shown, path))
                check_independent(looks[layer])
                alike = are_equal(frames[layer], shown)
                equal[layer] = equal[layer] & alike if layer in equal else alike
                found = still_alpha([frames[layer], shown])
                if found is not None:
                    alphas[layer] = alphas[layer] & found if layer in alphas else found
                frames[layer] = mean_frame([frames[layer], shown], weights=[count, 1])
            else:
                _add_part(frames[layer], shown, here.places(both), count, (paths[0], path))
    return Renders(image, frames, {layer: in_squares(mask) for layer, mask in equal.items()}, alphas)


def _add_part(mean: Frame, part: Frame, place, count: int, paths):
    """Puts a render that covers a part of the frame into the mean of `count` others, in place."""
    before = crop(mean, place)
    check_independent([look_at(frame, path) for frame, path in zip((before, part), paths, strict=True)])
    for name, image in mean_frame([before, part], weights=[count, 1]).items():
        mean[name][place] = image

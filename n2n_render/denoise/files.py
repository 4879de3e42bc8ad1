"""EXR files through a Denoiser: every view layer, every view, alpha too; all else in the files stays."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from ..errors import N2NError
from ..guides.accumulation import Accumulated, Accumulator
from ..io.exr import ExrImage
from ..io.sources import DETECT, Sources
from ..ladder.ladder import LARGE_FRAME_PIXELS
from ..progress import OnFraction, part
from .denoiser import Denoiser
from .layers import denoise_layers
from .options import AS_DENOISED, PictureOptions
from .passes import Painted
from .renders import LayerRender, Renders, read_ahead

OnFrame = Callable[[int, float], None]  # is told a frame's index, and the fraction of it that is done
Failures = list[tuple[Path, N2NError]]  # of frames: their first file, and why they could not be denoised


def denoise_files(
    denoiser: Denoiser,
    groups: Sequence[Sequence[Path]],
    outputs: Sequence[Path],
    options: PictureOptions = AS_DENOISED,
    *,
    layer: str | None = None,
    sources: Sources = DETECT,
    accumulator: Accumulator | None = None,
    on_frame: OnFrame = lambda index, fraction: None,
    chosen: Sequence[int] | None = None,
) -> Failures:
    """Denoises frame files one after the other, reading the next and writing the last one meanwhile.

    A frame that cannot be read does not keep the others from being done. What is finished stays.

    Args:
        groups: Of each frame one file, or renders with other seeds, averaged first; the first one's other passes are kept.
        layer: The only view layer to denoise; None: all that have what the model needs.
        sources: Where the channels lie that are not where they are recognised.
        accumulator: What takes the samples of neighbouring frames in.
        chosen: Indices of the frames to denoise; None: all.

    Returns:
        The frames that could not be done; for `raise_failures`.
    """
    chosen = range(len(groups)) if chosen is None else chosen
    held = accumulator.neighbors.frames_held if accumulator else 1  # so many frames are in memory besides
    large_pixels = LARGE_FRAME_PIXELS // held
    failed: Failures = []
    with ThreadPoolExecutor(1) as pool:
        writer = _Writer(pool, failed)
        features = denoiser.features
        renders: Renders | N2NError | None
        ahead = read_ahead([groups[index] for index in chosen], layer, features, large_pixels, sources, options)
        for index, renders in zip(chosen, ahead, strict=True):
            try:
                if isinstance(renders, N2NError):
                    raise renders
                large = renders.pixels > large_pixels
                _denoise_frame(denoiser, renders, options, accumulator, index, on_frame)
                image = renders.image
            except N2NError as error:
                failed.append((groups[index][0], error))
                on_frame(index, 1.0)
                continue
            finally:
                renders = None  # a very large frame does not fit twice
            writer.write(groups[index][0], image, outputs[index])
            if large:
                writer.wait()
            del image
        writer.wait()
    return failed


def _denoise_frame(
    denoiser: Denoiser,
    renders: Renders,
    options: PictureOptions,
    accumulator: Accumulator | None,
    index: int,
    on_frame: OnFrame,
) -> None:
    def paint(render: LayerRender, on_fraction: OnFraction) -> Painted:
        if not accumulator:
            return denoiser.paint(render.frame, render.light, on_fraction)
        accumulated = accumulator.of(index, render.layer, part(on_fraction, 0, 2))
        return paint_accumulated(denoiser, accumulated, render, part(on_fraction, 1, 2))

    denoise_layers(
        renders.image,
        renders.layers,
        paint,
        denoiser.alpha,
        options,
        on_fraction=lambda fraction: on_frame(index, fraction),
    )


def paint_accumulated(denoiser: Denoiser, accumulated: Accumulated, render: LayerRender, on_fraction: OnFraction) -> Painted:
    """A layer whose neighbours were taken in."""
    frame = render.frame
    clean = accumulated.with_clean_guides(frame) if denoiser.prefilter and accumulated.is_clean else frame
    if denoiser.prefilter and not accumulated.is_clean:
        clean = denoiser.prefilter(frame)
    noisy = frame.with_channels(color=accumulated.color(), **accumulated.light)
    return denoiser.paint_clean(noisy, clean.with_channels(color=noisy.color), render.light, on_fraction)


class _Writer:
    """Writes a file while the next one is denoised; one that could not be written is told of with those not read."""

    def __init__(self, pool: ThreadPoolExecutor, failed: Failures):
        self._pool, self._failed = pool, failed
        self._written: tuple[Path, Future[None]] | None = None

    def write(self, path: Path, image: ExrImage, output: Path) -> None:
        """path: the frame's first file, by which it is named where it fails."""
        self.wait()
        self._written = path, self._pool.submit(image.write, output)

    def wait(self) -> None:
        if self._written is None:
            return
        path, future = self._written
        self._written = None
        try:
            future.result()
        except N2NError as error:
            self._failed.append((path, error))


def raise_failures(failed: Failures, count: int, what: str = "frames") -> None:
    """The N2NError that names the frames (or `what`) of `count` that could not be done, and why; nothing where all were."""
    if failed and count == 1:
        raise failed[0][1]
    if failed:
        shown = "; ".join(error.what for _, error in failed[:5]) + ("; …" if len(failed) > 5 else "")
        names = ", ".join(path.name for path, _ in failed[5:])
        raise N2NError(
            f"{len(failed)} of {count} {what} could not be denoised: {shown}{f' (also {names})' if names else ''}",
            f"{'The others are done. ' if len(failed) < count else ''}{failed[0][1].hint}".strip(),
        )

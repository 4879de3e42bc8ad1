"""Frame + Denoiser → radiance: prefilter, exposure, encode, tile, engine, decode."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from ..engines.choice import make_engine
from ..errors import N2NError
from ..frame import tiles
from ..frame.channels import COLOR, NEIGHBOR_CHANNELS, NEIGHBORS
from ..frame.frame import Frame
from ..frame.independence import in_squares
from ..frame.orient import ORIENTATIONS, move_back, turn
from ..frame.transfer import (
    depth_scale,
    encode,
    encode_tonemap,
    expose,
    exposure,
)
from ..network.checkpoint import Checkpoint
from ..network.oidn_weights import oidn_checkpoint
from ..network.registry import open_model
from ..network.specification import decode_output

SMALLEST_TILE_PX = 128  # below this, running out of memory is given up on
BAND_ROWS = 16
SURE_ALPHA = 1e-6  # nearer to 0 or 1 than this is rounding of a mean
SURE_PX = 3  # square of pixels that are all 0 or all 1: in a soft shadow they hardly are, by chance
LITTLE_NOISE = 0.04  # RMS on T(v); bfloat16 rounds by 0.001, which costs more than 0.02 dB below this
LEAST_USUAL_TILE_PX = 768  # smaller ones are mostly overlap
LARGE_FRAME_PIXELS = 12_000_000  # such frames are read, denoised and written one after the other: three would not fit


class Denoiser:
    """A checkpoint and what runs it. `prefilter` None: as the model was trained.

    `average`: mean over so many orientations (1, 2, 4 or 8) of each frame, at as many times the cost.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        device: str = "auto",
        tile_px: int | None = None,
        engine: str = "auto",
        prefilter: bool | None = None,
        warn=lambda message: None,
        precision: str = "auto",
        average: int = 1,
    ):
        self.model, self._checkpoint, self._precision, self._warn = checkpoint.model, checkpoint, precision, warn
        self.average = average
        self._exact_engine = None
        self.engine = make_engine(checkpoint, engine, device, precision)
        self.tile_px = tile_px  # None: what the engine likes
        wanted = self.model.clean_guides if prefilter is None else prefilter
        self.prefilter = Prefilter(self.model, device, tile_px, engine, warn, precision) if wanted else None
        self.alpha = AlphaDenoiser(
            device=device, tile_px=tile_px, engine=engine, prefilter=False, warn=warn, precision=precision
        )

    @property
    def features(self) -> tuple[str, ...]:
        return self.model.features

    @property
    def reach(self) -> int:
        """How many frames before and after each one the model was trained with."""
        return self.model.reach

    def denoise(self, frame: Frame, on_progress=lambda share: None) -> np.ndarray:
        """Denoised radiance (H, W, 3) float32, never negative, in the frame's own scale. `frame` is not changed.

        Exposure and depth scale are those of the whole image, so tiled = untiled. `on_progress` is told shares from 0 to 1;
        what it raises stops the work. Too little memory: smaller tiles, then the CPU.
        """
        if self.prefilter:
            passes = len(self.prefilter.denoisers) + 1
            frame = self.prefilter(frame, lambda share: on_progress(share * (passes - 1) / passes))
            return self.denoise_clean(frame, lambda share: on_progress((passes - 1 + share) / passes))
        return self.denoise_clean(frame, on_progress)

    def denoise_clean(self, frame: Frame, on_progress=lambda share: None) -> np.ndarray:
        """The same for a frame whose albedo and normal are already as the model wants them."""
        if not all(name in frame for name in NEIGHBOR_CHANNELS if NEIGHBORS in self.features):
            raise N2NError(
                "the model looks at the frames before and after, which are not given here",
                "Denoise the animation with `n2n-render denoise FRAMES --model …` first, and use its frames.",
            )
        total, exact = 0.0, False
        for index, switches in enumerate(ORIENTATIONS[: self.average]):
            image, exact = self._precise(
                turn(frame, *switches) if any(switches) else frame,
                exact,
                lambda share, start=index: on_progress((start + share) / self.average),
            )
            total = image if self.average == 1 else total + move_back(image, *switches)
        return total if self.average == 1 else total / np.float32(self.average)

    def _precise(self, frame, exact, on_progress):
        """Rounding to bfloat16 is far below the noise of most frames, but not of nearly clean ones: those are denoised
        again in float32 unless half precision was asked for. Each frame is judged by itself, in its first orientation.

        Returns (picture, whether it was one of those); `exact`: that is known already.
        """
        image = None if exact else self._within_memory(frame, on_progress)
        if exact or (
            self.engine.coarse
            and self._precision == "auto"
            and self.model.subject == "color"
            and removed_noise(frame.color, image) < LITTLE_NOISE
        ):
            exact = True
            if self._exact_engine is None:
                self._exact_engine = make_engine(self._checkpoint, self.engine.name, "cpu", "float32")
                self._warn(
                    "there is so little noise that half precision would show: using float32 (--precision half is faster)"
                )
            fast, self.engine = self.engine, self._exact_engine
            try:
                image = self._within_memory(frame, on_progress)
            finally:
                self.engine = fast
        return image, exact

    def _within_memory(self, frame, on_progress):
        while True:
            try:
                return self._denoise(frame, on_progress)
            except MemoryError as error:
                used = min(self._tile_px(frame), max(frame.height, frame.width))
                if used > SMALLEST_TILE_PX:
                    self.tile_px = used // 2
                elif not self.engine.on_cpu:
                    self._warn(f"{self.engine.description} has too little memory ({error}); going on on the CPU")
                    self.engine = make_engine(self._checkpoint, "auto", "cpu", self._precision)
                    self.tile_px = None
                else:
                    raise N2NError(
                        f"not enough memory on {self.engine.description} ({error})",
                        "Close other programs, or denoise on a machine with more.",
                    ) from None

    def _tile_px(self, frame):
        """Where the frame itself takes much memory, the network gets less."""
        usual = self.engine.tile_px
        return self.tile_px or (usual if frame.color.size <= 3 * LARGE_FRAME_PIXELS else max(usual // 2, LEAST_USUAL_TILE_PX))

    def _denoise(self, frame, on_progress):
        factor = exposure(frame.color) if self.model.subject == "color" else 1.0
        scale = depth_scale(frame.depth) if "depth" in self.features else 1.0
        output = np.empty((frame.height, frame.width, 3), np.float32)
        plan = list(
            tiles.cut(frame.height, frame.width, self._tile_px(frame), self.engine.receptive_radius, self.engine.alignment)
        )
        for index, tile in enumerate(plan):
            encoded = self._encode(frame, tile.outer, factor, scale)
            predicted = self.engine.run(encoded, lambda share, start=index: on_progress((start + share) / len(plan)))
            self._decode(predicted[tile.crop], factor, output[tile.inner])
            on_progress((index + 1) / len(plan))
        if not np.isfinite(output.sum(dtype=np.float64)):
            raise N2NError(
                "the model's output is not finite",
                "Its weights are damaged, or the frame's values are extreme; use another model, or --precision float32.",
            )
        return output

    def _decode(self, predicted, factor, out):
        """(h, w, 3) network output → radiance in the frame's scale."""

        def decode(rows):
            out[rows] = decode_output(self.model, predicted[rows], np) / np.float32(factor)

        _in_bands(len(out), decode)

    def _encode(self, frame, place, factor, scale) -> np.ndarray:
        """(h, w, 3 + C) float32, contiguous."""
        layout, model = self.model.layout, self.model
        images = {name: frame[name][place] for name in layout.names}
        height, width = images[COLOR].shape[:2]
        encoded = np.empty((height, width, layout.count), np.float32)

        def work(rows):
            exposed = {name: expose(name, image[rows], factor, scale) for name, image in images.items()}
            layout.stack(
                {name: encode(name, image, model.encoding, model.unit_normals, np) for name, image in exposed.items()},
                out=encoded[rows],
            )

        _in_bands(height, work)
        return encoded


def _in_bands(height: int, work):
    """work(rows) for a few rows at a time, on all cores: what a curve needs in between stays in the processor's cache."""
    with ThreadPoolExecutor() as pool:
        list(pool.map(work, [slice(start, start + BAND_ROWS) for start in range(0, height, BAND_ROWS)]))


def removed_noise(noisy: np.ndarray, denoised: np.ndarray) -> float:
    """RMS difference of two pictures (H, W, 3) on T(v), after the exposure of the first; every fourth pixel each way."""
    factor = np.float32(exposure(noisy))
    shown = [encode_tonemap(image[::4, ::4] * factor, np) for image in (noisy, denoised)]
    return float(np.sqrt(np.mean((shown[0] - shown[1]) ** 2, dtype=np.float64)))


class Prefilter:
    """Cleans a frame's albedo and normal with Open Image Denoise's models for them (their large ones for its large one)."""

    def __init__(
        self,
        model,
        device: str = "auto",
        tile_px: int | None = None,
        engine: str = "auto",
        warn=lambda message: None,
        precision: str = "auto",
    ):
        size = "_large" if model.network.topology == "oidn_large" else ""
        archives = {"albedo": f"alb{size}", "normal": f"nrm{size}"}
        archives = {feature: name for feature, name in archives.items() if feature in model.features}
        self.name = "+".join(archives.values())  # what it does to a frame depends on this alone
        self.denoisers = {
            feature: Denoiser(oidn_checkpoint(name), device, tile_px, engine, False, warn, precision)
            for feature, name in archives.items()
        }

    def __call__(self, frame: Frame, on_progress=lambda share: None) -> Frame:
        ranges = {"albedo": (0.0, 1.0), "normal": (-1.0, 1.0)}
        cleaned, count = {}, len(self.denoisers)
        for index, (feature, denoiser) in enumerate(self.denoisers.items()):
            image = denoiser.denoise(Frame(frame[feature]), lambda share, start=index: on_progress((start + share) / count))
            cleaned[feature] = np.clip(image, *ranges[feature], out=image)
        return frame.with_channels(**cleaned)


class AlphaDenoiser:
    """Cleans alpha with Open Image Denoise's weights, whatever cleans the colour: one more pass, for frames that need it.

    Alpha goes in as a grey picture that is already exposed, with the frame's albedo where it has one. Mean squared error of
    a scene with a shadow catcher and a holdout against two halves of 512 spp: 8 spp 13.9 → 1.2, 8 + 8 spp 7.0 → 0.8 (× 1e-4;
    2026-11-25).
    options: as of `Denoiser`.
    """

    def __init__(self, **options):
        self._options, self._denoisers = options, {}

    def __call__(self, frame: Frame, still: np.ndarray | None = None) -> np.ndarray | None:
        """Clean alpha (H, W, 1), exactly the frame's where it is sure; None where there is nothing to clean.

        still: (H, W, 1) bool, where several renders have the same alpha; None for a single render. Sure is what is still, and
        what is 0 or 1: in all of several renders, or in one over a square of SURE_PX. In a soft shadow a single render is 0
        here and there by chance.
        """
        alpha = frame.alpha
        if alpha is None:
            return None
        noisy = (alpha > SURE_ALPHA) & (alpha < 1 - SURE_ALPHA)
        if still is None:
            sure = [in_squares(mask[..., 0], SURE_PX) for mask in (alpha <= SURE_ALPHA, alpha >= 1 - SURE_ALPHA)]
            noisy |= noisy.any() & ~(sure[0] | sure[1])[..., None]
        else:
            noisy &= ~still
        if not noisy.any():
            return None
        archive = "hdr" if frame.albedo is None else "hdr_alb"
        if archive not in self._denoisers:
            found = oidn_checkpoint(archive)
            self._denoisers[archive] = Denoiser(replace(found, model=replace(found.model, subject="alpha")), **self._options)
        clean = self._denoisers[archive].denoise(Frame(alpha.repeat(3, -1), albedo=frame.albedo))
        return np.where(noisy, np.clip(clean.mean(-1, keepdims=True), 0, 1), alpha)


def load_denoiser(
    name,
    device: str = "auto",
    tile_px: int | None = None,
    engine: str = "auto",
    prefilter: bool | None = None,
    warn=lambda message: None,
    precision: str = "auto",
    average: int = 1,
) -> Denoiser:
    """A model by name, file or run folder; see network/registry.py."""
    return Denoiser(open_model(str(name)), device, tile_px, engine, prefilter, warn, precision, average)

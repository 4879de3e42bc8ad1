"""Undersampled k-space → the image, by a network of slices; what was measured is put back exactly (Noise2Noise §3.4)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..engines.protocol import Engine
from ..errors import N2NError, UnreadableFile, doubt
from ..frame.arrays import Array
from ..frame.signal import from_signal
from ..io.array_files import save_array
from ..io.atomic import check_regular, first_line
from ..io.photographs import Photograph, write_photograph
from ..network.checkpoint import Checkpoint
from ..noise.kspace import put_back, sampling_probability, zero_filled
from ..noise.table import Noise
from ..progress import OnFraction, ignore, part
from .signals import SignalDenoiser

PICTURES = (".png", ".tif", ".tiff")  # that hold 16 bits
WRITTEN = (*PICTURES, ".npy")
LAYOUT = "k-space as np.fft.fft2(image, norm='ortho') gives it, frequency 0 at [0, 0], zeros where nothing was measured"
OFF_FRACTION = 0.25  # of the share of frequencies that the model was trained for: beyond it is said
UNREAL = 0.05  # of the spectrum's RMS: so much may k and -k contradict each other
USUAL_BRIGHTNESS = (0.25, 2.0)  # of the brightest hundredth of an image in [0, 1], with what undersampling adds
BRIGHT_PERCENT = 99


@dataclass(frozen=True)
class SliceDenoiser:
    """fraction: of the frequencies, between which shares the model was trained."""

    denoiser: SignalDenoiser
    fraction: tuple[float, float]

    @classmethod
    def of(cls, checkpoint: Checkpoint, denoiser: SignalDenoiser) -> "SliceDenoiser":
        noise = Noise.parse(checkpoint.noise or "mri")
        return cls(denoiser, (noise.low, noise.high))

    @property
    def engine(self) -> Engine:
        return self.denoiser.engine

    def denoise_array(self, kspace: Any) -> NDArray[np.float32]:
        """What a program hands over: k-space (H, W), see `reconstruct`, → the image (H, W)."""
        given = np.asarray(kspace)
        if given.ndim != 2 or given.dtype.kind != "c" or not given.size:
            raise N2NError(
                f"the k-space is {given.dtype} of the shape {given.shape}, but must be complex numbers (height, width)",
                f"Pass {LAYOUT}.",
            )
        return self.reconstruct(given)

    def reconstruct(self, kspace: Array, on_fraction: OnFraction = ignore) -> NDArray[np.float32]:
        """The image of one slice, in the unit of its k-space.

        Args:
            kspace: (H, W) complex, orthonormal, frequency 0 at [0, 0], 0 where nothing was measured.

        Returns:
            (H, W) float32, of which the measured frequencies are those of `kspace`. It is not clipped.

        Raises:
            N2NError: It is not the k-space of a real image in this layout.
        """
        return self.picture(kspace, on_fraction)[0]

    def picture(self, kspace: Array, on_fraction: OnFraction = ignore) -> tuple[NDArray[np.float32], float]:
        """As `reconstruct`, and what is white in it."""
        _check(kspace)
        measured, complete = _complete(kspace.astype(np.complex128))
        fraction = self._fraction(float(measured.mean()))
        probability = sampling_probability(*kspace.shape, fraction)
        white = _white(complete, measured, probability)
        complete = complete / white
        complete[0, 0] -= 0.5 * np.sqrt(kspace.size)  # a signal is the image less ½
        spectrum = np.where(measured, np.stack([complete.real, complete.imag], -1), 0).astype(np.float32)
        noisy = zero_filled(spectrum, measured, probability)
        clean = reconstruct_signal(self.denoiser, noisy, spectrum, measured.astype(np.float32), on_fraction)
        return ((clean[..., 0] + np.float32(0.5)) * np.float32(white)).astype(np.float32), white

    def _fraction(self, share: float) -> float:
        """What frequencies were measured with: as trained, of which a share is a sample, unless it evidently is not."""
        low, high = self.fraction
        fraction = min(max(share, low), high)
        if abs(share - fraction) > OFF_FRACTION * fraction:
            doubt(
                f"{share:.1%} of the frequencies were measured, and the model was trained with {fraction:.1%}: its picture may "
                "be worse than it could be"
            )
            return share  # by other weights the image would be of another brightness
        return fraction


def reconstruct_signal(
    denoiser: SignalDenoiser, noisy: Array, spectrum: Array, measured: Array, on_fraction: OnFraction = ignore
) -> NDArray[np.float32]:
    """Signal (H, W, 1) of what was measured: the zero-filled one, `noisy`, through the network, then the measured put back.

    Args:
        spectrum: (H, W, 2) float32, see noise/kspace.py.
        measured: (H, W, 1) float32, 0 or 1.
    """
    return np.asarray(put_back(denoiser.denoise(noisy, on_fraction), spectrum, measured, np), np.float32)


def read_kspace(path: Path) -> Array:
    """(H, W) or (S, H, W) complex of a .npy file. Raises UnreadableFile for anything else."""
    try:
        check_regular(path)
        array: Any = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UnreadableFile(f"{path}: cannot be read ({first_line(error)})", f"Save {LAYOUT}.") from None
    if not isinstance(array, np.ndarray) or array.dtype.kind != "c" or array.ndim not in (2, 3) or not array.size:
        told = f"{array.dtype} of the shape {array.shape}" if isinstance(array, np.ndarray) else "several arrays"
        raise UnreadableFile(f"{path}: holds {told}, not complex numbers (H, W) or (S, H, W)", f"Save {LAYOUT}.")
    return array


def denoise_slices(slices: SliceDenoiser, path: Path, output: Path, on_fraction: OnFraction = ignore) -> None:
    """A file of k-space → the picture, 16 bits a pixel, or a float32 array of all slices in the unit of the file."""
    kspace = read_kspace(path)
    stack = kspace[None] if kspace.ndim == 2 else kspace
    if len(stack) > 1 and output.suffix.lower() in PICTURES:
        raise N2NError(f"{path}: holds {len(stack)} slices, and {output.name} one picture", "Name the output .npy.")
    try:
        done = [slices.picture(one, part(on_fraction, index, len(stack))) for index, one in enumerate(stack)]
    except N2NError as error:
        raise N2NError(f"{path}: {error.what}", error.hint) from None
    if output.suffix.lower() in PICTURES:
        picture, white = done[0]
        pixels = from_signal(picture / np.float32(white) - np.float32(0.5), np.uint16)
        write_photograph(output, Photograph(pixels[..., None]))
    else:
        save_array(output, np.stack([picture for picture, _ in done]).reshape(kspace.shape))


def name_in_folder(path: Path) -> str:
    """A picture for one slice, an array for several."""
    try:
        several = np.load(path, mmap_mode="r", allow_pickle=False).ndim > 2
    except (OSError, ValueError, EOFError, AttributeError):  # is said when it is read
        several = False
    return path.stem + (".npy" if several else ".png")


def _check(kspace: Array) -> None:
    height, width = kspace.shape
    if not np.isfinite(kspace).all():
        raise N2NError("the k-space holds values that are no finite numbers", "Replace them with 0: not measured.")
    if abs(kspace[0, 0]) < abs(kspace[height // 2, width // 2]):
        raise N2NError("frequency 0 is in the middle of the k-space, not at [0, 0]", "Pass np.fft.ifftshift of it.")
    if kspace[0, 0] == 0:
        raise N2NError("frequency 0 was not measured, so nothing tells how bright the image is", f"Pass {LAYOUT}.")


def _complete(kspace: Array) -> tuple[Array, Array]:
    """(H, W, 1) bool, what is known, and the k-space (H, W): of a real image, where k was measured, -k is known too."""
    mirrored = np.roll(kspace[::-1, ::-1], (1, 1), (0, 1)).conj()
    here, there = kspace != 0, mirrored != 0
    both = here & there
    if both.any() and np.abs(kspace - mirrored)[both].std() > UNREAL * np.sqrt(np.mean(np.abs(kspace[both]) ** 2)):
        raise N2NError(
            "the k-space is not that of a real image: the frequencies k and -k contradict each other",
            "Pass the spectrum of the magnitude image of one coil.",
        )
    return (here | there)[..., None], np.where(both, (kspace + mirrored) / 2, np.where(here, kspace, mirrored))


def _white(kspace: Array, measured: Array, probability: Array) -> float:
    """What is white in the unit of the k-space: 1, unless the image is evidently no image in [0, 1]."""
    parts = np.stack([kspace.real, kspace.imag], -1)
    bright = float(np.percentile(zero_filled(parts, measured, probability), BRIGHT_PERCENT))
    if USUAL_BRIGHTNESS[0] <= bright <= USUAL_BRIGHTNESS[1]:
        return 1.0
    if not bright > 0:
        raise N2NError("the image of the k-space is black", f"Pass {LAYOUT}.")
    doubt(f"the k-space is not that of an image in [0, 1]: {bright:.4g} is taken as white")
    return bright

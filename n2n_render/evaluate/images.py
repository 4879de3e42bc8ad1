"""Images with noise that is made, or bursts → numbers and pictures of every method: Noise2Noise's own tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..denoise.signals import SignalDenoiser
from ..engines.options import EngineOptions
from ..errors import N2NError
from ..frame import metrics
from ..frame.arrays import Array
from ..frame.signal import from_signal
from ..frame.tiles import middle
from ..io.collection import Item, open_collection
from ..io.images import pillow, write_captioned
from ..network.checkpoint import Checkpoint
from ..network.registry import open_model
from ..noise.bursts import kept_shots
from ..noise.table import Noise
from ..progress import Progress, Reporter, silent
from . import classical
from .cases import Case, make_case
from .numbers import try_to_write_numbers
from .options import EvaluateOptions
from .scores import Scores, means

PICTURE_PX = 768  # side of what is shown of each image: its middle
NLM_SUITS = ("gaussian", "poisson", "pairs")


@dataclass(frozen=True)
class ImageScores:
    """scores: method → "psnr_db" and "ssim". held_out: none of the models was trained on it."""

    name: str
    held_out: bool
    scores: dict[str, Scores]


@dataclass(frozen=True)
class EvaluatedImages:
    """What an evaluation on images found.

    noise: as `--noise` says it, with its strength. classical: what the method without training is, and what it is told, as a
    sentence; None without. mean: method → metric → mean over the images. unwritten: as of `Evaluated`.
    """

    noise: str
    images: tuple[ImageScores, ...]
    mean: dict[str, Scores]
    pictures: Path
    classical: str | None = None
    unwritten: tuple[N2NError, ...] = ()


def evaluate_images(options: EvaluateOptions, reporter: Reporter = silent) -> EvaluatedImages:
    """Compares pictures of models of signals with the truth: PSNR and SSIM of whole images, rounded to 8 bits.

    Raises:
        N2NError: a package, a model or images are missing, or do not go together.
    """
    noise = test_noise(options.noise or "")
    metrics.check_ssim()
    classical.check_installed()
    pillow()
    checkpoints = [open_model(name, signals=True) for name in options.models]
    channels = _channels(noise, options.models, checkpoints)
    items = _items(options.data, noise)
    names = ["ours"] if len(checkpoints) == 1 else options.models
    engine = EngineOptions(options.device, options.engine, options.precision)
    with reporter("evaluating") as progress:
        denoisers = {
            name: SignalDenoiser.open(checkpoint, engine, options.average, progress.warn)
            for name, checkpoint in zip(names, checkpoints, strict=True)
        }
        progress.start(len(items), len(items))
        _warn_of_grey(items, channels, progress)
        scores, unwritten = [], []
        for item, file_name in zip(items, _file_names(items), strict=True):
            pictures, found = _compare(make_case(item, noise, channels, options.seed), denoisers, options.classical)
            held_out = not any(item.name in checkpoint.provenance.trained_on for checkpoint in checkpoints)
            scores.append(ImageScores(item.name, held_out, found))
            try:
                write_comparison(Path(options.out) / file_name, pictures, found)
            except N2NError as error:  # the numbers are told all the same
                unwritten.append(error)
            progress.advance(1, item.name)
    mean = means(scores)
    unwritten += try_to_write_numbers(
        {"noise": str(noise), "seed": options.seed, "images": [vars(image) for image in scores], "mean": mean}, options.json
    )
    told = _told(noise) if options.classical else None
    return EvaluatedImages(str(noise), tuple(scores), mean, Path(options.out), told, tuple(unwritten))


def _items(folders: Sequence[str], noise: Noise) -> list[Item]:
    """The images, or of bursts the shots that can judge each other."""
    are_bursts = noise.about.observe is None
    collections = [open_collection(Path(folder), bursts=are_bursts) for folder in folders]
    wrong = next((collection for collection in collections if (collection.kind == "bursts") != are_bursts), None)
    if wrong:
        held, wanted = ("single images", "bursts") if are_bursts else ("bursts, which are noisy already", "clean images")
        raise N2NError(
            f"{wrong.folder}: holds {held}, and --noise {noise.kind} needs {wanted}", "Pass another folder with --data."
        )
    items = [item for collection in collections for item in collection.items]
    if not are_bursts:
        return items
    kept = [item for item in (item.only(kept_shots(item.shots, item.name)) for item in items) if item.files]
    if not kept:
        raise N2NError(f"{', '.join(folders)}: no burst has two shots that can judge each other", "Pass other bursts.")
    return kept


def _file_names(items: Sequence[Item]) -> list[str]:
    """A PNG for each image, also where two folders hold images of one name."""
    names: list[str] = []
    for item in items:
        stem = item.name.replace("/", "_")
        names.append(f"{stem}-{len(names) + 1}.png" if f"{stem}.png" in names else f"{stem}.png")
    return names


def test_noise(text: str) -> Noise:
    """ "gaussian:25", or "gaussian" at the strength at which networks are compared. Raises N2NError for a range."""
    noise = Noise.parse(text)
    if ":" not in text:
        return noise.at_test()
    if noise.low != noise.high:
        raise N2NError(
            f"--noise {text} is a range, and images are compared at one strength", f"Pass --noise {noise.at_test()}."
        )
    return noise


def _channels(noise: Noise, names: Sequence[str], checkpoints: Sequence[Checkpoint]) -> int:
    """Of the signals, which all models have to take."""
    for name, checkpoint in zip(names, checkpoints, strict=True):
        if not checkpoint.model.is_signal or checkpoint.is_of_slices != (noise.kind == "mri"):
            raise N2NError(
                f"{name}: is a model of {checkpoint.purpose}, which says nothing of {noise.about.title}",
                "Pass models that `n2n-render train --noise` made for it; of renders, leave --noise out.",
            )
    counts = {checkpoint.model.gives.count for checkpoint in checkpoints} or {noise.about.channels}
    if len(counts) > 1:
        raise N2NError("some models are of colours, and some of grey images", "Compare them one after the other.")
    return counts.pop()


def _warn_of_grey(items: Sequence[Item], channels: int, progress: Progress) -> None:
    other = sum(item.shots[0].shape[-1] != channels for item in items)
    if other and channels == 3:
        progress.warn(f"{other} grey image(s) are shown to a model of colours, as three channels with noise of their own each")
    elif other:
        progress.warn(f"of {other} image(s) with colours the luminance is taken")


def _compare(
    case: Case, denoisers: dict[str, SignalDenoiser], with_classical: bool
) -> tuple[dict[str, Array], dict[str, Scores]]:
    """Pictures by method, the clean one last, and the scores of all others."""
    pictures = dict(case.shown)
    clean = {name: pictures.pop(name) for name in ("clean",) if name in pictures}
    pictures |= {name: case.denoise(denoiser) for name, denoiser in denoisers.items()}
    if with_classical:
        pictures |= case.classical()
    return {**pictures, **clean}, {name: case.score(picture) for name, picture in pictures.items()}


def write_comparison(path: Path, pictures: dict[str, Array], scores: dict[str, Scores]) -> None:
    """The middles of all pictures side by side as a PNG, with names and PSNR. Raises N2NError where it cannot be written."""
    height, width = next(iter(pictures.values())).shape[:2]
    place = middle(0, height, PICTURE_PX), middle(0, width, PICTURE_PX)
    shown = {}
    for name, picture in pictures.items():
        caption = f"{name}   {scores[name]['psnr_db']:.2f} dB" if name in scores else name
        pixels = from_signal(picture[place], np.uint8)
        shown[caption] = np.repeat(pixels, 3, axis=-1) if pixels.shape[-1] == 1 else pixels
    write_captioned(path, shown)


def _told(noise: Noise) -> str:
    if noise.kind == "mri":
        return f"{classical.TV}: of all images with the measured frequencies the one with the least of it"
    if noise.kind in NLM_SUITS:
        return f"{classical.NLM} is told how strong the noise is"
    return f"{classical.NLM} is not made for {noise.about.title}; it is told the deviation of each noisy image"

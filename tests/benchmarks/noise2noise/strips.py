"""Pictures of every noise for the documents: what the network was given, what it made of it, what it is without noise.

    python tests/benchmarks/noise2noise/strips.py PICTURES RUNS --out docs/images

PICTURES: what pictures.py made. RUNS: FOLDER/runs of table.py; only noises that were trained are drawn. One crop a noise, at
the strength of the tests, twice as large as it is: noise2noise-<kind>.jpg. All of them side by side, each from noisy above to
clean below: noise2noise.jpg.
"""

from pathlib import Path

import click
import numpy as np

from n2n_render.denoise.signals import SignalDenoiser
from n2n_render.denoise.slices import reconstruct_signal
from n2n_render.engines.options import EngineOptions
from n2n_render.frame.signal import from_signal, psnr_8bit, to_signal
from n2n_render.frame.tiles import middle
from n2n_render.io.collection import open_collection
from n2n_render.io.photographs import read_photograph
from n2n_render.network.registry import open_model
from n2n_render.noise.table import Noise

CROP_PX, MAGNIFIED = 160, 2
# kind → its run below RUNS, a test photograph, the crop's upper left corner
PHOTOGRAPHS = {
    "gaussian": ("gaussian-0-50-l2", "kodim23", (130, 180)),
    "poisson": ("poisson-10-50-l2", "monarch", (150, 300)),
    "bernoulli": ("bernoulli-0-0.95-masked_l2", "tulips", (180, 200)),
    "brown": ("brown-25-l2", "sail", (230, 200)),
    "text": ("text-0-0.5-l1", "chelsea", (60, 120)),
    "impulse": ("impulse-0-0.95-annealed_l0", "astronaut", (30, 150)),
}
SLICE = "mri", "mri-0.1-data_consistency"


def photograph(run: Path, path: Path, corner: tuple[int, int], noise: Noise) -> list[np.ndarray]:
    """Noisy, denoised, clean; the whole photograph is denoised, a crop is shown."""
    clean = to_signal(read_photograph(path).pixels, 3)
    noisy = noise.observe(clean, np.random.default_rng(1)).signal
    done = SignalDenoiser.open(open_model(str(run / "last.pt"), signals=True), EngineOptions("cpu")).denoise(noisy)
    print(f"{noise} on {path.stem}: {psnr_8bit(noisy, clean):.2f} → {psnr_8bit(done, clean):.2f} dB")
    place = tuple(slice(start, start + CROP_PX) for start in corner)
    return [image[place] for image in (noisy, done, clean)]


def head(run: Path, slices: Path, noise: Noise) -> list[np.ndarray]:
    """Zero-filled, reconstructed, fully sampled: the middle slice, the whole of it."""
    items = open_collection(slices).items
    clean = to_signal(items[len(items) // 2].shots[0], 1)
    seen = noise.observe(clean, np.random.default_rng(1))
    denoiser = SignalDenoiser.open(open_model(str(run / "last.pt"), signals=True), EngineOptions("cpu"))
    done = reconstruct_signal(denoiser, seen.signal, seen.facts["spectrum"], seen.facts["measured"])
    print(f"{noise}: {psnr_8bit(seen.signal, clean):.2f} → {psnr_8bit(done, clean):.2f} dB")
    return [np.repeat(image, 3, axis=-1) for image in (seen.signal, done, clean)]


def save(pixels: np.ndarray, path: Path, times: int = 1) -> None:
    from PIL import Image

    picture = Image.fromarray(pixels)
    picture.resize((picture.width * times, picture.height * times), Image.Resampling.NEAREST).save(path, quality=88)


@click.command()
@click.argument("pictures", type=click.Path(exists=True, path_type=Path))
@click.argument("runs", type=click.Path(exists=True, path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path))
def main(pictures, runs, out):
    out.mkdir(parents=True, exist_ok=True)
    columns = []
    for kind, (run, name, corner) in PHOTOGRAPHS.items():
        if (runs / run / "last.pt").exists():
            noise = Noise.parse(kind).at_test()
            crops = eight_bits(photograph(runs / run, pictures / "test" / f"{name}.png", corner, noise))
            save(np.concatenate(crops, axis=1), out / f"noise2noise-{kind}.jpg", MAGNIFIED)
            columns.append(np.concatenate(crops, axis=0))
    kind, run = SLICE
    if (runs / run / "last.pt").exists():
        slices = eight_bits(head(runs / run, runs.parent / "data/test-heads", Noise.parse(kind).at_test()))
        save(np.concatenate(slices, axis=1), out / f"noise2noise-{kind}.jpg", MAGNIFIED)
        columns.append(np.concatenate([middle_of(image) for image in slices], axis=0))
    save(np.concatenate(columns, axis=1), out / "noise2noise.jpg")


def eight_bits(images: list[np.ndarray]) -> list[np.ndarray]:
    return [from_signal(image, np.uint8) for image in images]


def middle_of(image: np.ndarray) -> np.ndarray:
    return image[tuple(middle(0, length, CROP_PX) for length in image.shape[:2])]


if __name__ == "__main__":
    main()

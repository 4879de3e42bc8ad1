"""Mitsuba's Cornell box at 8 + 8 spp: noisy, Open Image Denoise, adapted; PSNR on T against two reference halves.

python tests/benchmarks/mitsuba.py FOLDER [STEPS] [FILTER]

FILTER: box by default. With the scene's own, a Gaussian, the noise of neighbouring pixels is alike, which Open Image Denoise's
weights have not seen.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np

from n2n_render.frame.metrics import psnr
from n2n_render.frame.transfer import exposure
from n2n_render.io.exr import ExrImage

RENDER = Path(__file__).parents[1] / "renderers" / "render_mitsuba.py"
SIZE, SPP, REFERENCE_SPP = 128, 8, 1024


def render(folder: Path, pixel_filter: str, spp: int, *seeds: int) -> list[Path]:
    files = [folder / f"box_s{seed}.exr" for seed in seeds]
    if not all(file.exists() for file in files):
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, *map(str, (RENDER, folder, pixel_filter, SIZE, spp, *seeds))], check=True)
    return files


def run(*arguments) -> None:
    subprocess.run([sys.executable, "-m", "n2n_render", *map(str, arguments)], check=True)


def main(out: str, steps: str = "200", pixel_filter: str = "box") -> None:
    folder = Path(out)
    noisy = render(folder / "noisy", pixel_filter, SPP, 1, 2)
    single = render(folder / "single", pixel_filter, 2 * SPP, 3)
    references = render(folder / "reference", pixel_filter, REFERENCE_SPP, 11, 12)
    halves = [ExrImage.open(path).frame().color for path in references]
    run("denoise", *single, "--model", "oidn-large", "-o", folder / "oidn.exr")
    run("adapt", noisy[0], "--pair", noisy[1], "--steps", steps, "-o", folder / "adapted")
    images = {
        "noisy, 16 spp": ExrImage.open(single[0]).frame().color,
        "OIDN (large, prefiltered), 16 spp": ExrImage.open(folder / "oidn.exr").frame().color,
        f"adapted, 8 + 8 spp, {steps} steps": ExrImage.open(folder / "adapted" / noisy[0].name).frame().color,
    }
    factor = np.float32(exposure((halves[0] + halves[1]) / 2))
    for name, image in images.items():
        value = psnr(image=image * factor, reference_a=halves[0] * factor, reference_b=halves[1] * factor)
        print(f"{name}: {value:.2f} dB")


if __name__ == "__main__":
    main(*sys.argv[1:])

"""What Fast, Better and Best give in Blender, and how long they take, beside Cycles' own denoiser at the same samples.

BLENDER_USER_RESOURCES=$(mktemp -d) python tests/benchmarks/qualities.py ZIP scene.blend --size 384x216 --spp 8 --out FOLDER
BLENDER_USER_RESOURCES=$(mktemp -d) python tests/benchmarks/qualities.py ZIP scene.blend --frames 1-12 --judge 6 --out FOLDER

With the bpy wheel and n2n-render in one Python. Noisy, Cycles, Fast and Better get one render of twice --spp; Best gets two of
--spp. Cycles' denoiser is at its best (accurate prefiltering, quality high). PSNR on T against two independent halves.
"""

import sys
import time
from pathlib import Path

import bpy
import click
import numpy as np

from n2n_render.evaluate.views import read_finished
from n2n_render.frame.metrics import psnr
from n2n_render.frame.transfer import exposure
from n2n_render.io.exr import ExrImage
from n2n_render.sample.plan import parse_frames, parse_size

REFERENCE_SEEDS = (1001, 2002)


def prepare(archive, blend, size):
    """The scene, with the settings that all renders share."""
    bpy.ops.extensions.package_install_files(filepath=str(archive), repo="user_default", enable_on_install=True)
    bpy.ops.wm.open_mainfile(filepath=str(blend), use_scripts=False)
    scene = bpy.context.scene
    scene.render.engine, scene.cycles.device = "CYCLES", "CPU"
    scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = *size, 100
    scene.render.use_compositing = scene.cycles.use_adaptive_sampling = scene.cycles.use_denoising = False
    scene.cycles.time_limit, scene.cycles.use_animated_seed = 0, False
    for layer in scene.view_layers:
        layer.cycles.denoising_store_passes = True
    preferences = bpy.context.preferences.addons["bl_ext.user_default.n2n_denoise"].preferences
    preferences.device, preferences.program = "cpu", sys.executable
    return scene


def render(scene, path, spp, seed, frame=None):
    """Seconds."""
    from bl_ext.user_default.n2n_denoise.ui import rendering

    if frame is not None:
        scene.frame_set(frame)
    scene.cycles.samples, scene.cycles.seed = spp, seed
    started = time.perf_counter()
    bpy.ops.render.render()
    seconds = time.perf_counter() - started
    path.parent.mkdir(parents=True, exist_ok=True)
    rendering.save(scene, str(path))
    return seconds


def by_cycles(scene, path, spp, seed, frame=None):
    scene.cycles.use_denoising, scene.cycles.denoiser = True, "OPENIMAGEDENOISE"
    scene.cycles.denoising_input_passes, scene.cycles.denoising_prefilter = "RGB_ALBEDO_NORMAL", "ACCURATE"
    scene.cycles.denoising_quality = "HIGH"
    try:
        return render(scene, path, spp, seed, frame)
    finally:
        scene.cycles.use_denoising = False


def button(scene, quality, path):
    """Seconds of the click; the picture goes to `path`."""
    started = time.perf_counter()
    assert bpy.ops.n2n.denoise(quality=quality, write_still=False) == {"FINISHED"}
    seconds = time.perf_counter() - started
    pixels = np.empty(scene.render.resolution_x * scene.render.resolution_y * 4, np.float32)
    image = next(image for image in bpy.data.images if image.get("n2n", "").startswith("Denoised"))
    image.pixels.foreach_get(pixels)
    np.save(path.with_suffix(".npy"), pixels.reshape(scene.render.resolution_y, scene.render.resolution_x, 4)[::-1, :, :3])
    return seconds


def still(scene, out, spp):
    """Name → (seconds of rendering, seconds after it)."""
    seconds = {"noisy": (render(scene, out / "noisy.exr", 2 * spp, 0), 0.0)}
    for quality in ("FAST", "FAST again", "BETTER"):
        took = button(scene, quality.split()[0], out / f"{quality.lower()}.exr")
        seconds[quality.lower()] = (seconds["noisy"][0], took)
    with_cycles = by_cycles(scene, out / "cycles.exr", 2 * spp, 0)
    seconds["cycles"] = (seconds["noisy"][0], with_cycles - seconds["noisy"][0])
    first = render(scene, out / "first.exr", spp, 0)
    seconds["best"] = (first, button(scene, "BEST", out / "best.exr"))
    print(scene.n2n.said)
    return seconds


def shot(scene, out, spp, frames, judged):
    """The same, of all frames together; rendering is inside."""
    scene.frame_start, scene.frame_end = min(frames), max(frames)
    seconds, middle = {}, f"frame_{judged:04d}.exr"
    for quality, samples in (("FAST", 2 * spp), ("BETTER", 2 * spp), ("BEST", spp)):
        folder = out / ("two" if quality == "BEST" else "one")
        scene.cycles.samples, scene.cycles.seed, scene.n2n.output = samples, 0, str(folder)
        started = time.perf_counter()
        assert bpy.ops.n2n.denoise_animation(quality=quality) == {"FINISHED"}
        seconds[quality.lower()] = (0.0, time.perf_counter() - started)
        kind = {"FAST": "denoised", "BETTER": "denoised_better", "BEST": "denoised_best"}[quality]
        (out / f"{quality.lower()}.exr").write_bytes((folder / kind / middle).read_bytes())
    print(scene.n2n.said)
    (out / "noisy.exr").write_bytes((out / "one" / "noisy" / middle).read_bytes())
    scene.cycles.use_animated_seed = True
    seconds["cycles"] = (0.0, by_cycles(scene, out / "cycles.exr", 2 * spp, 0, judged) * len(frames))
    scene.cycles.use_animated_seed = False
    return seconds


def picture(path):
    if path.with_suffix(".npy").exists():
        return np.maximum(np.load(path.with_suffix(".npy")), 0)
    return read_finished(path)


@click.command()
@click.argument("archive", type=click.Path(path_type=Path, exists=True))
@click.argument("blend", type=click.Path(path_type=Path, exists=True))
@click.option("--size", default="384x216")
@click.option("--spp", default=8)
@click.option("--frames", help="1-12: an animation.  [default: the still that the scene was saved at]")
@click.option("--judge", type=int, help="The frame that is compared.")
@click.option("--minutes", default=3.0)
@click.option("--reference-spp", default=256)
@click.option("--out", required=True, type=click.Path(path_type=Path))
def main(archive, blend, size, spp, frames, judge, minutes, reference_spp, out):
    out = out.resolve()
    scene = prepare(archive.resolve(), blend.resolve(), parse_size(size))
    scene.n2n.minutes = minutes
    names = ["noisy", "cycles", "fast", "better", "best"]
    if frames:
        seconds = shot(scene, out, spp, list(parse_frames(frames)), judge)
    else:
        seconds = still(scene, out, spp)
    for number, seed in enumerate(REFERENCE_SEEDS):
        render(scene, out / f"reference_{number}.exr", reference_spp, seed, judge)
    halves = [ExrImage.open(out / f"reference_{number}.exr").frame().color for number in (0, 1)]
    factor = np.float32(exposure((halves[0] + halves[1]) / 2))
    print(f"{blend.name}, {size}, {spp} + {spp} or {2 * spp} samples; seconds of rendering, seconds after it, PSNR on T")
    for name in names:
        image = picture(out / f"{name}.exr") * factor
        told = psnr(image=image, reference_a=halves[0] * factor, reference_b=halves[1] * factor)
        rendering, after = seconds.get(f"{name} again", seconds.get(name, (0.0, 0.0)))
        print(f"{name:>8} {rendering:8.1f} {after:8.1f} {told:8.2f} dB")


main()

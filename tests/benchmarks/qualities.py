"""What Fast, Better and Best give in Blender, and how long they take, beside Cycles' own denoiser at the same samples.

python tests/benchmarks/qualities.py ZIP scene.blend --size 384x216 --spp 8 --out FOLDER
python tests/benchmarks/qualities.py ZIP scene.blend --frames 1-12 --judge 6 --out FOLDER

In a Python of its own that has the bpy wheel alone, with the zip installed; Best is learned by the n2n-render of this Python.
Noisy, Cycles, Fast and Better get one render of twice --spp; Best gets two of --spp. Cycles' denoiser is at its best (accurate
prefiltering, quality high). PSNR on T against two independent halves.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REFERENCE_SEEDS = (1001, 2002)


def prepare(chosen):
    """The scene, with the settings that all renders share. Inside Blender, as all until `inside`."""
    archive, blend, size = chosen["archive"], chosen["blend"], chosen["size"]
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
    preferences.device, preferences.program = "cpu", chosen["program"]
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


def inside(chosen):
    """What Blender does; the seconds go to a file."""
    out, spp, frames, judge = Path(chosen["out"]), chosen["spp"], chosen["frames"], chosen["judge"]
    scene = prepare(chosen)
    scene.n2n.minutes, scene.n2n.views = chosen["minutes"], chosen["views"]
    seconds = shot(scene, out, spp, frames, judge) if frames else still(scene, out, spp)
    for number, seed in enumerate(REFERENCE_SEEDS):
        render(scene, out / f"reference_{number}.exr", chosen["reference_spp"], seed, judge)
    (out / "seconds.json").write_text(json.dumps({"seconds": seconds, "said": scene.n2n.said}))


def picture(path):
    from n2n_render.evaluate.views import read_finished

    if path.with_suffix(".npy").exists():
        return np.maximum(np.load(path.with_suffix(".npy")), 0)
    return read_finished(path)


def judge(out):
    """Name → PSNR on T in dB."""
    from n2n_render.frame.metrics import psnr
    from n2n_render.frame.transfer import exposure
    from n2n_render.io.exr import ExrImage

    halves = [ExrImage.open(out / f"reference_{number}.exr").frame().color for number in (0, 1)]
    factor = np.float32(exposure((halves[0] + halves[1]) / 2))
    a, b = (half * factor for half in halves)
    return {
        name: psnr(image=picture(out / f"{name}.exr") * factor, reference_a=a, reference_b=b)
        for name in ("noisy", "cycles", "fast", "better", "best")
    }


def main():
    import click

    @click.command()
    @click.argument("archive", type=click.Path(exists=True, resolve_path=True))
    @click.argument("blend", type=click.Path(exists=True, resolve_path=True))
    @click.option("--size", default="384x216")
    @click.option("--spp", default=8)
    @click.option("--frames", help="1-12: an animation.  [default: the still that the scene was saved at]")
    @click.option("--judge", "judged", type=int, help="The frame that is compared.")
    @click.option("--minutes", default=3.0)
    @click.option("--views", default=0, help="Other views that Best learns a still from, too.")
    @click.option("--reference-spp", default=256)
    @click.option("--out", required=True, type=click.Path(resolve_path=True))
    def command(judged, size, frames, **chosen):
        from n2n_render.io.ranges import parse_frames

        numbers = list(parse_frames(frames)) if frames else None
        chosen.update(judge=judged, size=[int(side) for side in size.split("x")], frames=numbers, program=sys.executable)
        sys.path.insert(0, str(Path(__file__).parents[1]))
        from addon_fixtures import python_with_bpy_alone

        out = Path(chosen["out"])
        with tempfile.TemporaryDirectory() as folder:
            python = python_with_bpy_alone(Path(folder) / "python")
            environment = {**os.environ, "BLENDER_USER_RESOURCES": f"{folder}/resources"}
            subprocess.run([python, __file__, "--inside", json.dumps(chosen)], env=environment, check=True)
        told, found = json.loads((out / "seconds.json").read_text()), judge(out)
        print(told["said"])
        spp = chosen["spp"]
        print(f"{Path(chosen['blend']).name}, {size}, {spp} + {spp} or {2 * spp} samples")
        print("seconds of rendering, seconds after it (the shot's: of everything), PSNR on T")
        for name, psnr_db in found.items():
            rendering, after = told["seconds"].get(f"{name} again") or told["seconds"].get(name) or (0.0, 0.0)
            print(f"{name:>8} {rendering:8.1f} {after:8.1f} {psnr_db:8.2f} dB")

    command()


if __name__ == "__main__":
    import numpy as np

    if sys.argv[1] == "--inside":
        import bpy

        inside(json.loads(sys.argv[2]))
    else:
        main()

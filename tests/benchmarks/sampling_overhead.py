"""How much longer `sample` takes than plain Blender for the same frames: one view, N seeds, interleaved runs.

    python tests/benchmarks/sampling_overhead.py scene.blend --seeds 8 --size 384x216 --spp 8

Plain Blender: one process that opens the scene once, persistent data on, and renders the same number of frames with the
same settings to EXR. Prints seconds of both and the ratio of the medians; goal: at most 1.1.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

PLAIN = """
import sys, bpy
scene_path, out, width, height, spp, count = sys.argv[1:]
bpy.ops.wm.open_mainfile(filepath=scene_path, load_ui=False, use_scripts=False)
scene = bpy.context.scene
scene.render.engine = "CYCLES"
scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = int(width), int(height), 100
scene.render.use_persistent_data = True
scene.render.use_compositing = False
scene.cycles.device, scene.cycles.samples = "CPU", int(spp)
scene.cycles.use_adaptive_sampling = scene.cycles.use_denoising = False
bpy.context.view_layer.cycles.denoising_store_passes = True
image = scene.render.image_settings
if hasattr(image, "media_type"):
    image.media_type = "MULTI_LAYER_IMAGE"
image.file_format, image.color_depth, image.exr_codec = "OPEN_EXR_MULTILAYER", "32", "ZIP"
for seed in range(int(count)):
    scene.cycles.seed = seed
    scene.render.filepath = f"{out}/{seed}.exr"
    bpy.ops.render.render(write_still=True)
"""


def timed(command):
    started = time.time()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.time() - started


@click.command()
@click.argument("scene")
@click.option("--seeds", default=8, help="Frames of the same view.")
@click.option("--size", default="384x216")
@click.option("--spp", default=8)
@click.option("--rounds", default=3)
def main(scene, seeds, size, spp, rounds):
    took = {"plain": [], "sample": []}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder) / "plain.py"
            script.write_text(PLAIN)
            took["plain"].append(timed([sys.executable, script, scene, folder, *size.split("x"), str(spp), str(seeds)]))
            took["sample"].append(
                timed(
                    [
                        sys.executable,
                        "-m",
                        "n2n_render",
                        "sample",
                        "--scene",
                        scene,
                        "--device",
                        "cpu",
                        "--spp",
                        str(spp),
                        "--size",
                        size,
                        "--seeds",
                        str(seeds),
                        "--out",
                        f"{folder}/data",
                    ]
                )
            )
    plain, ours = (statistics.median(took[key]) for key in ("plain", "sample"))
    print(
        f"{Path(scene).name}, {size}, {spp} spp, {seeds} frames, median of {rounds}: "
        f"plain {plain:.1f} s, sample {ours:.1f} s, ratio {ours / plain:.2f}"
    )


if __name__ == "__main__":
    main()

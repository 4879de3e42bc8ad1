"""From the click on Denoise to the picture, cold and warm, split into its steps. Run inside Blender, or with the bpy wheel:

BLENDER_USER_RESOURCES=$(mktemp -d) blender -b --factory-startup --python tests/benchmarks/button.py -- ZIP [1920x1080 [MODEL]]
"""

import statistics
import sys
import time

import bpy

ROUNDS = 5


def main(archive, size="1920x1080", model="oidn-large"):
    bpy.ops.extensions.package_install_files(filepath=archive, repo="user_default", enable_on_install=True)
    from bl_ext.user_default.n2n_denoise.ui import denoise

    scene = bpy.context.scene
    scene.render.engine, scene.cycles.samples = "CYCLES", 1
    scene.cycles.use_denoising = scene.cycles.use_adaptive_sampling = False
    scene.render.resolution_x, scene.render.resolution_y = map(int, size.split("x"))
    scene.view_layers[0].cycles.denoising_store_passes = True
    scene.n2n.model = model
    bpy.ops.render.render()
    rows = []
    for _ in range(1 + ROUNDS):
        started = time.perf_counter()
        bpy.ops.n2n.denoise(write_still=False)
        rows.append({"click to picture": time.perf_counter() - started, **split(denoise.LAST["seconds"])})
    warm = {name: statistics.median(row[name] for row in rows[1:]) for name in rows[0]}
    print(f"Blender {bpy.app.version_string}, {size}, {model}; seconds cold, and warm (median of {ROUNDS})")
    for name in warm:
        print(f"{name:>30} {rows[0][name]:8.2f} {warm[name]:8.2f} {warm[name] / warm['click to picture']:8.0%}")


def split(seconds):
    """What of it happens where: the process's own start is what the worker's steps do not explain."""
    inside = seconds["inside"]
    return {
        "save the render": seconds["save"],
        "start of the process, transfer": seconds["worker"] - sum(inside.values()),
        "load the model": inside["model"],
        "read": inside["read"],
        "network": inside["network"],
        "write": inside["write"],
        "load the picture": seconds["load"],
    }


main(*sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:])

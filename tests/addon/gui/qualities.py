"""A walk from a fresh noisy render to each quality, by real clicks, beside Cycles' own denoiser; clicks and seconds are told.

Best is walked only where N2N_PROGRAM names an installed n2n-render. A line for each:
walk: STILL FAST: 2 clicks, 3.4 s after the last of them
"""

import os
import sys
from pathlib import Path

import _cycles
import bpy

sys.path.insert(0, str(Path(__file__).parent))
import hand

PROGRAM = os.environ.get("N2N_PROGRAM", "")
PATIENCE_S = 900.0
FRAMES = 3
MINUTES = 0.5  # of learning


def walk(scene):
    _settings(scene)
    hand.open_panels(but=("N2N_PT_farm",))
    yield from hand.show_workspace("Rendering")
    yield from hand.keep_only("IMAGE_EDITOR")
    panel = yield from hand.add_panel()
    if _cycles.with_openimagedenoise:  # else Blender 4.3 does not render, and 5.2 does not denoise
        yield from _cycles_denoiser(scene, panel)
    for quality in ("FAST", "BETTER", *(["BEST"] if PROGRAM else [])):
        yield from _still(scene, panel, quality)
        yield from _animation(scene, panel, quality)
    if PROGRAM:
        yield from _look_at_the_error(scene)
    yield from _compare_and_save(panel)


def _cycles_denoiser(scene, panel):
    """Cycles' denoiser works only while it renders, so that the noisy render is made again."""
    yield from _render(scene)
    hand.count_anew()
    yield from hand.click(panel, "cycles.use_denoising")
    yield from hand.key("F12")
    yield from hand.until(lambda: bpy.app.is_job_running("RENDER"))
    yield from hand.until(lambda: not bpy.app.is_job_running("RENDER"), PATIENCE_S)
    _tell("CYCLES STILL")
    yield from hand.shot("quality", "cycles")
    scene.cycles.use_denoising = False


def _still(scene, panel, quality):
    yield from _render(scene)
    hand.count_anew()
    yield from hand.choose(panel, "n2n.quality", quality)
    yield from hand.click(panel, "n2n.denoise", *(["quality", "best", "rendering"] if quality == "BEST" else []))
    if quality == "BEST":
        yield from hand.until(lambda: "Learning" in bpy.data.images, PATIENCE_S)
        yield from hand.shot("quality", "best", "learning")
    yield from _until_idle()
    _tell(f"STILL {quality}")
    yield from hand.shot("quality", quality.lower())


def _animation(scene, panel, quality):
    """The range is rendered by the job itself: what is counted starts at nothing. The panel Animation is open."""
    scene.n2n.output = f"/tmp/animation/{quality.lower()}/"
    hand.count_anew()
    yield from hand.choose(panel, "n2n.quality", quality)
    yield from hand.click(panel, "n2n.denoise_animation")
    yield from _until_idle()
    _tell(f"ANIMATION {quality}, {FRAMES} frames")
    yield from hand.shot("quality", quality.lower(), "animation")


def _look_at_the_error(scene):
    """Of the last still, which Best has made; and both pictures beside each other."""
    for name in ("show_error", "use_wipe"):
        setattr(scene.n2n_compare, name, True)
        yield from hand.shot("quality", "best", name)
        setattr(scene.n2n_compare, name, False)


def _compare_and_save(panel):
    yield from hand.click(panel, "n2n.toggle", "quality", "compared")
    yield from hand.click(panel, "n2n.save_as", "quality", "save-as")
    yield from hand.close_dialog()


def _until_idle():
    jobs = hand.addon("jobs")
    yield from hand.until(lambda: not jobs.is_running(), PATIENCE_S)


def _tell(what):
    clicks, seconds = hand.counted()
    print(f"walk: {what}: {clicks} clicks, {seconds:.1f} s after the last of them")


def _render(scene):
    """A fresh noisy picture, shown; not counted."""
    bpy.ops.render.render(scene=scene.name)
    yield from hand.show_render()


def _settings(scene):
    print("walk: Blender", bpy.app.version_string, "with Open Image Denoise:", _cycles.with_openimagedenoise)
    scene.cycles.device, scene.cycles.samples = "CPU", 8
    scene.cycles.use_denoising = scene.cycles.use_adaptive_sampling = False
    scene.render.resolution_x, scene.render.resolution_y = 480, 270
    scene.frame_start, scene.frame_end = 1, FRAMES
    scene.view_layers[0].cycles.denoising_store_passes = True
    scene.n2n.minutes = MINUTES
    hand.preferences().program, hand.preferences().device = PROGRAM, "cpu"


hand.start(walk)

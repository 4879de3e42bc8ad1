"""A walk through Submit to Farm, with the n2n-render that N2N_PROGRAM names and a Slurm that takes everything.

The panel is long: GUI_SIZE=1600x1200, which RUN_GUI_SH takes.
"""

import os
import sys
import tempfile
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).parent))
import hand

PATIENCE_S = 600.0


def walk(scene):
    _settings(scene)
    hand.open_panels(but=("N2N_PT_compare", "N2N_PT_animation", "N2N_PT_settings"))
    yield from hand.show_workspace("Rendering")
    yield from hand.keep_only("IMAGE_EDITOR")
    panel = yield from hand.add_panel()
    assert not bpy.data.is_dirty
    yield from hand.shot("farm", "before")
    bpy.ops.ed.undo_push(message="a change")
    assert bpy.data.is_dirty
    yield from hand.shot("farm", "unsaved")
    yield from hand.click(panel, "wm.save_mainfile")
    yield from hand.click(panel, "n2n.write_farm_job", "farm", "during")
    yield from _until_idle()
    yield from hand.shot("farm", "written")
    assert scene.n2n_farm.line and not bpy.data.is_dirty, "what was done is no change that must be saved"
    yield from hand.click(panel, "n2n.copy_farm_line")
    assert bpy.context.window_manager.clipboard == scene.n2n_farm.line
    yield from hand.click(panel, "n2n.submit_to_farm")
    yield from hand.key("Escape")
    yield from _until_idle()
    assert scene.n2n_farm.line, "it was cancelled"
    yield from hand.click(panel, "n2n.submit_to_farm")
    yield from _until_idle()
    yield from hand.shot("farm", "submitted")
    assert not scene.n2n_farm.line and "It says: " in scene.n2n_farm.said, scene.n2n_farm.said
    yield from hand.show_preferences()
    yield from hand.shot("farm", "preferences")


def _until_idle():
    yield from hand.until(lambda: not hand.addon("jobs").is_running(), PATIENCE_S)


def _settings(scene):
    hand.preferences().program = os.environ["N2N_PROGRAM"]
    hand.preferences().farm_engine = "SLURM"
    scene.cycles.device, scene.cycles.samples, scene.frame_end = "CPU", 16, 24
    scene.cycles.use_adaptive_sampling = False
    scene.render.resolution_x, scene.render.resolution_y = 480, 270
    bpy.ops.wm.save_mainfile()
    sbatch = Path(tempfile.mkdtemp()) / "sbatch"
    sbatch.write_text("#!/bin/sh\necho 12\n")
    sbatch.chmod(0o755)
    os.environ["PATH"] = f"{sbatch.parent}:{os.environ['PATH']}"


hand.start(walk)

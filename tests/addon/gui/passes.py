"""A walk to All Passes and Strength per Object: the checkbox, the list, and the node group with a socket for each pass."""

import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).parent))
import hand

OPEN = ("N2N_PT_settings", "N2N_PT_strengths")
ABOVE = ("CYCLES_RENDER_PT_sampling_render_denoise", "CYCLES_RENDER_PT_sampling_render")  # ours has more room without them


def walk(scene):
    _settings(scene)
    for name in ABOVE:
        bpy.utils.unregister_class(getattr(bpy.types, name))
    hand.open_panels(but={name for name in dir(bpy.types) if name.startswith("N2N_PT_")} - set(OPEN))
    yield from hand.show_workspace("Rendering")
    yield from hand.keep_only("IMAGE_EDITOR")
    panel = yield from hand.add_panel()
    yield from hand.click(panel, "n2n.enable_cryptomatte", "passes", "cryptomatte")
    bpy.ops.render.render(scene=scene.name)
    yield from hand.show_render()
    yield from hand.click(panel, "n2n.all_passes")
    assert scene.n2n.all_passes
    yield from hand.click(panel, "n2n.list_masks")
    yield from hand.until(_is_idle)
    names = [item.name for item in scene.n2n.strengths]
    print("walk: listed", len(names), names[:5])
    yield from hand.click(panel, "n2n.strengths[0].own")
    scene.n2n.strengths[1].strength = 0.3
    yield from hand.shot("passes", "list")
    yield from hand.click(panel, "n2n.denoise")
    yield from hand.until(_is_idle)
    yield from hand.shot("passes", "denoised")
    yield from _compositor(scene)


def _is_idle():
    return not hand.addon("jobs").is_running()


def _settings(scene):
    scene.cycles.device, scene.cycles.samples = "CPU", 8
    scene.cycles.use_denoising = scene.cycles.use_adaptive_sampling = False
    scene.render.resolution_x, scene.render.resolution_y = 480, 270
    layer = scene.view_layers[0]
    layer.cycles.denoising_store_passes = True
    layer.use_pass_emit = layer.use_pass_diffuse_direct = True
    layer.use_pass_diffuse_indirect = layer.use_pass_diffuse_color = True
    lit = {"lamp": "key", "bulb": "blue"}  # material → light group
    for name in lit.values():
        layer.lightgroups.add(name=name)
    for thing in scene.objects:
        names = {slot.material.name for slot in thing.material_slots if slot.material} & set(lit)
        thing.lightgroup = lit[names.pop()] if names else ""


def _compositor(scene):
    yield from hand.show_workspace("Compositing")
    yield from hand.keep_only("NODE_EDITOR")
    editor = hand.largest("NODE_EDITOR")
    for name in ("show_region_ui", "show_region_toolbar", "show_region_asset_shelf"):
        if hasattr(editor.spaces.active, name):
            setattr(editor.spaces.active, name, False)
    for node in hand.addon("versions").compositor_tree(scene).nodes:
        node.select = False
    yield 1.0
    hand.call(editor, bpy.ops.node.view_all)
    yield from hand.shot("passes", "nodes")


hand.start(walk)

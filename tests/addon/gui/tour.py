"""A walk through the extension: every state of the panel, the header's buttons, the nodes, the preferences; with pictures."""

import sys
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).parent))
import hand


def tour(scene):
    _settings(scene)
    hand.open_panels(but=("N2N_PT_farm",))
    yield from hand.show_workspace("Rendering")
    yield from hand.keep_only("IMAGE_EDITOR")
    panel = yield from hand.add_panel()
    yield from _denoise(panel, "nothing-rendered")
    yield from hand.close_message()
    yield from _render(scene)
    yield from _denoise(panel, "softer")
    yield from _render(scene)
    yield from hand.shot("panel", "before")
    yield from hand.click(panel, "n2n.denoise", "panel", "during")
    yield from hand.until(_is_idle)
    print("walk: seconds", hand.addon("denoise").LAST["seconds"])
    yield from hand.shot("panel", "after")
    yield from _header()
    yield from _compare(panel)
    yield from _other_states(scene, panel)
    yield from _compositor()
    yield from hand.show_preferences()
    yield from hand.shot("preferences")


def _denoise(panel, name):
    yield from hand.click(panel, "n2n.denoise")
    yield from hand.until(_is_idle)
    yield from hand.shot("panel", name)


def _is_idle():
    return not hand.addon("jobs").is_running()


def _header():
    """The header's buttons, and what they do: noisy, denoised again."""
    editor = hand.largest("IMAGE_EDITOR")
    right_end = (editor.x + editor.width - 700, editor.y + editor.height - 60, 700, 60)
    yield from hand.shot("header", crop=right_end)
    yield from hand.click(editor, "n2n.toggle", across=True)
    yield from hand.shot("header", "noisy", crop=right_end)
    yield from hand.shot("panel", "noisy")
    yield from hand.click(editor, "n2n.toggle", across=True)


def _compare(panel):
    yield from hand.click(panel, "n2n_compare.use_wipe")
    yield from hand.shot("panel", "wipe")
    yield from hand.click(panel, "n2n_compare.use_wipe")
    yield from hand.click(panel, "n2n.save_as", "panel", "save")
    yield from hand.close_dialog()


def _other_states(scene, panel):
    """What may be in the way, and the button that mends it."""
    scene.render.use_compositing = False
    yield from hand.shot("panel", "compositing-off")
    yield from hand.click(panel, "n2n.enable_compositing")
    scene.render.engine = next(name for name in hand.engines() if "EEVEE" in name)
    yield from hand.shot("panel", "eevee")
    yield from hand.click(panel, "n2n.use_cycles")
    for quality in ("BETTER", "BEST"):
        yield from hand.choose(panel, "n2n.quality", quality)
        yield from hand.shot("panel", quality.lower())
    yield from hand.choose(panel, "n2n.quality", "FAST")


def _compositor():
    """The nodes, and above them what they make of the render."""
    yield from hand.show_workspace("Compositing")
    yield from hand.keep_only("NODE_EDITOR")
    yield from hand.split("HORIZONTAL", 0.5, "IMAGE_EDITOR")
    yield from hand.show_render()
    editor = hand.largest("NODE_EDITOR")
    for name in ("show_region_ui", "show_region_toolbar", "show_region_asset_shelf"):
        if hasattr(editor.spaces.active, name):
            setattr(editor.spaces.active, name, False)
    nodes = hand.addon("versions").compositor_tree(bpy.context.scene).nodes
    for node in nodes:
        node.select = False
    nodes["Exposure"].inputs["Exposure"].default_value = 0.6  # Blender composites again when a node changes, not before
    yield 3.0
    hand.call(editor, bpy.ops.node.view_all)
    yield from hand.shot("compositor")


def _settings(scene):
    scene.cycles.device, scene.cycles.samples = "CPU", 8
    scene.cycles.use_denoising = scene.cycles.use_adaptive_sampling = False
    scene.render.resolution_x, scene.render.resolution_y = 480, 270
    tree = hand.addon("versions").make_compositor_tree(scene)
    _insert_exposure(tree)
    scene.n2n.made_tree = False


def _insert_exposure(tree):
    """Something of the artist's own, which the denoised picture must go through."""
    link = next(link for link in tree.links if link.from_node.type == "R_LAYERS")
    layers, output = link.from_node, link.to_node
    exposure = tree.nodes.new("CompositorNodeExposure")
    exposure.inputs["Exposure"].default_value = 0.5
    for node, right in ((exposure, 60), (output, 260)):
        node.location = (layers.location.x + layers.width + right, layers.location.y)
    tree.links.new(exposure.outputs[0], link.to_socket)
    tree.links.new(layers.outputs["Image"], exposure.inputs[0])


def _render(scene):
    bpy.ops.render.render(scene=scene.name)
    yield from hand.show_render()


hand.start(tour)

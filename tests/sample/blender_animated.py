"""Runs inside Blender: a scene for each way to animate render settings, in the .blend of the last argument.

Every animation asks for 3 samples, seed 5, a third of the resolution, denoising and adaptive sampling on, a border.
"""

import sys

import bpy

SETTINGS = {
    "cycles.samples": 3,
    "cycles.seed": 5,
    "cycles.use_denoising": True,
    "cycles.use_adaptive_sampling": True,
    "cycles.sample_offset": 1,
    "render.resolution_percentage": 33,
    "render.use_border": True,
    "view_layers[0].samples": 2,
    "view_layers[0].use_pass_vector": False,
    "view_layers[0].cycles.denoising_store_passes": False,
}


def main(path):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    for build in (action, nla, meta, layers, drivers, tweaked, through_a_node):
        scene = new_scene(build.__name__)
        build(scene)
    new_scene("still")
    black = new_scene("black")
    black.world.node_tree.nodes["Background"].inputs["Strength"].default_value = 0
    bpy.ops.wm.save_as_mainfile(filepath=path, check_existing=False)


def new_scene(name):
    scene = bpy.data.scenes.new(name)
    scene.render.engine = "CYCLES"
    scene.render.resolution_x, scene.render.resolution_y = 32, 18
    scene.cycles.max_bounces = 4
    scene.world = bpy.data.worlds.new(name)
    scene.world.use_nodes = True
    if "Background" not in scene.world.node_tree.nodes:
        background, output = (scene.world.node_tree.nodes.new(f"ShaderNode{kind}") for kind in ("Background", "OutputWorld"))
        scene.world.node_tree.links.new(background.outputs[0], output.inputs["Surface"])
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    camera.location, camera.rotation_euler = (0, -6, 2), (1.3, 0, 0)
    scene.collection.objects.link(camera)
    scene.camera = camera
    mesh = bpy.data.meshes.new("ground")
    mesh.from_pydata(
        [(-4, -4, 0), (4, -4, 0), (4, 4, 0), (-4, 4, 0), (0, 2, 0), (1, 2, 2), (-1, 2, 2)], [], [(0, 1, 2, 3), (4, 5, 6)]
    )
    scene.collection.objects.link(bpy.data.objects.new("ground", mesh))
    return scene


def named(scene, path):
    return path.replace("[0]", f'["{scene.view_layers[0].name}"]')


def animatable(scene):
    for path, value in SETTINGS.items():
        owner, _, name = path.rpartition(".")
        if scene.path_resolve(owner).bl_rna.properties[name].is_animatable:
            yield path, value


def keyed(scene):
    """The scene's own action with a key on every setting; the settings themselves are put back."""
    for path, value in animatable(scene):
        owner, _, name = path.rpartition(".")
        owner = scene.path_resolve(owner)
        before = getattr(owner, name)
        setattr(owner, name, value)
        scene.keyframe_insert(named(scene, path), frame=1)
        setattr(owner, name, before)
    return scene.animation_data.action


def action(scene):
    keyed(scene)


def nla(scene):
    strip(scene, keyed(scene))


def strip(scene, what):
    made = scene.animation_data.nla_tracks.new().strips.new("settings", 1, what)
    if hasattr(made, "action_slot") and made.action_slot is None:
        made.action_slot = what.slots[0]
    scene.animation_data.action = None
    return made


def meta(scene):
    """The strip is part of another one."""
    made = strip(scene, keyed(scene))
    made.select = True
    window = bpy.context.window_manager.windows[0]
    window.scene = scene
    area = window.screen.areas[0]
    area.type = "NLA_EDITOR"
    with bpy.context.temp_override(window=window, area=area, region=area.regions[-1], scene=scene):
        bpy.ops.nla.meta_add()


def layers(scene):
    """An action whose slot is shared with another scene, and a second slot that nobody uses."""
    what = keyed(scene)
    if hasattr(what, "slots"):
        what.slots.new(id_type="OBJECT", name="nobody")


def drivers(scene):
    for path, value in animatable(scene):
        scene.driver_add(named(scene, path)).driver.expression = str(float(value))


def tweaked(scene):
    """Saved in the middle of editing a strip."""
    made = strip(scene, keyed(scene))
    made.select = True
    scene.animation_data.nla_tracks[0].select = True
    scene.animation_data.use_tweak_mode = True


def through_a_node(scene):
    """The action of a compositing tree whose node points to the scene."""
    if hasattr(scene, "compositing_node_group"):
        tree = scene.compositing_node_group = bpy.data.node_groups.new("post", "CompositorNodeTree")
    else:
        scene.use_nodes = True
        tree = scene.node_tree
    node = tree.nodes.new("CompositorNodeRLayers")
    node.name, node.scene = "Layers", scene
    tree.animation_data_create()
    what = tree.animation_data.action = bpy.data.actions.new("post")
    if hasattr(what, "slots"):
        slot = tree.animation_data.action_slot = what.slots.new(id_type="NODETREE", name="post")
        curves = what.layers.new("all").strips.new(type="KEYFRAME").channelbag(slot, ensure=True).fcurves
    else:
        curves = what.fcurves
    for path, value in SETTINGS.items():
        if not path.startswith("view_layers"):
            curves.new(f'nodes["Layers"].scene.{path}').keyframe_points.insert(1, float(value))


main(sys.argv[-1])

"""Runs inside Blender: builds places where a moved camera can go wrong, a scene each, in the .blend of the last argument.

All but two have a camera in the room x ±2, y ±3, z 0 … 2.5, beside its walls, under a bright sky that must not be seen.
"""

import math
import sys

import bpy
from mathutils import Matrix, Vector

CORNER, MIDDLE = (1.7, -2.7, 1.4), (-0.6, 1.0, 0.8)


def main(path):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    build("Thin", [thin_walls])
    build("Thick", [thick_walls])
    build("Fog", [thick_walls, fog])
    build("Glass", [thin_walls, window])
    build("Dome", [thin_walls, dome])
    build("DarkNextDoor", [thin_walls, dark_room_behind_a_door], camera=(1.6, -1.0, 1.2), target=(-1.5, 0.5, 0.8))
    build("ShownAsBoxes", [thin_walls, shown_as_boxes])
    build("HiddenInTheViewport", [thin_walls, hidden_in_the_viewport])
    build("Instance", [thin_walls, as_instance])
    build("InsideOut", [lambda scene: box(scene, "room", (0, 0, 1.25), (4, 6, 2.5))])
    build("Clipped", [thin_walls, clip_at(1.2)], camera=(0, -4, 1.4))
    build("ClippedThick", [thick_walls, clip_at(1.6)], camera=(0, -4.4, 1.4))
    build("WallForLightOnly", [thin_walls, hide_front_from_the_camera], camera=(0, -4, 1.4))
    build("SeenThroughBacks", [thin_walls, backs_are_clear], camera=(0, -3.2, 1.4))
    build("Panorama", [thin_walls, panorama])
    build("Orthographic", [thin_walls, orthographic])
    build("LastStep", [thin_walls, clip_at(0.8)], camera=(1.95, -2.95, 1.4))
    build("Unlit", [thin_walls, black_sky], light=False)
    build("Exterior", [houses], camera=(0, -14, 2), target=(0, 0, 1.5), light=False)
    build("Product", [backdrop], camera=(0, -8, 2), target=(0, 0, 0.1), lens=135)
    macro = build("Macro", [thick_walls], lens=80)
    shrink(macro, 0.002)
    bpy.ops.wm.save_as_mainfile(filepath=path, check_existing=False)


def build(name, parts, camera=CORNER, target=MIDDLE, lens=24, light=True):
    scene = bpy.data.scenes.new(name)
    scene.render.engine = "CYCLES"
    scene.world = bpy.data.worlds.new(name)
    scene.world.use_nodes = True
    background = next(node for node in scene.world.node_tree.nodes if node.type == "BACKGROUND")
    background.inputs["Color"].default_value = (0.6, 0.7, 1.0, 1)
    add_camera(scene, Vector(camera), Vector(target), lens)
    for part in parts:
        part(scene)
    if light:
        lamp = bpy.data.objects.new("lamp", bpy.data.lights.new("lamp", "POINT"))
        lamp.data.energy, lamp.location = 100, (0, 0, 2.2)
        scene.collection.objects.link(lamp)
    box(scene, "table", (-0.8, 1.2, 0.4), (1, 1, 0.8), color=(0.8, 0.3, 0.1))
    return scene


def add_camera(scene, place, target, lens):
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    camera.data.lens = lens
    camera.matrix_world = Matrix.Translation(place) @ (target - place).to_track_quat("-Z", "Y").to_matrix().to_4x4()
    scene.collection.objects.link(camera)
    scene.camera = camera


def thin_walls(scene):
    """Six planes, normals inwards."""
    for name, place, size, turn in (
        ("floor", (0, 0, 0), (4, 6), (0, 0)),
        ("ceiling", (0, 0, 2.5), (4, 6), (180, 0)),
        ("front", (0, -3, 1.25), (4, 2.5), (-90, 0)),
        ("rear", (0, 3, 1.25), (4, 2.5), (90, 0)),
        ("left", (-2, 0, 1.25), (2.5, 6), (0, 90)),
        ("right", (2, 0, 1.25), (2.5, 6), (0, -90)),
    ):
        plane(scene, name, place, size, turn)


def thick_walls(scene):
    for name, place, size in (
        ("floor", (0, 0, -0.2), (4.8, 6.8, 0.4)),
        ("ceiling", (0, 0, 2.7), (4.8, 6.8, 0.4)),
        ("front", (0, -3.2, 1.25), (4.8, 0.4, 2.5)),
        ("rear", (0, 3.2, 1.25), (4.8, 0.4, 2.5)),
        ("left", (-2.2, 0, 1.25), (0.4, 6.8, 2.5)),
        ("right", (2.2, 0, 1.25), (0.4, 6.8, 2.5)),
    ):
        box(scene, name, place, size)


def fog(scene):
    """A domain around everything, filled with a volume only."""
    thing = box(scene, "domain", (0, 0, 1), (20, 20, 12))
    tree = thing.data.materials[0].node_tree
    tree.nodes.clear()
    volume = tree.nodes.new("ShaderNodeVolumePrincipled")
    volume.inputs["Density"].default_value = 0.02
    tree.links.new(volume.outputs["Volume"], tree.nodes.new("ShaderNodeOutputMaterial").inputs["Volume"])


def window(scene):
    """The right wall is of glass: the sky is seen through it, and no camera goes there."""
    shader(part(scene, "right")).inputs["Transmission Weight"].default_value = 1.0


def dome(scene):
    """A sky that is a mesh: rays never end in nothing, not outside either."""
    bpy.context.window.scene = scene
    bpy.ops.mesh.primitive_uv_sphere_add(radius=30, segments=24, ring_count=12)
    material = bpy.data.materials.new("dome")
    material.use_nodes = True
    bpy.context.object.data.materials.append(material)
    shader(bpy.context.object).inputs["Emission Strength"].default_value = 1.0


def dark_room_behind_a_door(scene):
    """The right wall gets a hole of a door's size, with an unlit room behind it."""
    bpy.data.objects.remove(part(scene, "right"))
    plane(scene, "beside", (2, -2.25, 1.25), (2.5, 1.5), (0, -90))
    plane(scene, "behind", (2, 1.5, 1.25), (2.5, 3), (0, -90))
    for name, place, size, turn in (
        ("d1", (4, 0, 1.25), (2.5, 6), (0, -90)),
        ("d2", (3, -3, 1.25), (2, 2.5), (-90, 0)),
        ("d3", (3, 3, 1.25), (2, 2.5), (90, 0)),
        ("d4", (3, 0, 0), (2, 6), (0, 0)),
        ("d5", (3, 0, 2.5), (2, 6), (180, 0)),
    ):
        shader(plane(scene, name, place, size, turn)).inputs["Base Color"].default_value = (0, 0, 0, 1)


def shown_as_boxes(scene):
    for thing in scene.objects:
        if thing.type == "MESH":
            thing.display_type = "BOUNDS"


def hidden_in_the_viewport(scene):
    for thing in scene.objects:
        thing.hide_viewport = thing.type == "MESH"


def as_instance(scene):
    """The walls are instances of a collection that is not in the scene."""
    walls = bpy.data.collections.new("walls")
    for thing in [thing for thing in scene.objects if thing.type == "MESH"]:
        walls.objects.link(thing)
        scene.collection.objects.unlink(thing)
    holder = bpy.data.objects.new("holder", None)
    holder.instance_type, holder.instance_collection = "COLLECTION", walls
    scene.collection.objects.link(holder)


def clip_at(distance):
    def clip(scene):
        scene.camera.data.clip_start = distance

    return clip


def panorama(scene):
    scene.camera.data.type = "PANO"


def orthographic(scene):
    scene.camera.data.type, scene.camera.data.ortho_scale = "ORTHO", 1.5


def black_sky(scene):
    scene.world.node_tree.nodes["Background"].inputs["Strength"].default_value = 0


def hide_front_from_the_camera(scene):
    part(scene, "front").visible_camera = False


def backs_are_clear(scene):
    """The front wall is clear where it is seen from behind, a trick for pictures of rooms."""
    tree = part(scene, "front").data.materials[0].node_tree
    nodes = {node.type: node for node in tree.nodes}
    mix, clear = tree.nodes.new("ShaderNodeMixShader"), tree.nodes.new("ShaderNodeBsdfTransparent")
    tree.links.new(tree.nodes.new("ShaderNodeNewGeometry").outputs["Backfacing"], mix.inputs[0])
    tree.links.new(nodes["BSDF_PRINCIPLED"].outputs[0], mix.inputs[1])
    tree.links.new(clear.outputs[0], mix.inputs[2])
    tree.links.new(mix.outputs[0], nodes["OUTPUT_MATERIAL"].inputs["Surface"])


def houses(scene):
    plane(scene, "ground", (0, 0, 0), (200, 200), (0, 0))
    for index in range(5):
        box(scene, f"house {index}", (5 * index - 10, 2 * (index % 3), 2), (3, 3, 4), color=(0.2 + 0.15 * index, 0.5, 0.4))


def backdrop(scene):
    plane(scene, "ground", (0, 0, 0), (3, 3), (0, 0))
    plane(scene, "paper", (0, 1.5, 1.5), (3, 3), (90, 0))
    box(scene, "product", (0, 0, 0.12), (0.25, 0.25, 0.24), color=(0.9, 0.1, 0.1))


def shrink(scene, factor):
    """A doll's house of millimetres, seen through a lens whose opening is wide for it (in sight of the walls beside it)."""
    for thing in scene.objects:
        thing.matrix_basis = Matrix.Scale(factor, 4) @ thing.matrix_basis
        if thing.type == "LIGHT":
            thing.data.energy *= factor**2
            thing.data.shadow_soft_size *= factor
    camera = scene.camera
    camera.scale = (1, 1, 1)
    camera.data.clip_start = 1e-4
    camera.data.dof.use_dof, camera.data.dof.aperture_fstop = True, 128.0
    camera.data.dof.focus_distance = factor * (Vector(CORNER) - Vector(MIDDLE)).length


def part(scene, name):
    return next(thing for thing in scene.objects if thing.name.split(".")[0] == name)


def shader(thing):
    return next(node for node in thing.data.materials[0].node_tree.nodes if node.type == "BSDF_PRINCIPLED")


def plane(scene, name, place, size, turn):
    x, y = size[0] / 2, size[1] / 2
    thing = mesh(scene, name, [(-x, -y, 0), (x, -y, 0), (x, y, 0), (-x, y, 0)], [(0, 1, 2, 3)], (0.6, 0.6, 0.6))
    thing.location, thing.rotation_euler = place, (math.radians(turn[0]), math.radians(turn[1]), 0)
    return thing


def box(scene, name, place, size, color=(0.6, 0.6, 0.6)):
    x, y, z = (value / 2 for value in size)
    corners = [(i, j, k) for i in (-x, x) for j in (-y, y) for k in (-z, z)]
    thing = mesh(
        scene, name, corners, [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)], color
    )
    thing.location = place
    return thing


def mesh(scene, name, corners, faces, color):
    data = bpy.data.meshes.new(name)
    data.from_pydata(corners, [], faces)
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    data.materials.append(material)
    thing = bpy.data.objects.new(name, data)
    shader(thing).inputs["Base Color"].default_value = (*color, 1)
    scene.collection.objects.link(thing)
    return thing


main(sys.argv[-1])

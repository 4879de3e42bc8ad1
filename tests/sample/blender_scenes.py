"""Runs inside Blender: builds the scenes of these tests in the folder that is the last argument, and facts.json."""

import json
import math
import os
import sys

import bpy

CORRIDOR = (1, 8, 1)


def main(folder):
    bpy.ops.wm.open_mainfile(filepath=os.path.join(folder, "demo.blend"))
    facts = {"demo_camera": flat(bpy.context.scene.camera)}
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.name = "Main"
    facts["corridor"] = CORRIDOR
    facts["moving_camera"] = build_main(scene)
    build_other(bpy.data.scenes.new("Other"))
    passive = bpy.data.scenes.new("Passive")
    build_other(passive, camera="Spare")
    passive.camera = None
    build_corridor(bpy.data.scenes.new("Corridor"))
    build_path(bpy.data.scenes.new("Path"))
    save(folder, "moving.blend")
    for camera in list(bpy.data.cameras):
        bpy.data.cameras.remove(camera)
    save(folder, "nocamera.blend")
    with open(os.path.join(folder, "facts.json"), "w") as file:
        json.dump(facts, file)


def build_main(scene):
    """A moving cube under open sky, with all that an artist may have switched on. Returns the camera's matrix."""
    add_box(scene.collection, "floor", (0, 0, -0.1), (6, 6, 0.2), (0.6, 0.4, 0.2))
    cubes = bpy.data.collections.new("cubes")
    scene.collection.children.link(cubes)
    cube = add_box(cubes, "cube", (-1.5, 0, 0.5), (1, 1, 1), (0.1, 0.3, 0.8))
    cube.keyframe_insert("location", frame=1)
    cube.location.x = 1.5
    cube.keyframe_insert("location", frame=5)
    front = add_camera(scene, "Front", (0, -6, 2), (75, 0, 0))
    front.data.dof.use_dof, front.data.dof.focus_distance, front.data.dof.aperture_fstop = True, 3.0, 0.2
    side = add_camera(scene, "Side", (6, 0, 2), (75, 0, 90))
    drone = add_camera(scene, "Drone", (-1, -6, 2), (75, 0, 0))
    drone.keyframe_insert("location", frame=1)
    drone.location.x = 1
    drone.keyframe_insert("location", frame=5)
    scene.timeline_markers.new("front", frame=1).camera = front
    scene.timeline_markers.new("side", frame=10).camera = side
    scene.view_layers[0].name = "Main.Layer"
    scene.view_layers.new("No Cubes").layer_collection.children["cubes"].exclude = True
    use_settings(scene)
    scene.render.use_motion_blur, scene.render.motion_blur_shutter = True, 1.0
    cycles = scene.cycles
    cycles.use_adaptive_sampling, cycles.adaptive_threshold, cycles.use_denoising = True, 0.5, True
    paint_it_black(scene)
    scene.frame_set(3)
    return flat(front)


def build_other(scene, camera="Lone"):
    """Plain geometry, nothing moves or is out of focus; a seed that follows the frame, a layer with its own samples."""
    scene.driver_add("cycles.seed").driver.expression = "frame"
    scene.view_layers[0].samples = 2
    add_box(scene.collection, "ground", (0, 0, -0.1), (4, 4, 0.2), (0.5, 0.5, 0.5))
    add_box(scene.collection, "block", (0, 0, 0.6), (1.2, 1.2, 1.2), (0.8, 0.2, 0.1))
    add_camera(scene, camera, (0, -6, 2), (75, 0, 0))
    use_settings(scene)


def build_corridor(scene):
    """A camera inside of a long closed box: hardly any place beside it is free."""
    add_box(scene.collection, "walls", (0, 0, 0.5), CORRIDOR, (0.5, 0.5, 0.5))
    add_camera(scene, "Visitor", (0, -3, 0.5), (90, 0, 0))
    use_settings(scene)


def build_path(scene):
    """A camera that goes to the right past striped boxes, five frames long, without motion blur."""
    add_box(scene.collection, "path", (0, 0, -0.1), (6, 6, 0.2), (0.7, 0.6, 0.3))
    for index in range(7):
        add_box(
            scene.collection,
            f"post {index}",
            (index - 3, index % 3 - 1, 0.5),
            (0.4, 0.4, 1),
            ((0.8, 0.1, 0.1), (0.1, 0.7, 0.2), (0.1, 0.2, 0.9))[index % 3],
        )
    walker = add_camera(scene, "Walker", (-0.6, -6, 2), (75, 0, 0))
    walker.keyframe_insert("location", frame=1)
    walker.location.x = 0.6
    walker.keyframe_insert("location", frame=5)
    use_settings(scene)


def use_settings(scene):
    scene.world = scene.world or bpy.data.worlds.new("sky")
    scene.render.engine = "CYCLES"
    scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = 128, 72, 50


def add_box(collection, name, location, size, color):
    x, y, z = (value / 2 for value in size)
    corners = [(i, j, k) for i in (-x, x) for j in (-y, y) for k in (-z, z)]
    faces = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(corners, [], faces)
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    material.node_tree.nodes["Principled BSDF"].inputs["Base Color"].default_value = (*color, 1)
    mesh.materials.append(material)
    thing = bpy.data.objects.new(name, mesh)
    thing.location = location
    collection.objects.link(thing)
    return thing


def add_camera(scene, name, location, degrees):
    camera = bpy.data.objects.new(name, bpy.data.cameras.new(name))
    camera.location = location
    camera.rotation_euler = [math.radians(angle) for angle in degrees]
    scene.collection.objects.link(camera)
    scene.camera = scene.camera or camera
    return camera


def paint_it_black(scene):
    """Compositing that hides the picture."""
    if hasattr(scene, "compositing_node_group"):  # 5.0
        tree = bpy.data.node_groups.new("black", "CompositorNodeTree")
        tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        tree.nodes.new("NodeGroupOutput").inputs[0].default_value = (0, 0, 0, 1)
        scene.compositing_node_group = tree
    else:
        scene.use_nodes = True
        scene.node_tree.nodes.clear()
        scene.node_tree.nodes.new("CompositorNodeComposite").inputs["Image"].default_value = (0, 0, 0, 1)
    scene.render.use_compositing = True


def flat(camera):
    bpy.context.view_layer.update()
    return [value for row in camera.matrix_world for value in row]


def save(folder, name):
    bpy.ops.wm.save_as_mainfile(filepath=os.path.join(folder, name), check_existing=False)


main(sys.argv[-1])

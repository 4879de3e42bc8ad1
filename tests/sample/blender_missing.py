"""Runs inside Blender: scenes that read files of every kind, most of them not there. The last argument is their folder.

absent.blend: nothing that it names exists; present.blend: all of it does; packed.blend: it was packed and then removed.
"""

import os
import sys

import bpy


def main(folder):
    for state in ("absent", "present"):
        files = os.path.join(folder, state)
        os.makedirs(files)
        link_libraries(files, state)
        world(files)
        write_names(files, names(), state == "present")
        bpy.ops.wm.save_as_mainfile(filepath=os.path.join(folder, f"{state}.blend"), check_existing=False)
        for name in ("inner.blend", "outer.blend") if state == "absent" else ():
            os.remove(os.path.join(files, name))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    new_scene()
    image_node("generated.png", "FILE", os.path.join(folder, "generated.png"))
    image = bpy.data.images[0]
    image.source = "GENERATED"
    image.pixels[0] = 0.5
    image.pack()
    image.filepath_raw = os.path.join(folder, "gone.png")
    bpy.ops.wm.save_as_mainfile(filepath=os.path.join(folder, "packed.blend"), check_existing=False, compress=False)


def names():
    """Files that the scene of `world` needs at frames 1 and 3."""
    return [
        "still.png",
        "movie.mp4",
        "walk_0011.png",
        "walk_0013.png",
        "tile.1001.png",
        "tile.1012.png",
        "smoke_0001.vdb",
        "smoke_0003.vdb",
        "cloud.vdb",
        "actors.abc",
        "verts.mdd",
        "letters.ttf",
        "lamp.ies",
        "wood.osl",
        "fluid",
    ]


def write_names(files, wanted, there):
    for name in wanted if there else ():
        path = os.path.join(files, name)
        if name == "fluid":
            os.makedirs(os.path.join(path, "data"))
        else:
            with open(path, "wb") as file:
                file.write(b"?")


def new_scene():
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.render.resolution_x, scene.render.resolution_y = 16, 9
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    scene.collection.objects.link(camera)
    scene.camera = camera
    return scene


def link_libraries(files, state):
    """The scene links outer.blend, which links inner.blend."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    thing = bpy.data.objects.new("inner", bpy.data.meshes.new("inner"))
    bpy.context.scene.collection.objects.link(thing)
    bpy.ops.wm.save_as_mainfile(filepath=os.path.join(files, "inner.blend"), check_existing=False)
    for source, name, target in (("inner.blend", "inner", "outer.blend"), ("outer.blend", "outer", None)):
        bpy.ops.wm.read_factory_settings(use_empty=True)
        with bpy.data.libraries.load(os.path.join(files, source), link=True) as (_, wanted):
            wanted.collections = [name] if name == "outer" else []
            wanted.objects = [name] if name == "inner" else []
        if target:
            outer = bpy.data.collections.new("outer")
            outer.objects.link(bpy.data.objects["inner"])
            bpy.context.scene.collection.children.link(outer)
            bpy.ops.wm.save_as_mainfile(filepath=os.path.join(files, target), check_existing=False)
    bpy.context.scene.collection.children.link(bpy.data.collections["outer"])


def world(files):
    """In the scene that is open: one user of each kind of file."""
    scene = new_scene()

    def at(name):
        return os.path.join(files, name)

    image_node("still", "FILE", at("still.png"))
    image_node("movie", "MOVIE", at("movie.mp4"))
    image_node("unused", "FILE", at("unused.png"), used=False)
    user = image_node("walk", "SEQUENCE", at("walk_0001.png")).image_user
    user.frame_start, user.frame_duration, user.frame_offset, user.use_auto_refresh = 1, 50, 10, True
    tiles = image_node("tile", "TILED", at("tile.<UDIM>.png")).image.tiles
    for number in {1001, 1012} - {tile.number for tile in tiles}:
        tiles.new(number)
    for name, sequence in (("cloud.vdb", False), ("smoke_0001.vdb", True)):
        volume = bpy.data.volumes.new(name)
        volume.filepath = at(name)
        volume.is_sequence, volume.frame_start, volume.frame_duration, volume.frame_offset = sequence, 1, 50, 0
        scene.collection.objects.link(bpy.data.objects.new(name, volume))
    box = bpy.data.objects.new("box", bpy.data.meshes.new("box"))
    box.data.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    scene.collection.objects.link(box)
    bpy.context.view_layer.objects.active = box
    box.modifiers.new("verts", "MESH_CACHE").filepath = at("verts.mdd")
    fluid = box.modifiers.new("fluid", "FLUID")
    fluid.fluid_type, fluid.show_viewport = "DOMAIN", False
    fluid.domain_settings.cache_directory = at("fluid")
    open(at("actors.abc"), "wb").close()
    bpy.ops.cachefile.open(filepath=at("actors.abc"))
    os.remove(at("actors.abc"))
    box.modifiers.new("actors", "MESH_SEQUENCE_CACHE").cache_file = bpy.data.cache_files[0]
    font(scene, at("letters.ttf"))
    lamp = bpy.data.lights.new("lamp", "POINT")
    lamp.use_nodes = True
    scene.collection.objects.link(bpy.data.objects.new("lamp", lamp))
    profile = lamp.node_tree.nodes.new("ShaderNodeTexIES")
    profile.mode, profile.filepath = "EXTERNAL", at("lamp.ies")
    script = material("script").node_tree.nodes.new("ShaderNodeScript")
    script.mode, script.filepath = "EXTERNAL", at("wood.osl")


def font(scene, path):
    """A font cannot be loaded from nothing: a real one is, and its file is elsewhere afterwards."""
    source = next(
        os.path.join(place, name)
        for place, _, found in os.walk(bpy.utils.system_resource("DATAFILES"))
        for name in found
        if name.endswith((".ttf", ".woff2"))
    )
    text = bpy.data.curves.new("text", "FONT")
    text.font = bpy.data.fonts.load(source)
    text.font.filepath = path
    scene.collection.objects.link(bpy.data.objects.new("text", text))


def material(name):
    made = bpy.data.materials.new(name)
    made.use_nodes = True
    mesh = bpy.data.meshes.new(name)
    mesh.materials.append(made)
    bpy.context.scene.collection.objects.link(bpy.data.objects.new(name, mesh))
    return made


def image_node(name, source, path, used=True):
    image = bpy.data.images.new(name, 4, 4)
    if source != "FILE" or used:
        image.source = source
    image.filepath = path
    if not used:
        image.use_fake_user = True
        return None
    node = material(name).node_tree.nodes.new("ShaderNodeTexImage")
    node.image = image
    return node


main(sys.argv[-1])

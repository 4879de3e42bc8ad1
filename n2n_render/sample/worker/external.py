"""Files outside of the .blend that a render reads: which of them are missing at the frames that are rendered."""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import bpy

SHOWN = 5  # missing files of a kind that are named
# Kind → what a render without them looks like.
KINDS = {
    "image": "render pink or black",
    "library": "all that comes from there is left out",
    "volume": "they render empty",
    "cache (Alembic, USD, point or mesh cache)": "objects stand still or are left out",
    "simulation cache": "simulations render empty or unsimulated",
    "font": "text has Blender's own font",
    "light profile (IES)": "lamps shine evenly",
    "shader script": "their shaders are black",
    "imported": "nodes that read them give nothing",
}


def report_missing(frames: Iterable[int], warn: Callable[[str], None]) -> None:
    """One warning for each kind of file; packed ones and those of unused data blocks do not count."""
    missing: dict[str, dict[str, Any]] = {
        kind: {} for kind in KINDS
    }  # the keys of the inner ones: paths, in the order of finding
    try:
        for kind, path in _needed(frames):
            if not _exists(path):
                missing[kind][path] = None
    except (AttributeError, TypeError, ValueError) as error:  # another Blender's data: no reason not to render
        warn(f"not all files outside of the scene could be looked for ({error})")
    for kind, paths in missing.items():
        if paths:
            names = ", ".join(list(paths)[:SHOWN]) + (" …" if len(paths) > SHOWN else "")
            warn(f"{len(paths)} {kind} file(s) are missing, {KINDS[kind]}: {names}")


def _exists(path: str) -> bool:
    """A folder counts when something is in it."""
    try:
        return bool(os.listdir(path)) if os.path.isdir(path) else os.path.exists(path)
    except OSError:
        return False


def _needed(frames: Iterable[int]) -> Iterator[Any]:
    """(kind, absolute path) of everything outside."""
    for library in bpy.data.libraries:
        if not library.packed_file:
            yield "library", bpy.path.abspath(library.filepath)
    yield from _images(frames)
    for font in _used(bpy.data.fonts):
        if font.filepath not in ("", "<builtin>") and not font.packed_file:
            yield "font", _absolute(font, font.filepath)
    for volume in _used(getattr(bpy.data, "volumes", [])):
        if volume.filepath and not volume.packed_file:
            yield from (("volume", path) for path in _volume_paths(volume, frames))
    for cache in _used(bpy.data.cache_files):
        for path in (cache.filepath, *(layer.filepath for layer in cache.layers)):
            path = _absolute(cache, path)
            own = [int(cache.frame)] if cache.override_frame else frames
            yield from (
                ("cache (Alembic, USD, point or mesh cache)", found)
                for found in ([_numbered(path, frame) for frame in own] if cache.is_sequence else [path])
            )
    for thing in _used(bpy.data.objects):
        yield from _of_modifiers(thing)
        yield from _of_particles(thing)
    for scene in bpy.data.scenes:
        if scene.rigidbody_world:
            yield from _of_point_cache(scene, scene.rigidbody_world.point_cache)
    for camera in _used(bpy.data.cameras):
        if getattr(camera, "custom_mode", "") == "EXTERNAL" and camera.type == "CUSTOM":
            yield "shader script", _absolute(camera, camera.custom_filepath)
    for owner, tree in node_trees():
        yield from _of_nodes(owner, tree)


def _used(blocks: Any) -> list[Any]:
    return [block for block in blocks if block.users - block.use_fake_user > 0]


def _absolute(block: Any, path: str) -> str:
    return os.path.normpath(str(bpy.path.abspath(path, library=block.library)))


def node_trees() -> Iterator[Any]:
    """(data block that is saved, its node tree), groups and the trees inside of materials, worlds, lights and scenes."""
    for tree in _used(bpy.data.node_groups):
        yield tree, tree
    for blocks in (bpy.data.materials, bpy.data.worlds, bpy.data.lights):
        for block in _used(blocks):
            if block.node_tree:
                yield block, block.node_tree


# --- images ----------------------------------------------------------------------------------------------------------


def _images(frames: Iterable[int]) -> Iterator[Any]:
    users: dict[Any, Any] = {}
    for _, tree in node_trees():
        for node in tree.nodes:
            if getattr(node, "image", None) and getattr(node, "image_user", None):
                users.setdefault(node.image, []).append(node.image_user)
    for image in _used(bpy.data.images):
        if image.source in ("FILE", "MOVIE", "SEQUENCE", "TILED") and not image.packed_files and image.filepath:
            path = _absolute(image, image.filepath)
            if image.source == "TILED":
                paths = [_tile(path, tile.number) for tile in image.tiles]
            elif image.source == "SEQUENCE" and image in users:
                paths = [_numbered(path, number) for user in users[image] for number in _image_frames(user, frames)]
            else:
                paths = [path]
            yield from (("image", path) for path in paths)


def _tile(path: str, number: int) -> str:
    u, v = (number - 1001) % 10 + 1, (number - 1001) // 10 + 1
    return path.replace("<UDIM>", str(number)).replace("<UVTILE>", f"u{u}_v{v}")


def _image_frames(user: Any, frames: Iterable[int]) -> Any:
    """The numbers of a sequence's files that a texture shows at these frames, as Blender counts them."""
    if not user.use_auto_refresh:
        return [user.frame_current]
    numbers = []
    for frame in frames:
        frame = frame - user.frame_start + 1
        if user.use_cyclic:
            frame = (frame - 1) % max(user.frame_duration, 1) + 1
        numbers.append(min(max(frame, 1), max(user.frame_duration, 1)) + user.frame_offset)
    return numbers


def _numbered(path: str, frame: int) -> Any:
    """The path with its last digits replaced by a frame number of at least as many."""
    folder, name = os.path.split(path)
    stem, extension = os.path.splitext(name)
    found = re.search(r"(\d+)(?=\D*$)", stem)
    if not found:
        return path
    number = f"{'-' if frame < 0 else ''}{abs(frame):0{len(found[1])}d}"
    return os.path.join(folder, stem[: found.start()] + number + stem[found.end() :] + extension)


# --- volumes, simulations, modifiers ---------------------------------------------------------------------------------


def _volume_paths(volume: Any, frames: Iterable[int]) -> Any:
    path = _absolute(volume, volume.filepath)
    if not volume.is_sequence:
        return [path]
    numbers = [_volume_frame(volume, frame) for frame in frames]
    return [_numbered(path, number) for number in numbers if number is not None]


def _volume_frame(volume: Any, frame: int) -> Any:
    """None where the sequence shows nothing."""
    count, frame = volume.frame_duration, frame - volume.frame_start + 1
    if count < 1 or (volume.sequence_mode == "CLIP" and not 1 <= frame <= count):
        return None
    if volume.sequence_mode == "EXTEND":
        frame = min(max(frame, 1), count)
    elif volume.sequence_mode == "REPEAT":
        frame = (frame - 1) % count + 1
    elif volume.sequence_mode == "PING_PONG":
        period = max(2 * count - 2, 1)
        frame = (frame - 1) % period + 1
        frame = frame if frame <= count else period - frame + 2
    return frame + volume.frame_offset


def _of_modifiers(thing: Any) -> Iterator[Any]:
    for modifier in thing.modifiers:
        if not modifier.show_render:
            continue
        if modifier.type == "MESH_CACHE" and modifier.filepath:
            yield "cache (Alembic, USD, point or mesh cache)", _absolute(thing, modifier.filepath)
        elif modifier.type == "MULTIRES" and modifier.is_external:
            yield "cache (Alembic, USD, point or mesh cache)", _absolute(thing, modifier.filepath)
        elif modifier.type == "OCEAN" and modifier.is_cached:
            yield "simulation cache", _absolute(thing, modifier.filepath)
        elif modifier.type == "FLUID" and modifier.fluid_type == "DOMAIN" and modifier.domain_settings:
            yield "simulation cache", _absolute(thing, modifier.domain_settings.cache_directory)
        elif modifier.type == "DYNAMIC_PAINT" and modifier.canvas_settings:
            for surface in modifier.canvas_settings.canvas_surfaces:
                yield from _of_point_cache(thing, surface.point_cache)
        elif modifier.type == "NODES":
            yield from _of_bakes(thing, modifier)
        yield from _of_point_cache(thing, getattr(modifier, "point_cache", None))


def _of_bakes(thing: Any, modifier: Any) -> Iterator[Any]:
    """Baked geometry nodes: Blender notes the folder when it bakes to disk."""
    for bake in getattr(modifier, "bakes", []):
        own = getattr(bake, "use_custom_path", False) and bake.directory
        folder = own or modifier.bake_directory
        target = getattr(bake, "bake_target", "DISK")
        if target == "INHERIT":
            target = modifier.bake_target
        if folder and target == "DISK":
            yield "simulation cache", _absolute(thing, folder if own else os.path.join(folder, str(bake.bake_id)))


def _of_particles(thing: Any) -> Iterator[Any]:
    for system in thing.particle_systems:
        yield from _of_point_cache(thing, system.point_cache)


def _of_point_cache(owner: Any, cache: Any) -> Iterator[Any]:
    """A cache on disk that says it is baked; one in memory is part of the file."""
    if cache is None:
        return
    if cache.use_external and cache.filepath:
        yield "cache (Alembic, USD, point or mesh cache)", _absolute(owner, cache.filepath)
    elif cache.use_disk_cache and cache.is_baked and bpy.data.filepath:
        name = os.path.splitext(os.path.basename(bpy.data.filepath))[0]
        yield "simulation cache", os.path.join(os.path.dirname(bpy.data.filepath), f"blendcache_{name}")


# --- nodes -----------------------------------------------------------------------------------------------------------


def _of_nodes(owner: Any, tree: Any) -> Iterator[Any]:
    for node in tree.nodes:
        if node.mute:
            continue
        if node.type == "TEX_IES" and node.mode == "EXTERNAL" and node.filepath:
            yield "light profile (IES)", _absolute(owner, node.filepath)
        elif node.type == "SCRIPT" and node.mode == "EXTERNAL" and node.filepath:
            yield "shader script", _absolute(owner, node.filepath)
        elif node.bl_idname.startswith("GeometryNodeImport"):
            for socket in node.inputs:
                if getattr(socket, "subtype", "") == "FILE_PATH" or socket.bl_idname == "NodeSocketStringFilePath":
                    if not socket.is_linked and socket.default_value:
                        yield "imported", _absolute(owner, socket.default_value)

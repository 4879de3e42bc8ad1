"""What machines of a farm do not see as this one does: they have the saved .blend file, and shared folders."""

import os

import bpy

from ..process.errors import Problem

NAMED = 3  # of many
MADE = ("RENDER_RESULT", "COMPOSITING")  # images that Blender makes anew


def refuse_unsaved():
    """Raises Problem where what is here is not what is in the file."""
    said = what_is_unsaved()
    if said:
        raise Problem(*said)
    changed = [image.name for image in bpy.data.images if image.is_dirty and not image.get("n2n") and image.type not in MADE]
    if changed:
        raise Problem(f"The farm would not see what was painted: {_names(changed)}", "Save or pack it, then save the file")


def what_is_unsaved() -> tuple[str, str] | None:
    """(what, what to do), or None where the file is as the artist sees it."""
    if not bpy.data.filepath:
        return "A farm works from the saved file, and this one has no name yet", "Save it where the workers find it"
    if bpy.data.is_dirty and not bpy.app.background:  # there every file counts as changed
        return "A farm works from the saved file, and this one has changes since", "Save it"
    return None


def doubts(scene) -> list[str]:
    """Sentences for the artist; none where nothing was found."""
    found = []
    named = _taken_in()
    gone = [path for path, place in named if os.path.splitext(place)[1] and "<" not in place and not os.path.exists(place)]
    if gone:
        found.append(f"{_names(gone)}: not there")
    absolute = [path for path, _ in named if not path.startswith("//")]
    if absolute:
        found.append(
            f"{_names(absolute)}: an absolute path; workers must have it, too (File > External Data > Make Paths Relative)"
        )
    loose = list(dict.fromkeys(_not_baked(scene)))
    if loose:
        found.append(f"{_names(loose)}: a simulation that is not baked; workers that begin at another frame show it otherwise")
    return found


def _names(names: list[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _taken_in() -> list[tuple[str, str]]:
    """(as it is written, where that is on this computer) of files that this one takes in, as images and libraries, but for the
    extension's own pictures, which are not rendered. Of a numbered sequence it is one file, and <UDIM> stands for tiles.
    """
    own = {image.filepath for image in bpy.data.images if image.get("n2n")}
    written, places = (bpy.utils.blend_paths(absolute=absolute, packed=False, local=True) for absolute in (False, True))
    return list({path: place for path, place in zip(written, places, strict=True) if path and path not in own}.items())


def _not_baked(scene):
    """Objects with a simulation that goes on from the frame before."""
    for thing in scene.objects:
        for modifier in thing.modifiers:
            if modifier.show_render and not _is_baked(modifier):
                yield thing.name
    world = scene.rigidbody_world
    if world and world.enabled and world.collection and world.collection.objects and not _holds(world.point_cache):
        yield "Rigid Body World"


def _is_baked(modifier) -> bool:
    """Also where it simulates nothing. What geometry nodes simulate does not tell."""
    if modifier.type in ("CLOTH", "SOFT_BODY"):
        return _holds(modifier.point_cache)
    if modifier.type == "DYNAMIC_PAINT" and modifier.canvas_settings:
        return all(_holds(surface.point_cache) for surface in modifier.canvas_settings.canvas_surfaces if surface.is_active)
    if modifier.type == "FLUID" and modifier.fluid_type == "DOMAIN":
        return modifier.domain_settings.has_cache_baked_data
    if modifier.type == "PARTICLE_SYSTEM":
        system = modifier.particle_system
        moves = system.use_hair_dynamics if system.settings.type == "HAIR" else system.settings.physics_type != "NO"
        return not moves or _holds(system.point_cache)
    return True


def _holds(cache) -> bool:
    """Whether every frame is there to be read."""
    return cache.is_baked or cache.use_external or (cache.use_disk_cache and not cache.is_outdated)

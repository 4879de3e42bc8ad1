"""The authored camera becomes many: moved around it, on its side of every surface, looking at what it looks at.

A place is tried, judged by rays (sight.py) and then by a tiny render (exposure.py), and tried again nearer to the authored
one until it passes. View k is the same whatever the number of views, and on every machine.
"""

import math
import random
from collections.abc import Callable
from typing import Any

import bpy
from exposure import meter
from mathutils import Matrix, Vector
from sight import Sight, half_width

ATTEMPTS = 200
NEARER = 0.7  # of the way, after each place that the render refuses
MIN_MOVE = 0.02  # of the look-at distance
MAX_MOVE = 0.5  # of the look-at distance
MIN_CLEARANCE = 0.08  # of the look-at distance: nearest surface around a moved camera
MIN_MIDDLE = 0.3  # of the look-at distance: the picture's middle distance
MAX_JITTER = 0.2  # of the look-at distance, on each axis: how far a view may look past the authored target …
JITTER_IN_PICTURE = 0.55  # … and of the picture's half width there, for long lenses
LARGE = 0.15  # of the rays that hit something: an object that no view may lose from sight
STOPS = 3  # how much darker or brighter than the authored picture a view may be


def rounded(matrix: Any) -> Any:
    """The 16 numbers of a 4×4 matrix, row by row, short enough to read and to compare."""
    return [round(value, 6) for row in matrix for value in row]


def make(scene: Any, layer: Any, camera: Any, count: int, known: Any, warn: Callable[[str], None]) -> Any:
    """(name → camera object, name → how many places were tried) for views 1 … count-1.

    `known`: name → the matrix of a view that has its place already (another machine, or a run before, found it).
    Each camera is a copy of the authored one (lens, shift, depth of field and clipping kept; what was in focus stays so),
    placed at a random offset and turned towards the point that the authored camera looks at, jittered.
    """
    _show_what_renders(scene)
    sight = Sight(scene, layer, bpy.context.evaluated_depsgraph_get())
    cameras, tries = {}, {}
    with meter(scene, layer) as measure:
        authored = _Authored(scene, camera, sight, measure)
        if not authored.picture.things:
            warn("the authored camera sees no geometry: moved views are not checked against it")
        for index in range(1, count):
            name = f"v{index:03d}"
            cameras[name] = _copy(scene, authored, name)
            if name in known:
                _put(cameras[name], Matrix([known[name][row : row + 4] for row in range(0, 16, 4)]), authored)
            else:
                tries[name] = _place(cameras[name], authored, random.Random(index))
            if tries.get(name) == ATTEMPTS:
                _put(cameras[name], authored.pose @ Matrix.Rotation(math.radians(2.0 * index), 4, "Z"), authored)
                warn(
                    f"view {name}: found no free place around the authored camera in {ATTEMPTS} tries; "
                    "it is only rolled in place"
                )
    bpy.context.view_layer.update()
    return cameras, tries


def _show_what_renders(scene: Any) -> None:
    """Ray casts see the viewport's geometry: make it the render's, in this process only."""
    for thing in scene.objects:
        thing.hide_viewport = thing.hide_render
        if thing.type != "EMPTY":
            thing.display_type = "TEXTURED"  # rays pass what is displayed as a box
        for modifier in thing.modifiers:
            modifier.show_viewport = modifier.show_render
    for collection in scene.collection.children_recursive:
        collection.hide_viewport = collection.hide_render
    pending = [bpy.context.view_layer.layer_collection]
    while pending:
        child = pending.pop()
        child.hide_viewport = False
        pending += child.children
    for thing in bpy.context.view_layer.objects:
        thing.hide_set(False)
    bpy.context.view_layer.update()


class _Authored:
    """The authored camera, and the judgement whether a moved one sees as much from its side of every surface."""

    def __init__(self, scene: Any, camera: Any, sight: Any, measure: Any):
        self.object, self.data = camera, camera.data
        self.pose = Matrix.Translation(camera.matrix_world.translation) @ camera.matrix_world.to_3x3().normalized().to_4x4()
        self._sight, self._measure = sight, measure
        self.picture = sight.through(self.pose, self.data)
        self.reach = self.picture.middle if math.isfinite(self.picture.middle) else 10.0
        self.jitter = MAX_JITTER * self.reach
        half = half_width(self.data, scene) * (1 if self.data.type == "ORTHO" else self.reach)
        self.jitter = min(self.jitter, JITTER_IN_PICTURE * half)
        self._start = self._first_seen(self.pose)
        self._around = sight.around(self._start)
        self._same_side_as_start = sight.is_free(self.pose.translation, self._start)
        self._clearance = max(MIN_CLEARANCE * self.reach, min(_lens_radius(self.data), self._around.nearest))
        self._exposure = measure(camera)

    def _first_seen(self, pose: Any) -> Any:
        """Where the picture begins: a wall before the clipping plane is not seen, and the camera may stand behind it."""
        return pose @ Vector((0, 0, -self.data.clip_start))

    def passes_rays(self, pose: Any) -> bool:
        """On the authored side of every surface, with room around, and with as much in sight."""
        if (pose.translation - self.pose.translation).length < MIN_MOVE * self.reach:
            return False
        start = self._first_seen(pose)
        if not self._sight.is_free(self._start, start, self._clearance):
            return False
        if self._same_side_as_start and not self._sight.is_free(self.pose.translation, pose.translation):
            return False
        if not self.picture.things:
            return True
        around = self._sight.around(start)
        if around.nearest < self._clearance or around.nothing > _more(self._around.nothing) or not self._same_side(around):
            return False
        picture = self._sight.through(pose, self.data)
        if picture.nothing > _more(self.picture.nothing) or picture.back > 0.15 + 1.5 * self.picture.back:
            return False
        return bool(picture.middle > MIN_MIDDLE * self.reach and self._sees_the_same_things(picture))

    def _same_side(self, around: Any) -> bool:
        """Back faces: hardly more of them than around the authored camera, nor far fewer (a room may be inside out)."""
        return bool(0.5 * self._around.back - 0.05 <= around.back <= 0.1 + 1.5 * self._around.back)

    def _sees_the_same_things(self, picture: Any) -> Any:
        """More than half of the authored picture's objects, so that a small product stays in, and enough of large ones."""
        shown, total = self.picture.things, self.picture.things.total()
        if any(picture.things[thing] < rays / 4 for thing, rays in shown.items() if rays >= LARGE * total):
            return False
        return len(shown.keys() & picture.things.keys()) > len(shown) / 2

    def passes_render(self, camera: Any) -> bool:
        """As much geometry in the picture, at about the same exposure. A black authored picture asks for nothing."""
        seen, own = self._measure(camera), self._exposure
        if own.coverage > 0 and 1 - seen.coverage > 0.02 + _more(1 - own.coverage):
            return False
        return bool(own.brightness == 0 or 2.0**-STOPS <= seen.brightness / own.brightness <= 2.0**STOPS)


def _lens_radius(camera: Any) -> Any:
    """Of the opening that a picture with depth of field is taken through, in scene units."""
    return camera.lens / 1000 / (2 * camera.dof.aperture_fstop) if camera.dof.use_dof and camera.dof.aperture_fstop else 0.0


def _more(share: float) -> Any:
    """How much of a view may be nothing where `share` of the authored one is: where that is none, none."""
    return min(1.5 * share + 0.02, 0.5 + 0.5 * share) if share else 0.0


def _copy(scene: Any, authored: Any, name: str) -> Any:
    copy = bpy.data.objects.new(f"n2n_{name}", authored.data.copy())
    scene.collection.objects.link(copy)
    return copy


def _put(camera: Any, pose: Any, authored: Any) -> None:
    """As the manifest will record it, so that a run that reads it there renders the very same picture."""
    camera.matrix_world = Matrix([rounded(pose)[row : row + 4] for row in range(0, 16, 4)])
    _focus(camera, authored)


def _place(camera: Any, authored: Any, rng: random.Random) -> Any:
    """Puts the camera where it passes; returns how many places were tried, ATTEMPTS when none did."""
    nearer = 1.0
    for attempt in range(ATTEMPTS):
        shrink = nearer * (1.0 - attempt / ATTEMPTS)  # near the authored camera there is always room
        pose = _moved(authored, shrink, rng)
        if not authored.passes_rays(pose):
            continue
        _put(camera, pose, authored)
        if authored.passes_render(camera):
            return attempt + 1
        nearer *= NEARER
    return ATTEMPTS


def _moved(authored: Any, shrink: float, rng: random.Random) -> Any:
    """A pose beside the authored one, looking at the jittered look-at point, horizon kept."""
    pose, reach = authored.pose, authored.reach
    target = pose @ Vector((0, 0, -reach))
    offset = Vector([rng.gauss(0, 0.5) for _ in range(3)])
    offset = offset.normalized() * min(offset.length, 1.0) * MAX_MOVE * reach * shrink
    position = pose.translation + pose.to_3x3() @ offset
    jitter = Vector([rng.uniform(-1, 1) * authored.jitter * shrink for _ in range(3)])
    forward = (target + jitter - position).normalized()
    rotation = forward.to_track_quat("-Z", "Y").to_matrix().to_4x4()
    authored_up = pose.to_3x3() @ Vector((0, 1, 0))
    up = rotation.to_3x3() @ Vector((0, 1, 0))
    flat = authored_up - forward * authored_up.dot(forward)
    if flat.length > 1e-3:  # roll until the up vector agrees with the authored one
        angle = math.atan2(forward.dot(up.cross(flat)), up.dot(flat))
        rotation = Matrix.Rotation(angle, 4, forward) @ rotation
    return Matrix.Translation(position) @ rotation


def _focus(camera: Any, authored: Any) -> None:
    """What the authored camera is focused on is in focus here too: with a shallow depth of field nothing would be."""
    depth_of_field = camera.data.dof
    if depth_of_field.use_dof and depth_of_field.focus_object is None:
        point = authored.pose @ Vector((0, 0, -authored.data.dof.focus_distance))
        pose = camera.matrix_world
        forward = pose.to_3x3() @ Vector((0, 0, -1))
        depth_of_field.focus_distance = max((point - pose.translation).dot(forward), 0.1 * authored.data.dof.focus_distance)

"""The authored camera becomes many: moved around it, in free space, looking at the scene. Checked by ray casts."""
import math
import random

import bpy
from mathutils import Matrix, Vector

ATTEMPTS = 200
GRID = 9                 # rays a side through the picture
MIN_HIT_SHARE = 0.6      # of the authored view's own share of rays that hit something
MIN_CLEARANCE = 0.08     # of the look-at distance: nearest geometry around a moved camera
MAX_MOVE = 0.5           # of the look-at distance
MAX_JITTER = 0.2         # of the look-at distance, on each axis: how far a view may look past the authored target


def rounded(matrix):
    """The 16 numbers of a 4×4 matrix, row by row, short enough to read and to compare."""
    return [round(value, 6) for row in matrix for value in row]


def make(scene, camera, count, warn):
    """name → camera object for views 1 … count-1. Deterministic: view k is the same whatever `count` is.

    Each camera is a copy of the authored one (lens, shift, depth of field and clipping kept) placed at a random offset
    and turned towards the point that the authored camera looks at, jittered.
    """
    _show_what_renders(scene)
    depsgraph = bpy.context.evaluated_depsgraph_get()
    probe = _Probe(scene, depsgraph)
    pose = camera.matrix_world.copy()
    distances = probe.distances(pose, camera.data, scene)
    if not distances:
        warn("the authored camera sees no geometry: moved views are not checked against it")
    reach = sorted(distances)[len(distances) // 2] if distances else 10.0
    cameras = {}
    for index in range(1, count):
        cameras[f"v{index:03d}"] = _place(scene, camera, probe, pose, reach, len(distances), index, warn)
    bpy.context.view_layer.update()
    return cameras


def _show_what_renders(scene):
    """Ray casts see the viewport's geometry: make it the render's, in this process only."""
    for thing in scene.objects:
        thing.hide_viewport = thing.hide_render
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


def _place(scene, camera, probe, pose, reach, authored_hits, index, warn):
    rng = random.Random(index)
    for attempt in range(ATTEMPTS):
        shrink = 1.0 - attempt / ATTEMPTS  # near the authored camera there is always room
        candidate = _moved(pose, reach, shrink, rng)
        if _acceptable(probe, pose, candidate, reach, authored_hits, camera, scene):
            break
    else:
        candidate = pose @ Matrix.Rotation(math.radians(2.0 * index), 4, "Z")
        warn(f"view v{index:03d}: found no free place around the authored camera; it is only rolled in place")
    copy = bpy.data.objects.new(f"n2n_v{index:03d}", camera.data)
    scene.collection.objects.link(copy)
    copy.matrix_world = candidate
    return copy


def _moved(pose, reach, shrink, rng):
    """A pose beside `pose`, looking at the jittered look-at point, horizon kept."""
    target = pose @ Vector((0, 0, -reach))
    offset = Vector([rng.gauss(0, 0.5) for _ in range(3)])
    offset = offset.normalized() * min(offset.length, 1.0) * MAX_MOVE * reach * shrink
    position = pose.translation + pose.to_3x3().normalized() @ offset
    jitter = Vector([rng.uniform(-MAX_JITTER, MAX_JITTER) * reach * shrink for _ in range(3)])
    forward = (target + jitter - position).normalized()
    rotation = forward.to_track_quat("-Z", "Y").to_matrix().to_4x4()
    authored_up = pose.to_3x3() @ Vector((0, 1, 0))
    up = rotation.to_3x3() @ Vector((0, 1, 0))
    flat = authored_up - forward * authored_up.dot(forward)
    if flat.length > 1e-3:  # roll until the up vector agrees with the authored one
        angle = math.atan2(forward.dot(up.cross(flat)), up.dot(flat))
        rotation = Matrix.Rotation(angle, 4, forward) @ rotation
    return Matrix.Translation(position) @ rotation


def _acceptable(probe, pose, candidate, reach, authored_hits, camera, scene):
    start, end = pose.translation, candidate.translation
    move = end - start
    if move.length < 0.02 * reach:
        return False
    if probe.blocked(start, move.normalized(), move.length + MIN_CLEARANCE * reach):
        return False  # a wall, or another object's inside, lies between
    if probe.clearance(end) < MIN_CLEARANCE * reach:
        return False
    distances = sorted(probe.distances(candidate, camera.data, scene))
    if not authored_hits:
        return True
    if len(distances) < MIN_HIT_SHARE * authored_hits:
        return False
    return distances[len(distances) // 2] > 0.3 * reach


class _Probe:
    """Ray casts against the evaluated scene."""

    def __init__(self, scene, depsgraph):
        self.scene, self.depsgraph = scene, depsgraph

    def cast(self, origin, direction, length=1e6):
        hit, location, *_ = self.scene.ray_cast(self.depsgraph, origin, direction, distance=length)
        return (location - origin).length if hit else None

    def blocked(self, origin, direction, length):
        return self.cast(origin, direction, length) is not None

    def clearance(self, origin):
        """Distance of the nearest surface in 26 directions; infinite in the open."""
        steps = (-1, 0, 1)
        directions = [Vector((x, y, z)).normalized() for x in steps for y in steps for z in steps if x or y or z]
        found = [self.cast(origin, direction) for direction in directions]
        return min((distance for distance in found if distance is not None), default=math.inf)

    def distances(self, pose, data, scene):
        """Hit distances of a grid of rays through the picture of a camera at `pose`."""
        corners = data.view_frame(scene=scene)  # four corners on the plane z = -1 (or the sensor, when orthographic)
        right, left = max(c.x for c in corners), min(c.x for c in corners)
        top, bottom = max(c.y for c in corners), min(c.y for c in corners)
        depth = corners[0].z
        found = []
        for row in range(GRID):
            for column in range(GRID):
                x = left + (right - left) * (column + 0.5) / GRID
                y = bottom + (top - bottom) * (row + 0.5) / GRID
                if data.type == "ORTHO":
                    origin, direction = pose @ Vector((x, y, 0)), pose.to_3x3() @ Vector((0, 0, -1))
                else:
                    origin, direction = pose.translation, pose.to_3x3() @ Vector((x, y, depth))
                distance = self.cast(origin, direction.normalized())
                if distance is not None:
                    found.append(distance)
        return found

"""What a camera sees and what surrounds it, asked with rays: cheap, and alike on every machine."""

import math
from collections import Counter, namedtuple
from typing import Any

from mathutils import Vector

GRID, AROUND = 12, 96  # rays a side through the picture; rays in all directions
MANY_INSTANCES = 20_000  # a ray visits them all, so that with more of them there are fewer rays:
FEW_GRID, FEW_AROUND = 7, 40
SKIN = 1e-5  # of a hit's distance: where a ray goes on behind what it passes
MOST_PASSED = 32  # surfaces that a ray passes at most

Hit = namedtuple("Hit", "distance is_back thing")
# Shares of rays that end nowhere and on back faces, distance of the nearest hit and of the one in the middle (inf without
# hits), and how many rays end on each object (by name).
Seen = namedtuple("Seen", "nothing back nearest middle things")


class Sight:
    """Ray casts against the evaluated scene, past everything that camera rays pass too."""

    def __init__(self, scene: Any, layer: Any, depsgraph: Any):
        self._scene, self._layer, self._depsgraph = scene, layer, depsgraph
        self._passed: dict[str, bool] = {}  # object (by full name) → whether camera rays go through
        many = sum(1 for _ in depsgraph.object_instances) > MANY_INSTANCES
        self._grid, self._around = (FEW_GRID, FEW_AROUND) if many else (GRID, AROUND)

    def cast(self, origin: Any, direction: Any, length: float = math.inf) -> Any:
        """The first surface that a camera could see; None where there is none within `length`."""
        gone, direction = 0.0, direction.normalized()
        for _ in range(MOST_PASSED):
            left = min(length - gone, 1e30)
            if left <= 0:
                return None
            hit, place, normal, _, thing, _ = self._scene.ray_cast(
                self._depsgraph, origin + direction * gone, direction, distance=left
            )
            if not hit:
                return None
            distance = (place - origin).length
            if not self._passes(thing):
                return Hit(distance, normal.dot(direction) > 0, thing.name_full)
            gone = max(distance, gone) * (1 + SKIN) + 1e-9
        return None

    def _passes(self, thing: Any) -> bool:
        name = thing.name_full
        if name not in self._passed:
            self._passed[name] = _is_passed(thing, self._layer)
        return self._passed[name]

    def is_free(self, start: Any, end: Any, margin: float = 0.0) -> Any:
        """Whether no surface lies between two points, nor within `margin` behind the second."""
        way = end - start
        return way.length == 0 or self.cast(start, way, way.length + margin) is None

    def around(self, origin: Any) -> Any:
        return _summary([self.cast(origin, direction) for direction in sphere(self._around)])

    def through(self, pose: Any, camera: Any) -> Any:
        """What the picture of a camera at `pose` shows. Distances count from the camera, hits from its clipping plane on."""
        found = []
        for origin, direction, clipped in picture_rays(pose, camera, self._scene, self._grid):
            hit = self.cast(origin + direction * clipped, direction)
            found.append(hit and hit._replace(distance=hit.distance + clipped))
        return _summary(found)


def _summary(hits: Any) -> Any:
    met = [hit for hit in hits if hit]
    distances = sorted(hit.distance for hit in met) or [math.inf]
    return Seen(
        1 - len(met) / len(hits),
        sum(hit.is_back for hit in met) / len(hits),
        distances[0],
        distances[len(distances) // 2],
        Counter(hit.thing for hit in met),
    )


def _is_passed(thing: Any, layer: Any) -> Any:
    """Whether camera rays go through: hidden from them, or filled with a volume and nothing else."""
    own = layer.objects.get(thing.name)  # instances show objects that are not part of the layer
    if thing.type == "VOLUME" or not thing.visible_camera or (own and own.indirect_only_get(view_layer=layer)):
        return True
    materials = [slot.material for slot in thing.material_slots]
    return bool(materials) and all(material and _is_volume_only(material) for material in materials)


def _is_volume_only(material: Any) -> Any:
    tree = material.node_tree
    output = tree and tree.get_output_node("CYCLES")
    return bool(output) and output.inputs["Volume"].is_linked and not output.inputs["Surface"].is_linked


def sphere(count: int) -> Any:
    """Evenly spread unit vectors (a Fibonacci lattice)."""
    directions = []
    for index in range(count):
        z = 1 - (2 * index + 1) / count
        angle, radius = index * math.pi * (3 - math.sqrt(5)), math.sqrt(1 - z * z)
        directions.append(Vector((radius * math.cos(angle), radius * math.sin(angle), z)))
    return directions


def picture_rays(pose: Any, camera: Any, scene: Any, grid: int) -> Any:
    """(origin, unit direction, distance of the clipping plane) of a grid of rays through the picture."""
    if camera.type == "PANO":
        return [(pose.translation, direction, camera.clip_start) for direction in sphere(grid * grid)]
    corners = camera.view_frame(scene=scene)  # four corners on the plane z = -1 (or the sensor, when orthographic)
    right, left = max(c.x for c in corners), min(c.x for c in corners)
    top, bottom = max(c.y for c in corners), min(c.y for c in corners)
    turn, rays = pose.to_3x3(), []
    for row in range(grid):
        for column in range(grid):
            x = left + (right - left) * (column + 0.5) / grid
            y = bottom + (top - bottom) * (row + 0.5) / grid
            if camera.type == "ORTHO":
                rays.append((pose @ Vector((x, y, 0)), turn @ Vector((0, 0, -1)), camera.clip_start))
            else:
                direction = Vector((x, y, corners[0].z)).normalized()
                rays.append((pose.translation, turn @ direction, camera.clip_start / -direction.z))
    return rays


def half_width(camera: Any, scene: Any) -> Any:
    """Half of the picture's width: at distance 1, or everywhere when orthographic; infinite for panoramas."""
    if camera.type == "PANO":
        return math.inf
    corners = camera.view_frame(scene=scene)
    width = (max(c.x for c in corners) - min(c.x for c in corners)) / 2
    return width if camera.type == "ORTHO" else width / -corners[0].z

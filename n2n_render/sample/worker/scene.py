"""A .blend file becomes a stage: opened with scripts off, every noise-relevant setting set, ready to render jobs."""

import json
import os
from collections.abc import Callable
from typing import Any

import animation
import bpy
import color
import counted
import external
import settings
import views
from protocol import SceneError


class Stage:
    """One opened scene. The file on disk is never written."""

    def __init__(self, request: dict[str, Any], warn: Callable[[str], None]):
        self.warn = warn
        self.scene = _open(request["scene"], request.get("scene_name"), warn)
        self.layer = _view_layer(self.scene, request.get("view_layer"))
        self.frames = request.get("frames") or [self.scene.frame_current]
        external.report_missing(self.frames, warn)
        self.scene.frame_set(self.frames[0])  # a marker of the timeline may bind another camera there
        self.camera = _camera(self.scene, request.get("camera"), warn)
        self.device = settings.use_device(self.scene, request.get("device", "auto"))
        settings.use_cycles(self.scene, warn)
        animation.hold_still(self.scene, warn)
        self.light_passes = settings.light_passes_on(self.layer)
        settings.use_sampling(self.scene, self.layer, request.get("passes", "none"))
        settings.use_size(self.scene, request.get("size"))
        self.settings = settings.noise_settings(self.scene)
        self.color_management = color.color_management(self.scene)
        counted.listen()
        count = request.get("views", 1)
        self.camera_by_markers = any(marker.camera for marker in self.scene.timeline_markers)
        if request.get("camera") or count > 1:
            self.camera_by_markers = False
            for marker in self.scene.timeline_markers:  # markers would switch the camera at render time
                marker.camera = None
        self.cameras, self.view_tries = {"v000": self.camera}, {}
        if count > 1:
            known = request.get("known_views", {}) if self.frames[0] in request.get("known_frames", []) else {}
            moved, self.view_tries = views.make(self.scene, self.layer, self.camera, count, known, warn)
            self.cameras.update(moved)

    def describe(self) -> Any:
        """What the manifest records."""
        return {
            "blender": bpy.app.version_string,
            "renders_parts": settings.renders_parts(self.scene),
            "device": self.device,
            "scene_name": self.scene.name,
            "view_layer": self.layer.name,
            "camera": None if self.camera_by_markers else self.camera.name,
            "frames": self.frames,
            "fps": self.scene.render.fps / self.scene.render.fps_base,
            "size": list(settings.size(self.scene)),
            "settings": self.settings,
            "color_management": self.color_management,
            "channels": settings.count_channels(self.layer),
            "light_passes_left": sorted(set(self.light_passes) - set(settings.light_passes_on(self.layer))),
            "views": {name: views.rounded(camera.matrix_world) for name, camera in self.cameras.items()},
            "view_tries": self.view_tries,
        }

    def prepare(self, request: dict[str, Any]) -> Any:
        """Sets frame, view, seed and sample count; returns the camera's matrix at that frame."""
        scene = self.scene
        if scene.frame_current != request["frame"]:
            scene.frame_set(request["frame"])
        if not self.camera_by_markers:
            scene.camera = self.cameras[request["view"]]
        scene.cycles.seed = request["cycles_seed"]
        settings.use_samples(scene, request["first_sample"], request["spp"], request["sequence"])
        scene.render.use_motion_blur = self.settings["use_motion_blur"] and request.get("motion_blur", True)
        scene.render.resolution_percentage = request.get("percentage", 100)
        self.wanted = {**settings.counting(scene, self.layer), **self.settings, "use_motion_blur": scene.render.use_motion_blur}
        matrix = views.rounded(scene.camera.matrix_world)
        note = {key: request[key] for key in ("view", "frame", "seed", "spp", "first_sample", "sequence", "cycles_seed")}
        scene.render.stamp_note_text = json.dumps({**note, "matrix": matrix})
        return matrix

    def render(self, path: str | None) -> None:
        if path is not None:
            templates = bpy.app.version >= (5, 0, 0)  # there {} are parts of path templates
            self.scene.render.filepath = path.replace("{", "{{").replace("}", "}}") if templates else path
        counted.begin()
        bpy.ops.render.render(write_still=path is not None, scene=self.scene.name)
        counted.check(self.wanted)
        if path is not None and not os.path.exists(path):
            raise SceneError(f"Blender wrote no file to {path}", "Check that the folder is writable and the disk not full.")


def _open(path: str, scene_name: str | None, warn: Callable[[str], None]) -> Any:
    bpy.ops.wm.read_factory_settings()  # the wheel would otherwise take over the user's preferences
    try:
        bpy.ops.wm.open_mainfile(filepath=path, load_ui=False, use_scripts=False)
    except RuntimeError as error:
        raise SceneError(
            f"cannot open {path}: {str(error).strip()}",
            "Check that it is a .blend file saved by this Blender's version or an older one.",
        ) from None
    if bpy.app.autoexec_fail:
        warn(
            f"scripts inside the file were not run ({bpy.app.autoexec_fail_message}); "
            "drivers that need Python keep their last value"
        )
    if scene_name is None:
        return bpy.context.scene
    if scene_name not in bpy.data.scenes:
        raise SceneError(f"{path} has no scene {scene_name!r}", f"It has: {', '.join(bpy.data.scenes.keys())}.")
    bpy.context.window_manager.windows[0].scene = bpy.data.scenes[scene_name]
    return bpy.data.scenes[scene_name]


def _view_layer(scene: Any, name: str | None) -> Any:
    """The layer to render; all others are switched off for this process."""
    if name is not None and name not in scene.view_layers:
        raise SceneError(f"scene {scene.name!r} has no view layer {name!r}", f"It has: {', '.join(scene.view_layers.keys())}.")
    used = [layer for layer in scene.view_layers if layer.use] or list(scene.view_layers)
    chosen = scene.view_layers[name] if name else used[0]
    for layer in scene.view_layers:
        layer.use = layer == chosen
    bpy.context.window_manager.windows[0].view_layer = chosen  # whose objects the ray casts of views.py meet
    return chosen


def _camera(scene: Any, name: str | None, warn: Callable[[str], None]) -> Any:
    cameras = [thing for thing in scene.objects if thing.type == "CAMERA"]
    names = ", ".join(camera.name for camera in cameras) or "none"
    if name is not None:
        if name not in [camera.name for camera in cameras]:
            raise SceneError(f"scene {scene.name!r} has no camera {name!r}", f"Its cameras: {names}.")
        scene.camera = scene.objects[name]
    elif scene.camera is None:
        if len(cameras) != 1:
            raise SceneError(
                f"scene {scene.name!r} has no active camera",
                f"Set one in Blender, or pass --camera NAME. Its cameras: {names}.",
            )
        scene.camera = cameras[0]
        warn(f"the scene has no active camera; using its only one, {cameras[0].name!r}")
    return scene.camera

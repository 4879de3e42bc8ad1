"""Undo, renaming and opened files while a job runs; pairs that are found again whatever scenes come."""

import json
import os
from pathlib import Path

import bpy
import room


def _undoable(scene):
    """A step to undo, as the artist's last change."""
    bpy.ops.ed.undo_push(message="before")
    scene["touched"] = 1
    bpy.ops.ed.undo_push(message="after")


def _undo():
    scene = bpy.context.scene
    assert bpy.ops.ed.undo() == {"FINISHED"}
    try:
        scene.name  # noqa: B018
    except ReferenceError:
        return
    raise AssertionError("this undo replaces nothing")


def _to_the_end(steps):
    """What the job yields, and the Problem that ends it or None."""
    found = []
    try:
        for step in steps:
            found.append(step)
    except Exception as problem:
        assert type(problem).__name__ == "Problem", repr(problem)
        return found, str(problem)
    return found, None


def _shot(folder, frames=2):
    scene = room.build((64, 36), spp=1)
    scene.frame_start, scene.frame_end, scene.n2n.output = 1, frames, str(folder)
    room.compositor(scene)
    return scene


def undo_while_a_still_is_denoised(folder):
    """At each of its steps."""
    scene = _shot(folder)
    room.glare(scene.compositing_node_group if hasattr(scene, "compositing_node_group") else scene.node_tree)
    for moment in range(4):
        _undoable(bpy.context.scene)
        bpy.ops.render.render()
        steps = room.work(room.addon().denoise.N2N_OT_denoise)
        found = 0
        for step in steps:
            found += step is not None
            if found == moment + 1:
                break
        _undo()
        _, problem = _to_the_end(steps)
        assert problem is None, (moment, problem)
        assert room.groups(bpy.context.scene)
        assert not [scene for scene in bpy.data.scenes if scene.get("n2n_copy")]


def undo_while_an_animation_is_denoised(folder):
    scene = _shot(folder, 3)
    _undoable(scene)
    steps = room.work(room.addon().animation.N2N_OT_denoise_animation)
    for _ in steps:
        if os.path.exists(f"{folder}/denoised/frame_0001.exr"):
            break
    _undo()
    _, problem = _to_the_end(steps)
    assert problem is None, problem
    assert sorted(os.listdir(f"{folder}/denoised")) == ["frame_0001.exr", "frame_0002.exr", "frame_0003.exr", "n2n.json"]


def _after_the_first_frame(folder):
    steps = room.work(room.addon().animation.N2N_OT_denoise_animation)
    for _ in steps:
        if os.path.exists(f"{folder}/denoised/frame_0001.exr"):
            return steps
    raise AssertionError("no frame")


def a_scene_that_is_renamed_meanwhile_is_one_sentence(folder):
    scene = _shot(folder, 3)
    steps = _after_the_first_frame(folder)
    scene.name = "Another"
    _, problem = _to_the_end(steps)
    assert "was renamed to Another" in problem and "\n" not in problem, problem


def a_scene_that_is_removed_meanwhile_is_one_sentence(folder):
    scene = _shot(folder, 3)
    steps = _after_the_first_frame(folder)
    bpy.data.scenes.new("Last")
    bpy.data.scenes.remove(scene)
    _, problem = _to_the_end(steps)
    assert "was removed" in problem, problem


def another_file_meanwhile_is_one_sentence(folder):
    _shot(folder, 3)
    steps = _after_the_first_frame(folder)
    bpy.ops.wm.read_homefile(app_template="", use_empty=True)
    _, problem = _to_the_end(steps)
    assert "Another file" in problem, problem


def a_setting_that_changes_meanwhile_does_not_mix_frames(folder):
    scene = _shot(folder, 3)
    steps = _after_the_first_frame(folder)
    scene.n2n.strength = 0.5
    _, problem = _to_the_end(steps)
    assert "strength" in problem, problem
    assert not os.path.exists(f"{folder}/denoised/frame_0003.exr")


def _pairs(folder, name, scene_name, record=None):
    """As `n2n-render sample` leaves them, with the extension's record of later versions."""
    place = Path(folder, "n2n", "samples", name)
    place.mkdir(parents=True)
    manifest = {"format": 1, "scene": {"file": f"{name}.blend", "scene_name": scene_name}}
    (place / "manifest.json").write_text(json.dumps(manifest))
    if record:
        (place / "n2n.json").write_text(json.dumps(record))
    return str(place)


def pairs_are_found_whatever_scenes_come(folder):
    """Also those of earlier versions, whose folders are named after the file, and the scene where there were several."""
    scene = room.build()
    scene.name = "Shot"
    bpy.ops.wm.save_as_mainfile(filepath=f"{folder}/my file.blend")
    training = room.addon().training
    assert training.newest_samples(scene) is None
    old = _pairs(folder, "my_file-1", "Shot")
    other = _pairs(folder, "my_file_Other-1", "Other")
    assert training.newest_samples(scene) == old
    second = bpy.data.scenes.new("Other")
    assert training.newest_samples(scene) == old and training.newest_samples(second) == other
    bpy.data.scenes.remove(second)
    record = training._record_of(scene)
    assert training.newest_samples(scene) == old
    new = _pairs(folder, "my_file-2", "Shot", record)
    os.utime(old, (0, 0))
    assert training.newest_samples(scene) == new
    copy = scene.copy()
    assert training.newest_samples(copy) != new
    scene.name = "Renamed"
    bpy.data.scenes.new("More")
    assert training.newest_samples(scene) == new
    bpy.ops.wm.save_as_mainfile(filepath=f"{folder}/second.blend")
    bpy.ops.wm.open_mainfile(filepath=f"{folder}/second.blend")
    assert training.newest_samples(bpy.data.scenes["Renamed"]) == new
    renamed = bpy.data.scenes["Renamed"]
    renamed.n2n.pairs = ""  # as if the file had not been saved after sampling
    assert training.newest_samples(renamed) is None
    for scene in bpy.data.scenes:
        scene.n2n.pairs = ""
    for scene in [scene for scene in bpy.data.scenes if scene != renamed]:
        bpy.data.scenes.remove(scene)
    renamed.name = "Shot"
    bpy.ops.wm.save_as_mainfile(filepath=f"{folder}/my file.blend")
    assert training.newest_samples(renamed) == new and training._record_of(renamed)["id"] == record["id"]

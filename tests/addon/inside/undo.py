"""Undo, renaming and opened files while a job runs."""

import os

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


def undo_while_an_animation_is_denoised(folder):  # nightly
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


def a_scene_that_is_renamed_meanwhile_is_one_sentence(folder):  # nightly
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


def another_file_meanwhile_is_one_sentence(folder):  # nightly
    _shot(folder, 3)
    steps = _after_the_first_frame(folder)
    bpy.ops.wm.read_homefile(app_template="", use_empty=True)
    _, problem = _to_the_end(steps)
    assert "Another file" in problem, problem


def a_setting_that_changes_meanwhile_does_not_mix_frames(folder):  # nightly
    scene = _shot(folder, 3)
    steps = _after_the_first_frame(folder)
    scene.n2n.strength = 0.5
    _, problem = _to_the_end(steps)
    assert "strength" in problem, problem
    assert not os.path.exists(f"{folder}/denoised/frame_0003.exr")


def a_scene_that_is_renamed_while_it_renders_has_its_settings_back(folder):  # nightly
    scene = _shot(folder)
    scene.cycles.use_denoising = True
    ui = room.addon()
    place = ui.scenes.Place(scene)
    with ui.rendering._as(place, ui.rendering.Variant(second=True, each_frame=True, vectors=True)):
        assert scene.cycles.seed != 0 and not scene.render.use_compositing
        scene.name = "Another"
    assert (scene.cycles.seed, scene.cycles.use_animated_seed) == (0, False)
    assert scene.cycles.use_denoising and scene.render.use_compositing and not scene.view_layers[0].use_pass_vector

"""What goes wrong is one sentence that says what to do next; the scene and Blender stay as they were."""

import os
import signal
import threading
import time
from pathlib import Path

import bpy
import room
from room import sentence


def nothing_rendered_yet(folder):
    """Without a window the scene is rendered first; what stands against that is said."""
    scene = room.build()
    for name, value, expected in (("camera", None, "camera"), ("render.engine", "BLENDER_WORKBENCH", "Cycles")):
        holder, name = (scene.render, "engine") if "." in name else (scene, name)
        before = getattr(holder, name)
        setattr(holder, name, value)
        said = sentence(bpy.ops.n2n.denoise)
        assert expected in said.lower() + said, said
        setattr(holder, name, before)
    assert bpy.ops.n2n.denoise() == {"FINISHED"}
    assert room.same(room.composite(scene), room.pixels("Denoised"))


def a_render_without_passes_is_denoised_by_its_color_and_the_next_one_has_them(folder):  # nightly
    scene = room.build(passes=False)
    noisy = room.composite(scene)
    assert bpy.ops.n2n.denoise(write_still=False) == {"FINISHED"}
    assert "no denoising passes" in scene.n2n.said and scene.n2n.model == "oidn-small"
    softer = room.pixels("Denoised")
    assert room.roughness(softer) < 0.5 * room.roughness(noisy)
    assert scene.view_layers[0].cycles.denoising_store_passes
    bpy.ops.render.render()
    assert bpy.ops.n2n.denoise(write_still=False) == {"FINISHED"}
    assert "no denoising passes" not in scene.n2n.said
    assert not room.same(room.pixels("Denoised"), softer, 0.001)


def a_model_without_auxiliaries_needs_no_passes(folder):  # nightly
    scene = room.build(passes=False)
    scene.n2n.model = "oidn-color"
    bpy.ops.render.render()
    assert bpy.ops.n2n.denoise() == {"FINISHED"}


def a_render_of_another_engine(folder):  # nightly
    scene = room.build((32, 18))
    scene.render.engine = "BLENDER_WORKBENCH"
    scene.n2n.source = "RENDER"
    scene.n2n.output = folder
    said = sentence(bpy.ops.n2n.denoise_animation)
    assert "Cycles" in said, said


def a_model_that_is_not_there_or_is_none(folder):
    scene = room.build()
    bpy.ops.render.render()
    text = Path(folder) / "x.tza"
    text.write_text("not a model")
    images, trees = set(bpy.data.images), set(bpy.data.node_groups)
    for model, expected in (
        (f"{folder}/gone.tza", "gone.tza"),
        (str(text), "x.tza"),
        ("nonsense", "nonsense"),
        ("", "No model"),
    ):
        scene.n2n.model = model
        said = sentence(bpy.ops.n2n.denoise)
        assert expected in said, said
    assert (set(bpy.data.images), set(bpy.data.node_groups)) == (images, trees)
    scene.n2n.model = "oidn-small"
    assert bpy.ops.n2n.denoise() == {"FINISHED"}


def a_model_that_needs_pytorch(folder):  # nightly
    scene = room.build()
    bpy.ops.render.render()
    scene.n2n.model = f"{folder}/x.pt"
    Path(scene.n2n.model).write_bytes(b"")
    room.preferences().engine = "BUNDLED"
    said = sentence(bpy.ops.n2n.denoise)
    assert "PyTorch" in said and "x.pt" in said, said


def an_installed_program_that_is_not_there(folder):  # nightly
    room.build()
    bpy.ops.render.render()
    room.preferences().engine = "EXTERNAL"
    for program in (f"{folder}/none", f"{folder}/python3"):
        room.preferences().program = program
        said = sentence(bpy.ops.n2n.denoise)
        assert program in said, said
    room.preferences().engine = "AUTO"
    assert bpy.ops.n2n.denoise() == {"FINISHED"}


def a_device_that_is_not_there(folder):  # nightly
    room.build()
    bpy.ops.render.render()
    room.preferences().device = "sycl"
    said = sentence(bpy.ops.n2n.denoise)
    assert "sycl" in said, said


def an_output_folder_that_cannot_be_written(folder):
    scene = room.build()
    scene.n2n.output = "//n2n/"
    said = sentence(bpy.ops.n2n.denoise_animation)
    assert "//n2n/" in said and "Save the file" in said, said
    (Path(folder) / "file").write_text("")
    scene.n2n.output = f"{folder}/file"
    said = sentence(bpy.ops.n2n.denoise_animation)
    assert f"{folder}/file" in said and "another folder" in said, said
    (Path(folder) / "out").mkdir()
    (Path(folder) / "out" / "noisy").write_text("")
    scene.n2n.output = f"{folder}/out"
    assert f"{folder}/out/noisy" in sentence(bpy.ops.n2n.denoise_animation)


def best_without_an_installed_program(folder):  # nightly
    """Before anything is rendered; the picture and the scene's settings stay."""
    scene = room.denoised_room()
    before, seed = room.pixels("Denoised"), scene.cycles.seed
    scene.n2n.output, scene.n2n.quality = folder, "BEST"
    os.environ["PATH"] = os.environ["HOME"] = folder
    for operator in (bpy.ops.n2n.denoise, bpy.ops.n2n.denoise_animation):
        said = sentence(operator)
        assert "PyTorch" in said and "not found" in said and "Better" in said, said
    room.preferences().program = f"{folder}/none"
    said = sentence(bpy.ops.n2n.denoise)
    assert f"{folder}/none" in said, said
    assert room.same(room.pixels("Denoised"), before) and scene.cycles.seed == seed


def a_worker_that_was_killed_while_idle_is_replaced(folder):  # nightly
    room.denoised_room()
    (before,) = room.children()
    os.kill(before, signal.SIGKILL)
    time.sleep(0.2)
    assert bpy.ops.n2n.denoise() == {"FINISHED"}
    (after,) = room.children()
    assert after != before


def a_worker_that_is_killed_at_work_is_one_sentence(folder):
    room.build()
    bpy.ops.render.render()
    before = room.children()

    def kill():
        while not room.children() - before:
            time.sleep(0.001)
        os.kill(next(iter(room.children() - before)), signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    said = sentence(bpy.ops.n2n.denoise)
    thread.join()
    assert "ended unexpectedly" in said and "killed" in said, said
    assert room.children() == before
    assert bpy.ops.n2n.denoise() == {"FINISHED"}


def what_was_learned_and_cannot_be_kept_costs_no_picture(folder):
    scene = room.build()
    archive = Path(folder) / "learned.tza"
    archive.write_bytes(b"weights")
    made = {"learned": {"gain_db": 0.5}, "archive": str(archive)}
    learning, jobs = room.addon().learning, room.addon().jobs
    room.preferences().models = str(archive)  # no folder
    assert learning._kept(scene, made) == "" and str(archive) in jobs.warnings[-1]
    room.preferences().models = f"{folder}/library"
    assert Path(learning._kept(scene, made)).read_bytes() == b"weights"


def what_is_inside_the_extension_does_not_learn(folder):  # nightly
    room.build()
    program = Path(folder) / "n2n-render"
    program.write_text("")
    room.preferences().program = str(program)
    assert room.addon().session.can_learn()
    room.preferences().engine = "BUNDLED"
    assert not room.addon().session.can_learn()


def a_model_that_came_since_is_in_the_menu(folder):  # nightly
    room.denoised_room()
    room.preferences().models = folder
    model = Path(folder) / "shot.tza"
    room.addon().session.KNOWN["models"] = room.addon().models._by_files()
    model.write_bytes(b"")
    assert str(model) in [identifier for identifier, _, _ in room.addon().models.choices()]
    model.unlink()
    assert str(model) not in [identifier for identifier, _, _ in room.addon().models.choices()]


def strips_of_the_sequencer_are_no_render(folder):  # nightly
    scene = room.build()
    editor = scene.sequence_editor_create()
    strips = editor.strips if hasattr(editor, "strips") else editor.sequences
    length = {"length": 10} if bpy.app.version >= (5, 0, 0) else {"frame_end": 10}
    strips.new_effect("Color", "COLOR", channel=1, frame_start=1, **length)
    scene.n2n.output = folder
    assert "Sequencer" in sentence(bpy.ops.n2n.denoise_animation)
    scene.render.use_sequencer = False
    bpy.ops.render.render()
    assert bpy.ops.n2n.denoise(write_still=False) == {"FINISHED"}


def a_render_of_another_engine_gets_no_passes_of_cycles(folder):  # nightly
    scene = room.build(passes=False)
    bpy.ops.render.render()
    scene.render.engine = "BLENDER_WORKBENCH"
    assert bpy.ops.n2n.denoise(write_still=False) == {"FINISHED"}
    assert "other engines" in scene.n2n.said and not scene.view_layers[0].cycles.denoising_store_passes

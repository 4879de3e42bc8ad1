"""Best, by the n2n-render with PyTorch beside these tests: two seeds are learned from, and come back painted."""

import os
from pathlib import Path

import bpy
import numpy as np
import room


def _file(folder, program, size=(96, 64)):
    """A saved file with a change that has not been saved."""
    scene = room.build(size, spp=2)
    room.preferences().program = program
    scene.n2n.quality, scene.n2n.minutes, scene.n2n.output = "BEST", 0.05, "//out/"
    bpy.ops.wm.save_as_mainfile(filepath=f"{folder}/shot.blend")
    bpy.data.objects["Box"].location.x = 0.2
    return scene


def _rendering_settings(scene):
    layer = scene.view_layers[0]
    return (
        scene.cycles.seed,
        scene.cycles.use_animated_seed,
        scene.cycles.samples,
        scene.cycles.use_denoising,
        scene.render.use_motion_blur,
        layer.use_pass_vector,
        layer.cycles.denoising_store_passes,
    )


def a_still_is_rendered_once_more_and_comes_back_learned(folder, program):
    """Closer to the truth than both renders; the compositor takes it for either of them, and for no other."""
    scene = _file(folder, program)
    scene.cycles.samples, scene.cycles.seed = 128, 99
    reference = room.composite(scene)
    scene.cycles.samples, scene.cycles.seed = 2, 5
    noisy, before = room.composite(scene), _rendering_settings(scene)
    assert bpy.ops.n2n.denoise(write_still=False) == {"FINISHED"}
    assert _rendering_settings(scene) == before and bpy.data.filepath == f"{folder}/shot.blend"
    learned, second = room.pixels("Denoised"), room.pixels("Rendered")
    assert room.same(room.pixels("First Render"), noisy) and not room.same(second, noisy, 0.01)
    assert room.error(learned, reference) < 0.5 * room.error((noisy + second) / 2, reference)
    assert room.pixels("Error")[..., 0].max() > 0
    assert "dB" in scene.n2n.said, scene.n2n.said
    assert room.same(room.composite(scene), learned), "rendered again with the first seed it is the same render"
    scene.cycles.seed = 7
    assert not room.same(room.composite(scene), learned, 0.001)
    kept = list(Path(folder, "denoiser_models").glob("*.tza"))
    assert (scene.n2n.model == str(kept[0])) if kept else scene.n2n.model == "oidn-small"


def what_is_missing_is_rendered(folder, program):  # nightly
    """A last render without passes cannot be learned from, and neither can none."""
    scene = _file(folder, program, (64, 36))
    scene.view_layers[0].cycles.denoising_store_passes = False
    bpy.ops.render.render()
    assert bpy.ops.n2n.denoise(write_still=False) == {"FINISHED"}
    assert not scene.view_layers[0].cycles.denoising_store_passes
    assert room.roughness(room.pixels("Denoised")) < 0.5 * room.roughness(room.pixels("First Render"))


def an_animation_is_rendered_twice_and_learned(folder, program):  # nightly
    """With motion blur: its Vector pass comes from a render without. Run again, nothing is done again."""
    scene = _file(folder, program, (64, 36))
    scene.frame_start, scene.frame_end, scene.render.use_motion_blur = 1, 3, True
    box = bpy.data.objects["Box"]
    for frame, x in ((1, -1), (3, 1)):
        box.location.x = x
        box.keyframe_insert("location", index=0, frame=frame)
    before = _rendering_settings(scene)
    assert bpy.ops.n2n.denoise_animation() == {"FINISHED"}
    assert _rendering_settings(scene) == before
    names = [f"frame_{frame:04d}.exr" for frame in (1, 2, 3)]
    for part in ("noisy", "second", "denoised_best"):
        assert sorted(path.name for path in Path(folder, "out", part).glob("*.exr")) == names, part
    assert room.vectors(f"{folder}/out/noisy/{names[1]}").any() and room.vectors(f"{folder}/out/second/{names[1]}").any()
    seen = {path: path.stat().st_mtime_ns for path in Path(folder, "out").rglob("*.exr")}
    assert bpy.ops.n2n.denoise_animation() == {"FINISHED"}
    assert {path: path.stat().st_mtime_ns for path in Path(folder, "out").rglob("*.exr")} == seen
    scene.n2n.quality = "BETTER"  # the same renders
    assert bpy.ops.n2n.denoise_animation() == {"FINISHED"}
    assert all(path.stat().st_mtime_ns == time for path, time in seen.items())
    assert len(list(Path(folder, "out", "denoised_better").glob("*.exr"))) == 3


def before_and_after(scene):
    """What is learned is looked at: noisy, and beside it a wipe, which the slider moves."""
    found = []
    for position in (0.0, 1.0):
        scene.n2n_compare.wipe = position
        found.append(room.pixels("Learning"))
    after, before = (picture[:, -96:] for picture in found)
    noisy = found[0][:, :96]
    assert found[0].shape == (64, 2 * 96 + 4, 4) and room.roughness(noisy) > 2 * room.roughness(before)
    assert room.same(found[0][:, :100], found[1][:, :100]) and np.isfinite(after).all()


def cancelling_leaves_no_process_and_the_settings_as_they_were(folder, program):
    scene = _file(folder, program)
    scene.n2n.minutes = 10
    bpy.ops.render.render()
    before = _rendering_settings(scene)
    steps = room.work(room.addon().denoise.N2N_OT_denoise)
    for _ in steps:
        if "Learning" in bpy.data.images:
            break
    before_and_after(scene)
    steps.close()
    assert "Learning" not in bpy.data.images
    assert _rendering_settings(scene) == before
    assert not [image for image in bpy.data.images if image.get("n2n") == "Denoised"]
    scene.n2n.quality = "FAST"
    assert bpy.ops.n2n.denoise(write_still=False) == {"FINISHED"}, "the process takes the next request"


def a_model_that_was_learned_denoises_without_pytorch(folder, program):  # nightly
    scene = _file(folder, program, (128, 96))
    scene.cycles.samples, scene.n2n.minutes = 1, 0.5
    bpy.ops.render.render()
    assert bpy.ops.n2n.denoise(write_still=False) == {"FINISHED"}
    kept = list(Path(folder, "denoiser_models").glob("*.tza"))
    if not kept:  # nothing was gained here: then nothing must be kept, and that must be said
        assert "nothing better" in scene.n2n.said, scene.n2n.said
        return
    (model,) = kept
    assert model.stem.startswith("shot 2") and model.stem.endswith(" dB"), model
    assert str(model) in [identifier for identifier, _, _ in room.addon().models.choices()]
    scene.n2n.quality = "FAST"
    room.preferences().engine = "BUNDLED"
    scene.cycles.seed = 3
    noisy = room.composite(scene)
    assert bpy.ops.n2n.denoise(write_still=False) == {"FINISHED"}
    assert np.isfinite(room.pixels("Denoised")).all()
    assert room.roughness(room.pixels("Denoised")) < 0.5 * room.roughness(noisy)
    assert os.path.exists(f"{model}.json")


def other_views_are_learned_from(folder, program):  # nightly
    """They are rendered from a copy of the file, beside Blender; the file and what is not saved in it stay as they are."""
    scene = _file(folder, program, (64, 48))
    scene.n2n.views = 1
    bpy.ops.render.render()
    before, seen = _rendering_settings(scene), []
    steps = room.work(room.addon().denoise.N2N_OT_denoise)
    for found in steps:
        if found:
            seen.append(found[1])
    assert any(text.startswith("Other views") for text in seen)
    assert _rendering_settings(scene) == before and bpy.data.filepath == f"{folder}/shot.blend"
    assert abs(bpy.data.objects["Box"].location.x - 0.2) < 1e-6
    assert room.roughness(room.pixels("Denoised")) < 0.5 * room.roughness(room.pixels("First Render"))


def pressed_again_it_learns_from_two_seeds_again(folder, program):  # nightly
    """The last render is then the second one of before: the other is rendered with the artist's own seed."""
    scene = _file(folder, program, (64, 36))
    first = room.composite(scene)
    for _ in range(2):
        assert bpy.ops.n2n.denoise(write_still=False) == {"FINISHED"}
        assert not room.same(room.pixels("First Render"), room.pixels("Rendered"), 0.01)
    assert room.same(room.pixels("Rendered"), first)


def a_last_render_of_another_frame_is_none_to_learn_from(folder, program):  # nightly
    scene = _file(folder, program, (64, 36))
    box = bpy.data.objects["Box"]
    for frame, x in ((1, -1), (3, 1)):
        box.location.x = x
        box.keyframe_insert("location", index=0, frame=frame)
    scene.frame_set(3)
    of_this_frame = room.composite(scene)
    scene.frame_set(1)
    bpy.ops.render.render()
    scene.frame_set(3)
    assert bpy.ops.n2n.denoise(write_still=False) == {"FINISHED"}
    assert room.same(room.pixels("First Render"), of_this_frame)


def another_engine_is_said_before_anything_is_rendered(folder, program):
    scene = _file(folder, program, (64, 36))
    scene.render.engine = "BLENDER_WORKBENCH"
    assert "Cycles" in room.sentence(bpy.ops.n2n.denoise, write_still=False)


def what_was_changed_since_the_render_is_rendered_again(folder, program):  # nightly
    """The old render shows another scene: it would be averaged with the new one."""
    scene = _file(folder, program, (64, 36))
    old = room.composite(scene)
    bpy.data.objects["Box"].location.x = 0.8
    bpy.context.view_layer.update()
    assert bpy.ops.n2n.denoise(write_still=False) == {"FINISHED"}
    first = room.pixels("First Render")
    assert not room.same(first, old, 0.01)
    scene.n2n.quality = "FAST"
    assert room.same(room.composite(scene), room.pixels("Denoised")), "the first render is that of the scene as it is now"


def a_driven_seed_is_another_one_in_the_second_render(folder, program):  # nightly
    """As artists do who write #frame into the seed: a driver would win over what is set."""
    scene = _file(folder, program, (64, 36))
    driver = scene.driver_add("cycles.seed")
    driver.driver.expression = "frame"
    bpy.ops.render.render()
    assert bpy.ops.n2n.denoise(write_still=False) == {"FINISHED"}
    assert not room.same(room.pixels("First Render"), room.pixels("Rendered"), 0.01)
    assert not driver.mute

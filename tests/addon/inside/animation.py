"""Denoise Animation: three frames, on disk."""

import os
import shutil
import signal
import threading
import time
from pathlib import Path

import bpy
import numpy as np
import room
from room import sentence

NAMES = [f"frame_{frame:04d}.exr" for frame in (1, 2, 3)]


def _shot(folder):
    """A box that moves through three frames."""
    scene = room.build((64, 36), spp=2)
    scene.frame_start, scene.frame_end, scene.n2n.output = 1, 3, str(folder)
    box = bpy.data.objects["Box"]
    for frame, x in ((1, -1), (3, 1)):
        box.location.x = x
        box.keyframe_insert("location", index=0, frame=frame)
    return scene


def _files(folder):
    """Files and when they were written."""
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in Path(folder).rglob("*") if path.is_file()}


def _pictures(folder, kind):
    return sorted(name for name in _files(folder) if name.startswith(kind) and name.endswith(".exr"))


def a_cancelled_animation_keeps_finished_frames_and_goes_on(folder):
    scene = _shot(folder)
    scene.frame_set(2)
    steps = room.work(room.addon().animation.N2N_OT_denoise_animation)
    for _ in steps:
        if "noisy/frame_0002.exr" in _files(folder):
            break
    steps.close()
    done = set(_pictures(folder, "denoised"))
    assert {"denoised/frame_0001.exr"} <= done <= {"denoised/frame_0001.exr", "denoised/frame_0002.exr"}
    assert _pictures(folder, "noisy") == ["noisy/frame_0001.exr", "noisy/frame_0002.exr"]
    assert scene.frame_current == 2
    before = _files(folder)
    assert bpy.ops.n2n.denoise_animation() == {"FINISHED"}
    after = _files(folder)
    assert _pictures(folder, "denoised") == [f"denoised/{name}" for name in NAMES]
    assert {name for name in before if after.get(name) != before[name]} <= {"denoised/n2n.json"}
    assert set(after) - set(before) == {"denoised/frame_0002.exr", "denoised/frame_0003.exr", "noisy/frame_0003.exr"} - done
    assert bpy.ops.n2n.denoise_animation() == {"FINISHED"}
    assert {name: time for name, time in _files(folder).items() if name.endswith(".exr")} == {
        name: time for name, time in after.items() if name.endswith(".exr")
    }
    assert not room.groups(scene) and scene.frame_current == 2


def an_animation_can_be_cancelled_from_elsewhere(folder):  # nightly
    _is_ended_by(room.addon().jobs.cancel, _shot(folder), folder)


def an_interrupt_ends_the_animation(folder):  # nightly
    """Ctrl-C, where Blender runs without a window."""
    _is_ended_by(lambda: os.kill(os.getpid(), signal.SIGINT), _shot(folder), folder)


def _is_ended_by(end, scene, folder):
    def after_the_first_frame():
        while "denoised/frame_0001.exr" not in _files(folder):
            time.sleep(0.01)
        end()

    scene.frame_end = 20
    threading.Thread(target=after_the_first_frame, daemon=True).start()
    assert "cancelled" in sentence(bpy.ops.n2n.denoise_animation)
    made = _pictures(folder, "denoised")
    assert 1 <= len(made) < 19, made
    assert not room.addon().jobs.is_running()


def frames_that_were_rendered_before(folder):  # nightly
    """They are denoised as they are, by the numbers in their names; a missing one is named, before anything is done."""
    scene = _shot(folder)
    assert bpy.ops.n2n.denoise_animation() == {"FINISHED"}
    noisy, out = Path(folder) / "noisy", Path(folder) / "second"
    scene.n2n.source, scene.n2n.frames, scene.n2n.output = "EXISTING", f"{noisy}/frame_####.exr", str(out)
    (noisy / NAMES[1]).rename(noisy / "away")
    said = sentence(bpy.ops.n2n.denoise_animation)
    assert str(noisy / NAMES[1]) in said and not _pictures(out, "denoised"), said
    (noisy / NAMES[1]).write_bytes((noisy / "away").read_bytes()[:20000])
    said = sentence(bpy.ops.n2n.denoise_animation)
    assert NAMES[1] in said, said
    (noisy / "away").replace(noisy / NAMES[1])
    assert bpy.ops.n2n.denoise_animation() == {"FINISHED"}
    for name in NAMES:
        assert (out / "denoised" / name).read_bytes() == (Path(folder) / "denoised" / name).read_bytes()
    scene.n2n.frames = f"{noisy}/frame.exr"
    assert "#" in sentence(bpy.ops.n2n.denoise_animation)


def frames_without_the_passes_are_named(folder):  # nightly
    scene = _shot(folder)
    scene.view_layers[0].cycles.denoising_store_passes = False
    scene.n2n.model = "oidn-color"
    bpy.ops.render.render()
    with room.addon().versions.multilayer_settings(scene):
        for name in NAMES:
            bpy.data.images["Render Result"].save_render(f"{folder}/{name}", scene=scene)
    scene.n2n.source, scene.n2n.frames = "EXISTING", f"{folder}/frame_####.exr"
    scene.n2n.model = "oidn-small"
    said = sentence(bpy.ops.n2n.denoise_animation)
    assert NAMES[0] in said and "albedo" in said, said
    assert not _pictures(folder, "denoised")


def frames_of_other_settings_are_refused(folder):
    scene = _shot(folder)
    scene.frame_end = 1
    assert bpy.ops.n2n.denoise_animation() == {"FINISHED"}
    before = _files(folder)
    scene.frame_end = 3
    for name, value, before_it in (
        ("strength", 0.5, 1.0),
        ("model", "oidn", "oidn-small"),
        ("keep_noisy", True, False),
        ("prefilter", "OFF", "AUTO"),
    ):
        setattr(scene.n2n, name, value)
        said = sentence(bpy.ops.n2n.denoise_animation)
        assert name.replace("_", " ") in said and folder in said, said
        setattr(scene.n2n, name, before_it)
    assert _files(folder) == before
    shutil.rmtree(Path(folder) / "denoised")
    scene.n2n.strength, scene.n2n.keep_noisy = 0.5, True
    assert bpy.ops.n2n.denoise_animation() == {"FINISHED"}
    assert (Path(folder) / "noisy" / NAMES[0]).stat().st_mtime_ns == before[f"noisy/{NAMES[0]}"]


def the_frames_are_those_of_the_button(folder):
    """A denoised frame holds what Denoise makes of the same frame."""
    scene = _shot(folder)
    scene.frame_start = scene.frame_end = 2
    assert bpy.ops.n2n.denoise_animation() == {"FINISHED"}
    scene.frame_set(2)
    scene.cycles.use_animated_seed = True
    bpy.ops.render.render()
    bpy.ops.n2n.denoise()
    still = room.pixels("Denoised")
    found = room.combined(f"{folder}/denoised/{NAMES[1]}")
    assert np.abs(found[..., :3] - still[..., :3]).max() < 1e-5


def the_range_goes_to_disk_as_it_was_chosen(folder):  # nightly
    """The scene's frame step; keep_noisy; the artist's own image settings and output path stay."""
    scene = _shot(folder)
    scene.frame_step, scene.n2n.keep_noisy = 2, True
    scene.render.filepath, scene.render.image_settings.file_format = "//mine_", "JPEG"
    assert bpy.ops.n2n.denoise_animation() == {"FINISHED"}
    assert _pictures(folder, "denoised") == [f"denoised/{NAMES[0]}", f"denoised/{NAMES[2]}"]
    assert (scene.render.filepath, scene.render.image_settings.file_format) == ("//mine_", "JPEG")


def better_takes_in_the_frames_around(folder):  # nightly
    """Closer to the truth than Fast, from the same renders; the renders have the Vector pass and a seed of their own."""
    scene = _shot(folder)
    scene.frame_end, scene.cycles.samples = 5, 2
    for curve in room.curves(bpy.data.objects["Box"]):
        curve.keyframe_points[-1].co.x = 5
    assert bpy.ops.n2n.denoise_animation(quality="FAST") == {"FINISHED"}
    before = _files(folder)
    assert bpy.ops.n2n.denoise_animation(quality="BETTER") == {"FINISHED"}
    assert {name: time for name, time in _files(folder).items() if name.startswith("noisy/frame")} == {
        name: time for name, time in before.items() if name.startswith("noisy/frame")
    }
    scene.cycles.samples, scene.cycles.seed = 256, 77
    scene.frame_set(3)
    reference = room.composite(scene)
    fast, better = (room.combined(f"{folder}/{kind}/{NAMES[2]}") for kind in ("denoised", "denoised_better"))
    assert room.error(better, reference) < room.error(fast, reference)
    assert room.vectors(f"{folder}/noisy/{NAMES[2]}").any()
    seeds = [room.combined(f"{folder}/noisy/{name}") for name in NAMES[:2]]
    assert not room.same(*seeds, 0.01)


def frames_go_to_the_output_path_in_the_scenes_format(folder):
    """With the view transform, whether or not there is a compositor; written once."""
    scene = _shot(folder)
    scene.frame_end, scene.n2n.to_output = 2, True
    scene.render.filepath, scene.render.image_settings.file_format = f"{folder}/final/shot_", "PNG"
    assert bpy.ops.n2n.denoise_animation() == {"FINISHED"}
    final = Path(folder) / "final"
    assert sorted(os.listdir(final)) == ["shot_0001.png", "shot_0002.png"]
    written = room.read(final / "shot_0001.png")
    combined = room.combined(f"{folder}/denoised/{NAMES[0]}")
    assert written.shape == combined.shape and 0 < written[..., :3].mean() < 1
    assert not room.same(written, combined, 0.05), "PNG holds what is displayed, EXR scene-linear radiance"
    before = _files(folder)
    assert bpy.ops.n2n.denoise_animation() == {"FINISHED"}
    assert _files(folder) == before


def frames_that_were_rendered_before_keep_their_names(folder):  # nightly
    """Whatever the quality; run again, nothing is done again."""
    scene = _shot(folder)
    assert bpy.ops.n2n.denoise_animation() == {"FINISHED"}
    noisy, out = Path(folder) / "noisy", Path(folder) / "out"
    names = [name.replace("frame_", "shot_") for name in NAMES]
    for before, after in zip(NAMES, names, strict=True):
        (noisy / before).rename(noisy / after)
    scene.n2n.source, scene.n2n.frames, scene.n2n.output = "EXISTING", f"{noisy}/shot_####.exr", str(out)
    for quality, kind in (("FAST", "denoised"), ("BETTER", "denoised_better")):
        assert bpy.ops.n2n.denoise_animation(quality=quality) == {"FINISHED"}
        assert _pictures(out, f"{kind}/") == [f"{kind}/{name}" for name in names]
    before = _files(out)
    assert bpy.ops.n2n.denoise_animation(quality="BETTER") == {"FINISHED"}
    assert _files(out) == before


def a_frame_without_neighbors_is_denoised_alone(folder):  # nightly
    scene = _shot(folder)
    scene.frame_step = 2
    assert bpy.ops.n2n.denoise_animation(quality="BETTER") == {"FINISHED"}
    assert _pictures(folder, "denoised_better") == [f"denoised_better/{name}" for name in (NAMES[0], NAMES[2])]


def frame_by_frame_is_one_part_of_the_countdown(folder):  # nightly
    """Denoising is not left over when the last frame has been rendered."""
    scene = _shot(folder)
    estimate = room.addon().estimate
    assert len(estimate.animation(scene, "FAST", 3, 3)) == 1 and len(estimate.animation(scene, "BETTER", 3, 3)) == 2


def renders_of_other_settings_are_not_mixed_in(folder):  # nightly
    scene = _shot(folder)
    assert bpy.ops.n2n.denoise_animation(quality="FAST") == {"FINISHED"}
    before = _files(folder)
    for holder, name, value in ((scene.cycles, "samples", 4), (scene.render, "resolution_percentage", 50)):
        kept = getattr(holder, name)
        setattr(holder, name, value)
        said = sentence(bpy.ops.n2n.denoise_animation, quality="BETTER")
        assert f"{folder}/noisy" in said and ("samples" in said or "resolution" in said), said
        setattr(holder, name, kept)
    assert {name for name in _files(folder) if name.endswith(".exr")} == {name for name in before if name.endswith(".exr")}

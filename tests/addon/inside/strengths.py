"""Strength per object: listed by the last render's Cryptomattes, kept, and obeyed."""

import bpy
import numpy as np
import room


def _room():
    scene = room.build()
    assert room.addon().strengths.lacks_masks(scene)
    assert bpy.ops.n2n.enable_cryptomatte() == {"FINISHED"} and not room.addon().strengths.lacks_masks(scene)
    return scene


def _lines(scene):
    return {(item.kind, item.name): item for item in scene.n2n.strengths}


def _request(scene):
    return room.addon().strengths.asked(scene)


def an_object_keeps_its_noise_and_the_rest_does_not(folder):
    scene = _room()
    bpy.ops.render.render()
    assert bpy.ops.n2n.list_masks() == {"FINISHED"}
    lines = _lines(scene)
    assert {("object", "Box"), ("object", "Floor"), ("material", "Box")} <= set(lines), set(lines)
    assert not [name for _, name in lines if name.startswith("default_") or name in ("object", "shader")], "Cycles' own"
    assert not _request(scene), "nothing has a strength of its own before it is chosen"
    lines["object", "Box"].strength = 0.0
    assert _request(scene) == {"strengths": {"object:Box": 0.0}}
    assert bpy.ops.n2n.denoise() == {"FINISHED"}
    noisy, denoised = room.pixels("Rendered"), room.pixels("Denoised")
    kept = np.isclose(noisy, denoised, rtol=1e-4, atol=1e-5).all(-1) & (noisy[..., :3] > 0).any(-1)
    box = (slice(14, 24), slice(34, 44))  # where it covers every pixel
    assert kept[box].all() and 0.02 < kept.mean() < 0.3, kept.mean()


def strengths_stay_when_the_list_is_made_again(folder):  # nightly
    scene = _room()
    bpy.ops.render.render()
    bpy.ops.n2n.list_masks()
    lines = _lines(scene)
    lines["object", "Box"].strength, lines["object", "Left"].strength = 0.25, 0.5
    bpy.data.objects.remove(bpy.data.objects["Left"])
    bpy.ops.render.render()
    steps = room.work(room.addon().strengths.N2N_OT_list_masks)
    for _ in steps:
        pass
    assert any("Left" in sentence for sentence in room.addon().jobs.warnings)
    assert ("object", "Left") not in _lines(scene) and ("object", "Right") in _lines(scene)
    assert _request(scene) == {"strengths": {"object:Box": 0.25}}
    _lines(scene)["object", "Box"].own = False
    assert not _request(scene)


def a_render_without_names_is_said(folder):  # nightly
    room.build()
    bpy.ops.render.render()
    assert "Cryptomatte" in room.sentence(bpy.ops.n2n.list_masks)

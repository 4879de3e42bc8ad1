"""Enabling and disabling."""

import importlib
import os
import sys

import addon_utils
import bpy
import room

MODULE = "bl_ext.user_default.n2n_denoise"
WEIGHTY = ("torch", "pyoidn", "openvino", "OpenEXR", "n2n_render")


def enabling_loads_nothing_and_starts_nothing(folder):
    assert hasattr(bpy.types.Scene, "n2n")
    assert not [name for name in sys.modules if name.split(".")[0] in WEIGHTY]
    assert room.children() == set() and not room.addon().session.STARTED


def denoising_loads_nothing_into_blender(folder):  # nightly
    room.denoised_room()
    assert not [name for name in sys.modules if name.split(".")[0] in WEIGHTY]


def _handlers():
    return {
        name: len(getattr(bpy.app.handlers, name))
        for name in dir(bpy.app.handlers)
        if isinstance(getattr(bpy.app.handlers, name), list)
    }


def _registered():
    return {name for name in dir(bpy.types) if "N2N" in name.upper()}


def disabling_leaves_no_trace(folder):
    addon_utils.disable(MODULE)
    clean = _handlers()
    scene = room.build_plain()
    trees, images = set(bpy.data.node_groups), set(bpy.data.images)
    addon_utils.enable(MODULE, default_set=True)
    room.preferences().device = "cpu"
    module = room.addon()
    scene.n2n.model = "oidn-small"
    bpy.ops.render.render()
    noisy = room.composite(scene)
    bpy.ops.n2n.denoise()
    (worker,) = room.children()
    header, delayed = module.panel.draw_header, module.handlers._denoise
    bpy.app.timers.register(delayed, first_interval=100)
    assert _registered() and _handlers() != clean

    addon_utils.disable(MODULE)
    assert not _registered() and not hasattr(bpy.types.Scene, "n2n")
    assert _handlers() == clean and not bpy.app.timers.is_registered(delayed)
    assert header not in bpy.types.IMAGE_HT_header._dyn_ui_initialize()
    assert room.children() == set() and not os.path.exists(f"/proc/{worker}")
    assert set(bpy.data.node_groups) == trees
    assert {image.name for image in set(bpy.data.images) - images} <= {"Render Result"}
    assert room.same(room.composite(scene), noisy)

    addon_utils.enable(MODULE, default_set=True)
    assert importlib.import_module(f"{MODULE}.ui") is room.addon()
    bpy.context.scene.n2n.model = "oidn-small"
    bpy.ops.render.render()
    assert bpy.ops.n2n.denoise() == {"FINISHED"}


def nodes_and_pictures_stay_where_that_was_chosen(folder):  # nightly
    scene = room.denoised_room()
    denoised = room.composite(scene)
    room.preferences().keep_nodes = True
    addon_utils.disable(MODULE)
    assert room.same(room.composite(scene), denoised) and room.children() == set()


def disabling_while_a_job_runs_ends_it(folder):
    scene = room.build()
    scene.n2n.output, scene.frame_end = folder, 2
    bpy.ops.render.render()
    steps = room.work(room.addon().denoise.N2N_OT_denoise)
    while not room.children():
        next(steps)
    addon_utils.disable(MODULE)
    steps.close()
    assert room.children() == set()

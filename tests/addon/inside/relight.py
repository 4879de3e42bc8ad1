"""A compositor doubles the gain of one light, before and after denoising: the relit picture must be as good as the first."""

import os
import subprocess
from pathlib import Path

import bpy
import numpy as np
import room

SIZE = (128, 72)
REFERENCE_SPP = 256
LOSS_DB = 0.3  # of the relit picture to the other one, at most


def _lit_twice(spp, seed):
    """A room with a warm key and a blue fill, a light group each."""
    scene = bpy.context.scene
    layer = scene.view_layers[0]
    if not layer.lightgroups:
        room.build_plain(SIZE)
        lamp = bpy.data.lights.new("Fill", "AREA")
        lamp.energy, lamp.size, lamp.color = 30, 1.0, (0.2, 0.4, 1.0)
        fill = bpy.data.objects.new("Fill", lamp)
        fill.location, fill.rotation_euler = (-1.5, 0.5, 1.6), (0.6, -0.7, 0.0)
        scene.collection.objects.link(fill)
        bpy.data.objects["Lamp"].data.color = (1.0, 0.7, 0.4)
        for name in ("key", "fill"):
            layer.lightgroups.add(name=name)
        bpy.data.objects["Lamp"].lightgroup, fill.lightgroup, scene.world.lightgroup = "key", "fill", "fill"
    scene.cycles.samples, scene.cycles.seed = spp, seed
    return scene


def _render(folder, name, spp, seed):
    """A multilayer EXR with all passes."""
    scene = _lit_twice(spp, seed)
    bpy.ops.render.render()
    path = os.path.join(folder, f"{name}.exr")
    room.addon().rendering.save(scene, path)
    return path


def _relit(path) -> tuple[np.ndarray, np.ndarray]:
    """What Blender's compositor makes of a file: its picture, and the same with twice the key light."""
    scene = bpy.context.scene.copy()
    tree, render, result = room.compositor(scene)
    tree.nodes.remove(render)
    source = tree.nodes.new("CompositorNodeImage")
    source.image = bpy.data.images.load(path)
    add, factor, first, second, out = room.addon().versions.new_mix(tree, "ADD")
    factor.default_value = 1.0
    picture = next(socket for socket in source.outputs if socket.name in ("Combined", "Image") and socket.enabled)
    for socket, target in ((picture, first), (source.outputs["Combined_key"], second), (picture, result)):
        tree.links.new(socket, target)
    try:
        plain = room.composite(scene)[..., :3]
        tree.links.new(out, result)
        return plain, room.composite(scene)[..., :3]
    finally:
        bpy.data.scenes.remove(scene)


def _psnr(found, references) -> float:
    """On T(v) = (v / (1 + v))^(1/2.2), against two halves of a reference: their own noise does not count."""
    found, first, second = ((np.maximum(v, 0) / (1 + np.maximum(v, 0))) ** (1 / 2.2) for v in (found, *references))
    return float(-10 * np.log10(np.mean((found - first) * (found - second))))


def relit_the_denoised_picture_is_as_good_as_before(folder, program):
    """By the program, from two seeds: Combined and Combined_key are what Blender's Image node reads of its file."""
    noisy, other = (_render(folder, f"noisy{seed}", 8, seed) for seed in (1, 2))
    references = [_render(folder, f"reference{seed}", REFERENCE_SPP, seed) for seed in (11, 12)]
    clean = os.path.join(folder, "clean.exr")
    words = [program, "-m", "n2n_render", "denoise", noisy, "--pair", other, "-o", clean, "--passes", "light-groups"]
    done = subprocess.run(
        [*words, "--model", "oidn-small", "--device", "cpu"],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    first, second = map(_relit, references)
    plain, relit = ([one, two] for one, two in zip(first, second, strict=True))
    before, after = _relit(noisy), _relit(clean)
    assert not room.same(first[0], first[1], 0.01)
    found = {name: (_psnr(made[0], plain), _psnr(made[1], relit)) for name, made in (("noisy", before), ("denoised", after))}
    print("PSNR on T of the picture and of the relit one:", found)
    assert found["denoised"][0] > found["noisy"][0] + 3
    assert found["denoised"][1] > found["denoised"][0] - LOSS_DB, found

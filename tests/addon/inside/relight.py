"""A compositor doubles the gain of one light after denoising: the relit picture must be as good as the one before."""

import os
import subprocess
from pathlib import Path

import bpy
import numpy as np
import room

SIZE = (128, 72)
REFERENCE_SPP = 256
LIGHTS = {"Key": "Key", "Bounce": "Lamp"}  # light group → its lamp
LOSS_DB = 0.3  # at most


def _room():
    """A warm key that shines into the room, and a lamp that shines at the ceiling: a light group each; the sky is in none."""
    scene = room.build_plain(SIZE)
    lamp = bpy.data.lights.new("Key", "AREA")
    lamp.energy, lamp.size, lamp.color = 30, 1.0, (1.0, 0.6, 0.3)
    key = bpy.data.objects.new("Key", lamp)
    key.location, key.rotation_euler = (-1.5, 0.5, 1.6), (0.6, -0.7, 0.0)
    scene.collection.objects.link(key)
    for group, light in LIGHTS.items():
        scene.view_layers[0].lightgroups.add(name=group)
        bpy.data.objects[light].lightgroup = group
    return scene


def _render(path, spp, seed):
    """A multilayer EXR with all passes."""
    scene = bpy.context.scene
    scene.cycles.samples, scene.cycles.seed = spp, seed
    bpy.ops.render.render()
    room.addon().rendering.save(scene, str(path))
    return path


def _denoised(program, folder, name):
    """Two seeds of the scene as it is now, rendered and denoised by the program."""
    first, second = (_render(folder / f"{name}{seed}.exr", 8, seed) for seed in (1, 2))
    clean = folder / f"{name}.exr"
    words = [program, "-m", "n2n_render", "denoise", first, "--pair", second, "-o", clean, "--passes", "light-groups"]
    done = subprocess.run(
        [*map(str, words), "--model", "oidn-small", "--device", "cpu"],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return clean


def _composite(path, doubled=None):
    """What Blender's compositor makes of a file: its picture, plus the named light group once more."""
    scene = bpy.context.scene.copy()
    tree, render, result = room.compositor(scene)
    tree.nodes.remove(render)
    source = tree.nodes.new("CompositorNodeImage")
    source.image = bpy.data.images.load(str(path))
    picture = next(socket for socket in source.outputs if socket.name in ("Combined", "Image") and socket.enabled)
    if doubled:
        _, factor, first, second, out = room.addon().versions.new_mix(tree, "ADD")
        factor.default_value = 1.0
        tree.links.new(picture, first)
        tree.links.new(source.outputs[f"Combined_{doubled}"], second)
        picture = out
    tree.links.new(picture, result)
    try:
        return room.composite(scene)[..., :3]
    finally:
        bpy.data.scenes.remove(scene)


def _psnr(found, references) -> float:
    """In dB on T(v) = (v / (1 + v))^(1/2.2), exposed by the reference. The noise of its halves does not count."""
    brightness = np.mean(references, axis=(0, -1))
    exposure = 0.18 / np.exp(np.log(brightness[brightness > 1e-4]).mean())
    shown = [np.maximum(picture, 0) * exposure for picture in (found, *references)]
    found, first, second = ((picture / (1 + picture)) ** (1 / 2.2) for picture in shown)
    return float(-10 * np.log10(np.mean((found - first) * (found - second))))


def relit_the_denoised_picture_is_as_good_as_before(folder, program):  # nightly
    """And as a render with twice the light that is denoised."""
    folder = Path(folder)
    _room()
    clean = _denoised(program, folder, "clean")
    references = [_render(folder / f"reference{seed}.exr", REFERENCE_SPP, seed) for seed in (11, 12)]
    before = _psnr(_composite(clean), [_composite(path) for path in references])
    noisy = _psnr(_composite(folder / "clean1.exr"), [_composite(path) for path in references])
    print(f"noisy {noisy:.2f} dB, denoised {before:.2f} dB")
    assert before > noisy + 3
    for group, light in LIGHTS.items():
        energy = bpy.data.objects[light].data.energy
        bpy.data.objects[light].data.energy = 2 * energy
        rendered = _denoised(program, folder, f"brighter{group}")
        bpy.data.objects[light].data.energy = energy
        relit_references = [_composite(path, group) for path in references]
        relit = _psnr(_composite(clean, group), relit_references)
        otherwise = _psnr(_composite(rendered), relit_references)
        print(f"{group} doubled: {relit:.2f} dB; rendered so and denoised: {otherwise:.2f} dB")
        assert relit > otherwise - LOSS_DB
        if group == "Key":  # twice the light of the noisiest group makes a picture that has more noise, however it is made
            assert relit > before - LOSS_DB

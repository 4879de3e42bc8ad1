"""Sample Pairs and Train on This Scene, by the n2n-render that is installed beside these tests."""

import hashlib
import os
from pathlib import Path

import bpy
import room
from room import sentence


def _file(folder, program):
    """A saved file with a change that has not been saved."""
    scene = room.build((96, 64), spp=2)
    room.preferences().program = program
    scene.n2n.spp, scene.n2n.views, scene.n2n.minutes = 2, 2, 0.1
    bpy.ops.wm.save_as_mainfile(filepath=f"{folder}/shot.blend")
    bpy.data.objects["Box"].location.x = 0.2
    return scene


def _state(folder):
    return hashlib.sha256(Path(folder, "shot.blend").read_bytes()).hexdigest(), bpy.data.filepath, bpy.data.is_dirty


def a_trained_model_is_chosen_and_denoises(folder, program):
    scene = _file(folder, program)
    others = Path(room.addon().session.user_folder("models")) / "shot-1.tza"
    others.write_bytes(b"another shot.blend has made it")
    before = _state(folder)
    assert bpy.ops.n2n.sample() == {"FINISHED"}
    pairs = Path(folder) / "n2n" / "samples" / "shot-1"
    assert len(list(pairs.glob("v00?_f0001_s000?_*.exr"))) == 4
    bpy.data.scenes.new("Second")  # pairs are found again whatever scenes come
    scene.name = "Renamed"
    assert bpy.ops.n2n.train() == {"FINISHED"}
    model = Path(scene.n2n.model)
    assert model.suffix == ".tza" and model.is_file() and model.stem.startswith("shot")
    assert str(model) in [identifier for identifier, _, _ in room.addon().session.model_choices()]
    assert _state(folder) == before and sorted(os.listdir(folder)) == ["n2n", "shot.blend"]
    bpy.ops.render.render()
    room.preferences().engine = "BUNDLED"
    assert bpy.ops.n2n.denoise() == {"FINISHED"}
    assert not room.same(room.composite(scene), room.pixels("N2N Rendered"), 0.01)
    assert others.read_bytes() == b"another shot.blend has made it", "a file of the same name has taken the model"


def a_cancelled_sampling_leaves_no_process(folder, program):
    scene = _file(folder, program)
    before = _state(folder)
    scene.n2n.spp, scene.n2n.views = 512, 8
    steps = room.work(room.addon().training.N2N_OT_sample)
    while not room.children():
        next(steps)
    (child,) = room.children()
    for found in steps:
        if found and found[0] > 0:
            break
    family = room.descendants()
    assert child in family
    steps.close()
    assert not any(os.path.exists(f"/proc/{pid}") for pid in family)
    assert _state(folder) == before
    said = sentence(bpy.ops.n2n.train)
    assert "Sample Pairs" in said, said

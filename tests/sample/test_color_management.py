"""A dataset's pictures look as its scene does in Blender."""

import json

import numpy as np
import pytest
from blender_fixtures import BLENDER, run_in_blender

from n2n_render.frame.frame import Frame
from n2n_render.io.dataset import read_manifest
from n2n_render.io.exr import read_frame, write_frame
from n2n_render.io.images import pillow
from n2n_render.io.scene_view import open_shown_view
from n2n_render.sample import SampleOptions, sample
from n2n_render.sample.plan import differences, merged

pytestmark = pytest.mark.blender


def test_what_the_artist_chose_is_recorded_and_shown(tmp_path, monkeypatch):
    monkeypatch.delenv("OCIO", raising=False)
    run_in_blender("blender_graded.py", str(tmp_path))
    done = sample(SampleOptions(str(tmp_path / "graded.blend"), 2, out=str(tmp_path / "data"), blender=BLENDER))
    told = read_manifest(done.folder)["color_management"]
    assert (told["view_transform"], told["look"], told["display_device"]) == ("AgX", "AgX - Punchy", "sRGB")
    assert told["exposure"] == pytest.approx(-1.25) and told["gamma"] == pytest.approx(1.2)
    assert told["use_curve_mapping"] is False and told["use_white_balance"] is False

    radiance = read_frame(done.folder / "v000_f0001_s0001_0002spp.exr").color
    write_frame(tmp_path / "radiance.exr", Frame(radiance))
    job = {"radiance": str(tmp_path / "radiance.exr"), "folder": str(tmp_path), "views": {"theirs": None}}
    (tmp_path / "job.json").write_text(json.dumps({**job, "scene": str(tmp_path / "graded.blend")}))
    run_in_blender("../io/blender_view.py", str(tmp_path / "job.json"))
    theirs = np.asarray(pillow()[0].open(tmp_path / "theirs.png").convert("RGB")).astype(int)
    view = open_shown_view(None, None, [done.folder], BLENDER)
    assert view.name == "AgX - Punchy"
    assert theirs.std() > 10 and np.abs(view.pixels(radiance).astype(int) - theirs).max() <= 1

    regraded = {**done.manifest, "color_management": {**told, "exposure": 2.0}}
    assert not differences(done.manifest, regraded), "it is no other noise"
    assert merged(done.manifest, regraded)["color_management"]["exposure"] == 2.0


def test_light_with_the_primaries_of_acescg_looks_the_same(tmp_path, monkeypatch):
    monkeypatch.delenv("OCIO", raising=False)
    run_in_blender("blender_graded.py", str(tmp_path))
    if not (tmp_path / "acescg.blend").exists():  # before Blender 5.0
        return
    pictures, radiance = [], []
    for name in ("graded", "acescg"):
        options = SampleOptions(str(tmp_path / f"{name}.blend"), 16, seeds=1, out=str(tmp_path / name), blender=BLENDER)
        folder = sample(options).folder
        radiance.append(read_frame(folder / "v000_f0001_s0001_0016spp.exr").color)
        pictures.append(open_shown_view(None, None, [folder], BLENDER).pixels(radiance[-1]).astype(int))
    assert np.abs(radiance[0] - radiance[1]).mean() > 0.03, "other numbers"
    assert np.abs(pictures[0] - pictures[1]).max() <= 1

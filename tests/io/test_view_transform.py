"""Views: which configuration and view is taken, what is refused, and that Blender shows the same."""

import importlib.util
import json
import sys
import threading
import warnings
from dataclasses import asdict

import numpy as np
import pytest
from blender_fixtures import BLENDER, run_in_blender

from n2n_render.errors import N2NError
from n2n_render.frame.display import TONE_MAP
from n2n_render.frame.frame import Frame
from n2n_render.io.color_config import BLENDERS, find_config
from n2n_render.io.exr import write_frame
from n2n_render.io.images import pillow
from n2n_render.io.view_transform import SceneView, open_view, open_view_as

CG = "ocio://cg-config-v1.0.0_aces-v1.3_ocio-v2.1"
CONFIG = """ocio_profile_version: 2.1
search_path: ""
strictparsing: false
roles:
  default: light
  scene_linear: light
displays:
  screen:
    - !<View> {name: Plain, colorspace: light}
    - !<View> {name: Half, colorspace: half}
  other:
    - !<View> {name: Only, colorspace: half}
    - !<View> {name: Strong Half, colorspace: half, looks: Strong}
looks:
  - !<Look> {name: Strong, process_space: light, transform: !<MatrixTransform> {matrix: [2,0,0,0, 0,2,0,0, 0,0,2,0, 0,0,0,1]}}
colorspaces:
  - !<ColorSpace> {name: light, aliases: [ALIAS], encoding: scene-linear}
  - !<ColorSpace>
    name: half
    from_scene_reference: !<MatrixTransform> {matrix: [0.5,0,0,0, 0,0.5,0,0, 0,0,0.5,0, 0,0,0,1]}
"""


@pytest.fixture(autouse=True)
def nothing_found(monkeypatch):
    """No test sees what the machine has, unless it wants to."""
    for name in ("OCIO", "N2N_BLENDER"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def small(tmp_path):
    """A configuration whose views are plain factors."""
    path = tmp_path / "config.ocio"
    path.write_text(CONFIG.replace("ALIAS", "lin_rec709"))
    return str(path)


@pytest.fixture
def without_blender(monkeypatch, tmp_path):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *_: None)
    monkeypatch.setenv("PATH", str(tmp_path))


def blender_folder(folder, *versions):
    """As a Blender is laid out, with a program that nothing runs."""
    for version in versions:
        place = folder / version / "datafiles" / "colormanagement"
        place.mkdir(parents=True)
        (place / "config.ocio").write_text(CONFIG.replace("ALIAS", "lin_rec709"))
    program = folder / "blender"
    program.write_text("#!/bin/false\n")
    program.chmod(0o755)
    return program


def test_the_views_of_a_configuration_are_what_it_says(small):
    grey = np.full((2, 3, 3), 0.5, np.float32)
    assert np.allclose(open_view(small).encode(grey), 0.5)
    assert np.allclose(open_view(small, "Half").encode(grey), 0.25)
    assert np.allclose(open_view(small, "Only").encode(grey), 0.25), "another display has it"
    assert np.allclose(open_view(small, "Half", look="Strong").encode(grey), 0.5)
    assert np.allclose(open_view(small, "Strong Half").encode(grey), 0.5), "its own look"
    assert np.allclose(open_view(small, "Strong Half", look="Strong").encode(grey), 0.5), "another look is instead of it"
    assert np.allclose(open_view(small, "Half", exposure=-1.0).encode(grey), 0.125)
    assert np.allclose(open_view(small, "Half", exposure=1.0, gamma=2.0).encode(grey), 0.5**0.5), "stops before, gamma after"
    assert grey.max() == grey.min() == 0.5, "what is given stays as it was"


def test_a_view_says_its_name_and_where_it_is_from(small):
    view = open_view(small, "Half", look="Strong")
    assert view.name == "Half, Strong" and view.as_rendered
    assert view.described == f"Half, Strong ({small})"
    assert open_view(view="T") is TONE_MAP and TONE_MAP.described == "T(v)"


def test_any_shape_and_any_number_is_shown(small):
    wild = np.array([[np.nan, np.inf, -np.inf], [-1, 0, 1e38], [0.1, 0.2, 0.3]], np.float32)
    bright = np.full((2, 3), 3e38, np.float32)
    with warnings.catch_warnings(action="error"):  # that numbers overflow, on the terminal of a user
        assert np.array_equal(open_view(small, exposure=9.0).encode(bright), np.ones((2, 3)))
    for view in (open_view(small), TONE_MAP, open_view(CG)):
        shown = view.encode(wild)
        assert shown.shape == wild.shape and shown.dtype == np.float32
        assert np.isfinite(shown).all() and shown.min() >= 0 and shown.max() <= 1
        assert view.encode(np.zeros((0, 3), np.float32)).shape == (0, 3)
        assert view.encode(np.zeros((4, 5, 6, 3))[:, ::2]).shape == (4, 3, 6, 3), "float64, and not in one piece"
        assert view.pixels(np.full((2, 2, 3), 1e9, np.float32)).dtype == np.uint8


def test_threads_may_share_a_view():
    view = open_view(CG)
    images = [np.random.default_rng(seed).uniform(0, 4, (64, 64, 3)).astype(np.float32) for seed in range(8)]
    alone = [view.encode(image) for image in images]
    together = [None] * len(images)
    threads = [
        threading.Thread(target=lambda index=index: together.__setitem__(index, view.encode(images[index])))
        for index in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(one, other) for one, other in zip(alone, together, strict=True))


def test_rec_709_is_converted_where_a_configuration_works_in_another_space():
    """ACEScg's red is not Rec.709's: shown without a curve, Rec.709's stays what it is."""
    red = np.array([[0.5, 0.0, 0.0], [0.5, 0.5, 0.5]], np.float32)
    shown = open_view(CG, "Un-tone-mapped").encode(red)
    srgb = 1.055 * 0.5 ** (1 / 2.4) - 0.055
    assert np.allclose(shown, [[srgb, 0, 0], [srgb] * 3], atol=2e-3)


def test_an_unknown_linear_space_is_a_doubt(tmp_path, caplog):
    path = tmp_path / "config.ocio"
    path.write_text(CONFIG.replace("ALIAS", "something"))
    assert np.allclose(open_view(str(path)).encode(np.full((1, 3), 0.5, np.float32)), 0.5)
    assert "no space of linear light in Rec.709" in caplog.text


@pytest.mark.parametrize(
    "asked, what, hint",
    [
        ({"view": "AgX"}, "has no view 'AgX'", "Plain, Half, T"),
        ({"view": "Half", "display": "wall"}, "has no display 'wall'", "screen, other"),
        ({"look": "Weak"}, "has no look 'Weak'", "Strong"),
    ],
)
def test_what_is_not_there_is_refused_with_what_there_is(small, asked, what, hint):
    with pytest.raises(N2NError) as caught:
        open_view(small, **asked)
    assert what in caught.value.what and hint in caught.value.hint


def test_a_missing_or_damaged_configuration_is_a_sentence(tmp_path):
    broken = tmp_path / "broken.ocio"
    broken.write_bytes(b"\xff\x00 no: [yaml")
    for config in (str(tmp_path / "none.ocio"), str(broken), str(tmp_path), "ocio://none"):
        with pytest.raises(N2NError) as caught:
            open_view(config)
        assert config in caught.value.what and "\n" not in caught.value.what and caught.value.hint


def test_a_broken_configuration_that_nobody_asked_for_is_a_doubt(tmp_path, monkeypatch, caplog):
    broken = tmp_path / "broken.ocio"
    broken.write_text("ocio_profile_version: 99\n")
    monkeypatch.setenv("OCIO", str(broken))
    assert open_view() is TONE_MAP and str(broken) in caplog.text and "T(v)" in caplog.text
    with pytest.raises(N2NError, match="broken"):
        open_view(view="AgX")


def test_without_opencolorio(small, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "PyOpenColorIO", None)
    monkeypatch.setenv("N2N_BLENDER", str(blender_folder(tmp_path, "5.0")))
    assert open_view().name == "T" and "n2n-render[color]" in open_view().described
    assert open_view(view="T") is TONE_MAP
    for asked in ({"config": small}, {"view": "AgX"}):
        with pytest.raises(N2NError) as caught:
            open_view(**asked)
        assert "opencolorio" in caught.value.what and "n2n-render[color]" in caught.value.hint


def test_without_any_configuration(without_blender):
    assert find_config(None) is None
    assert open_view() is TONE_MAP
    with pytest.raises(N2NError, match="'AgX'") as caught:
        open_view(view="AgX")
    assert "--ocio" in caught.value.hint


def test_which_configuration_is_taken(small, without_blender, monkeypatch, tmp_path):
    program = blender_folder(tmp_path / "given", "4.2", "4.10")
    other = blender_folder(tmp_path / "other", "5.0")
    assert find_config(None, str(program)) == (
        str(tmp_path / "given" / "4.10" / "datafiles" / "colormanagement" / "config.ocio"),
        BLENDERS,
    )
    monkeypatch.setenv("N2N_BLENDER", str(other))
    assert "5.0" in find_config(None)[0] and "4.10" in find_config(None, str(program))[0]
    monkeypatch.setenv("OCIO", small)
    assert find_config(None) == (small, f"$OCIO: {small}")
    assert find_config(CG) == (CG, CG)


def test_a_bundle_of_macos_and_a_package_of_linux(without_blender, monkeypatch, tmp_path):
    bundle = tmp_path / "Blender.app" / "Contents"
    program = blender_folder(bundle / "Resources", "4.5")
    (bundle / "MacOS").mkdir()
    inside = program.rename(bundle / "MacOS" / "Blender")
    assert "4.5" in find_config(None, str(tmp_path / "Blender.app"))[0]
    assert "4.5" in find_config(None, str(inside))[0]
    program = blender_folder(tmp_path / "usr" / "share" / "blender", "4.3")
    (tmp_path / "usr" / "bin").mkdir()
    program.rename(tmp_path / "usr" / "bin" / "blender")
    monkeypatch.setenv("PATH", str(tmp_path / "usr" / "bin"))
    assert "4.3" in find_config(None)[0]


def test_a_scene_says_which_view_it_is_made_for(small, caplog):
    grey = np.full((1, 3), 0.25, np.float32)
    scene = SceneView("screen", "Half", "Strong", exposure=1.0)
    view = open_view_as(scene, small)
    assert view.name == "Half, Strong" and np.allclose(view.encode(grey), 0.5)
    other = open_view_as(scene, small, "Plain")
    assert other.name == "Plain" and np.allclose(other.encode(grey), 0.5), "the look goes, the exposure stays"
    assert open_view_as(scene, small, "T") is TONE_MAP
    assert open_view_as(scene, small, "Only").name == "Only", "which another display has"
    assert {record.getMessage().partition(" has ")[2].partition(":")[0] for record in caplog.records} == {
        "Half for 'screen' and not for sRGB",
        "Plain for 'screen' and not for sRGB",
    }


def test_what_a_scene_has_and_the_configuration_lacks_is_a_doubt(small, caplog):
    view = open_view_as(SceneView("sRGB", "AgX", "AgX - Punchy", exposure=1.0), small)
    assert view.name == "Plain" and np.allclose(view.encode(np.full((1, 3), 0.25, np.float32)), 0.5)
    assert "'sRGB'" in caplog.text and "'AgX'" in caplog.text
    caplog.clear()
    assert open_view_as(SceneView("screen", "Half", "Weak"), small).name == "Half"
    assert "'Weak'" in caplog.text
    with pytest.raises(N2NError, match="AgX"):
        open_view_as(SceneView("screen", "Half"), small, "AgX")


def test_a_picture_is_for_a_screen_of_srgb_whatever_screen_the_artist_has(tmp_path, caplog):
    path = tmp_path / "config.ocio"
    srgb = "  sRGB - Display:\n    - !<View> {name: Only, colorspace: light}\nlooks:"
    path.write_text(CONFIG.replace("ALIAS", "lin_rec709").replace("looks:\n", f"{srgb}\n"))
    grey = np.full((1, 3), 0.5, np.float32)
    assert np.allclose(open_view_as(SceneView("other", "Only"), str(path)).encode(grey), 0.5) and not caplog.records
    assert np.allclose(open_view_as(SceneView("screen", "Half"), str(path)).encode(grey), 0.25)
    assert "has Half for 'screen' and not for sRGB" in caplog.text


AS_BLENDER = {
    "agx": SceneView("sRGB", "AgX"),
    "punchy": SceneView("sRGB", "AgX", "AgX - Punchy", exposure=0.5, gamma=1.3),
    "filmic": SceneView("sRGB", "Filmic", exposure=-1.25),
    "standard": SceneView("sRGB", "Standard", gamma=0.8),
}


@pytest.mark.blender
def test_blender_shows_the_same(tmp_path):
    """Its own pictures of the same radiance, within one of 255."""
    radiance = np.exp(np.random.default_rng(1).normal(-1.5, 1.8, (32, 48, 3))).astype(np.float32)
    radiance[0, :2] = [[0, 0, 0], [100, 0.001, 3]]
    write_frame(tmp_path / "radiance.exr", Frame(radiance))
    wanted = {name: asdict(chosen) for name, chosen in AS_BLENDER.items()}
    job = {"radiance": str(tmp_path / "radiance.exr"), "folder": str(tmp_path), "views": wanted, "scene": None}
    (tmp_path / "job.json").write_text(json.dumps(job))
    run_in_blender("../io/blender_view.py", str(tmp_path / "job.json"))
    for name, chosen in AS_BLENDER.items():
        theirs = np.asarray(pillow()[0].open(tmp_path / f"{name}.png").convert("RGB")).astype(int)
        ours = open_view_as(chosen, blender=BLENDER).pixels(radiance).astype(int)
        assert theirs.std() > 10 and np.abs(ours - theirs).max() <= 1, name

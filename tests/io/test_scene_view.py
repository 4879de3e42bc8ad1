"""Which view a dataset asks for."""

import json

import numpy as np
import pytest

from n2n_render.errors import N2NError
from n2n_render.frame.display import TONE_MAP
from n2n_render.io.scene_view import open_shown_view
from n2n_render.io.view_transform import open_view

CG = "ocio://cg-config-v1.0.0_aces-v1.3_ocio-v2.1"
PLAIN = "Un-tone-mapped"
GREY = np.full((1, 3), 0.18, np.float32)


def record(folder, **told):
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["color_management"] = {"display_device": "sRGB - Display", "view_transform": PLAIN, "look": None, **told}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_a_dataset_is_shown_as_its_scene_is_seen(make_dataset, caplog):
    folder = record(make_dataset(views=1), exposure=1.0, gamma=2.0)
    view = open_shown_view(CG, None, [folder])
    assert view.name == PLAIN
    assert np.allclose(view.encode(GREY), open_view(CG, PLAIN, exposure=1.0, gamma=2.0).encode(GREY))
    assert not np.allclose(view.encode(GREY), open_view(CG, PLAIN).encode(GREY), atol=0.05)
    assert np.array_equal(open_shown_view(CG, None, [folder / "v000_f0001_s0001_0008spp.exr"]).encode(GREY), view.encode(GREY))
    assert open_shown_view(CG, "T", [folder]) is TONE_MAP
    assert open_shown_view(CG, "Raw", [folder]).name == "Raw", "what is asked for goes first"
    assert not caplog.records


def test_without_a_record_it_is_the_configurations_own_choice(make_dataset, tmp_path):
    folder = make_dataset(views=1)
    usual = open_view(CG).name
    assert usual != PLAIN
    for places in ([folder], [tmp_path / "frame_####.exr"], []):
        assert open_shown_view(CG, None, places).name == usual


def test_scenes_that_differ_are_shown_as_the_first(make_dataset, caplog):
    one, other, same = (record(make_dataset(name, views=1), exposure=stops) for name, stops in (("a", 0), ("b", 1), ("c", 0)))
    assert np.array_equal(open_shown_view(CG, None, [one, same]).encode(GREY), open_view(CG, PLAIN).encode(GREY))
    assert not caplog.records
    assert np.array_equal(open_shown_view(CG, None, [one, other]).encode(GREY), open_view(CG, PLAIN).encode(GREY))
    assert str(one) in caplog.text and str(other) in caplog.text


def test_what_is_not_done_is_a_doubt(make_dataset, caplog):
    open_shown_view(CG, None, [record(make_dataset(views=1), use_curve_mapping=True)])
    assert "curves" in caplog.text and "white balance" not in caplog.text


def test_light_with_other_primaries_is_converted(make_dataset, caplog):
    red = np.array([[0.5, 0, 0]], np.float32)
    folder = record(make_dataset(views=1), working_space="ACEScg")
    shown = open_shown_view(CG, None, [folder]).encode(red)
    assert shown[0, 0] > open_view(CG, PLAIN).encode(red)[0, 0] + 0.05, "the red of AP1 is beyond that of Rec.709"
    record(folder, working_space="somewhere")
    assert np.array_equal(open_shown_view(CG, None, [folder]).encode(red), open_view(CG, PLAIN).encode(red))
    assert "'somewhere'" in caplog.text


@pytest.mark.parametrize("told", [{"exposure": "much"}, {"gamma": None}, {"view_transform": 3}, {"exposure": float("nan")}])
def test_a_damaged_record_is_a_sentence(make_dataset, told):
    folder = record(make_dataset(views=1), **told)
    with pytest.raises(N2NError) as caught:
        open_shown_view(CG, None, [folder])
    assert "manifest.json" in caught.value.what


def test_sizes_of_any_number_are_survived(make_dataset):
    for told in ({"exposure": 1e300}, {"gamma": 0.0}, {"gamma": -3.0}):
        folder = record(make_dataset(f"data{told}", views=1), **told)
        assert np.isfinite(open_shown_view(CG, None, [folder]).encode(GREY)).all()

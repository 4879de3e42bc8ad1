"""Detection is not fooled, says what it doubts, and names what a file has where it knows nothing."""

import logging

import numpy as np
import pytest
from layouts import LAYOUTS, SIZE, make_frame, one, planes, rgba, write_parts

from n2n_render.errors import N2NError
from n2n_render.io.exr import ExrImage


def blender(frame, layer="ViewLayer"):
    return one(
        planes(f"{layer}.Combined", rgba(frame), "RGBA"),
        planes(f"{layer}.Denoising Albedo", frame.albedo),
        planes(f"{layer}.Denoising Normal", frame.normal, "XYZ"),
    )


def read(tmp_path, parts, header=None) -> ExrImage:
    return ExrImage.open(write_parts(tmp_path / "a.exr", parts, header))


@pytest.mark.parametrize(
    "extra",
    [
        {"N": "XYZ"},
        {"": "RGB", "N": "XYZ"},
        {"": "RGB", "denoise_albedo": "RGB", "N": "XYZ"},
        {"Ci": "rgb", "albedo": "rgb", "normal": "xyz"},
        {"ViewLayer.Normal": "XYZ", "ViewLayer.Denoising Specular Albedo": "RGB"},
    ],
    ids=str,
)
def test_a_render_of_blender_with_passes_of_others_stays_one(tmp_path, extra, caplog):
    """By a script or a compositor such passes come into files; what cycles itself wrote is what is denoised."""
    frame = make_frame()
    others = [planes(name, frame.color * 3, letters) for name, letters in extra.items()]
    parts = one(*blender(frame).values(), *others)
    image = read(tmp_path, parts)
    assert image.dialect.name == "Cycles" and image.layers == ["ViewLayer"]
    found = image.frame(None, ("albedo", "normal"))
    for name in ("color", "albedo", "normal"):
        np.testing.assert_array_equal(found[name], frame[name])


def test_first_hit_passes_are_not_taken_for_denoising_passes(tmp_path):
    frame = make_frame()
    parts = one(
        planes("ViewLayer.Combined", frame.color),
        planes("ViewLayer.Normal", frame.normal, "XYZ"),
        planes("ViewLayer.Depth", frame.depth, "Z"),
    )
    assert read(tmp_path, parts).available("ViewLayer") == ()


def test_the_header_outweighs_names(tmp_path):
    """R, G, B with albedo and N are Karma's, Arnold's or anybody's; the header knows."""
    frame = make_frame()
    parts = one(planes("", frame.color), planes("albedo", frame.albedo), planes("N", frame.normal, "XYZ"))
    assert read(tmp_path, parts).dialect.name == "plain"
    assert read(tmp_path, parts, {"arnold/version": "7"}).dialect.name == "Arnold"
    assert read(tmp_path, parts, {"software": "Houdini Karma 20.5"}).dialect.name == "Karma"


def test_a_header_that_cannot_be_meant_is_passed_over(tmp_path):
    """Composited in Blender, say: the header went with the file, the names did not."""
    assert read(tmp_path, blender(make_frame()), {"arnold/version": "7"}).dialect.name == "Cycles"


def test_what_could_be_two_renderers_is_said(tmp_path, caplog):
    frame = make_frame()
    parts = one(
        planes("", rgba(frame), "RGBA"),
        planes("denoise_albedo", frame.albedo),
        planes("VisibleDiffuse", frame.albedo),
    )
    with caplog.at_level(logging.WARNING):
        image = read(tmp_path, parts)
    assert image.dialect.name == "Arnold" and "Arnold or Corona" in caplog.text and "--channels" in caplog.text


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_nothing_is_doubted_in_files_of_one_renderer(tmp_path, layout, caplog):
    with caplog.at_level(logging.WARNING):
        ExrImage.open(layout.write(tmp_path / "a.exr", layout.frame()))
    assert not caplog.text


@pytest.mark.parametrize(
    "name, says",
    [
        ("Arnold", "Arnold's names: RGBA, denoise_albedo, N, Z"),
        ("Arnold, older", "Arnold's names: RGBA, diffuse_albedo, N (in world space"),
        ("Cycles 5.2", "Cycles' names: Combined, Denoising Albedo, Denoising Normal, Denoising Depth"),
        ("RenderMan", "RenderMan's names: Ci, albedo, normal, zfiltered"),
    ],
)
def test_what_was_taken_is_told(tmp_path, name, says):
    layout = LAYOUTS[name]
    image = ExrImage.open(layout.write(tmp_path / "a.exr", layout.frame()), header_only=True)
    told = image.taken(image.layer(None), ("albedo", "normal", "depth"))
    assert told.startswith(says)
    assert ("world space" in told) == (name == "Arnold, older")  # no camera matrix in that one's header


def test_a_file_of_nobody_is_refused_with_what_it_has(tmp_path):
    plane = np.ones(SIZE, np.float32)
    path = write_parts(tmp_path / "a.exr", {"": {"left.foo": plane, "left.bar": plane, "mask": plane}})
    with pytest.raises(N2NError) as error:
        ExrImage.open(path).frame()
    assert "it holds" in error.value.what and "left.(bar,foo)" in error.value.what and "mask" in error.value.what
    assert "--channels beauty=" in error.value.hint and "\n" not in error.value.what


def test_a_missing_pass_of_another_renderer_is_named_with_the_ways_out(tmp_path):
    layout = LAYOUTS["V-Ray"]
    with pytest.raises(N2NError, match="has no albedo") as error:
        ExrImage.open(layout.write(tmp_path / "a.exr", layout.frame())).frame(None, ("albedo", "normal"))
    assert "bump_normals" in error.value.what
    assert all(text in error.value.hint for text in ("--channels albedo=", "--albedo", "--model auto"))

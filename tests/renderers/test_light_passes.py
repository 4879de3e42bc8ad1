"""Passes of light under other renderers' names: denoised, adding up as they did, and all else bit for bit the same."""

import logging

import numpy as np
import pytest
from click.testing import CliRunner
from layouts import ROTATION, SIZE, make_frame, one, planes, rgba, split, write_parts

from n2n_render.cli.commands import main
from n2n_render.io.exr import ExrImage

HOLDS = 1e-3


def lit(seed=1):
    """A noisy frame, and three shares of its light with noise of their own that add up to it."""
    frame = make_frame(seed)
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet((3, 2, 1), SIZE).astype(np.float32)
    parts = [frame.color * shares[..., index, None] for index in range(3)]
    parts[2] = frame.color - parts[0] - parts[1]
    return frame, [np.maximum(part, 0) for part in parts]


def with_light(base, frame, passes, half=False):
    """parts of a file: the base, and passes by name. Ids and a mask that nobody may touch are there too."""
    ids = np.arange(SIZE[0] * SIZE[1], dtype=np.float32).reshape(*SIZE, 1).repeat(3, -1)
    more = {**passes, "crypto_object00": ids * 1e30, "object_id": ids}
    channels = {name: plane for light, image in more.items() for name, plane in planes(light, image).items()}
    if half:
        channels = {name: plane if "crypto" in name else plane.astype(np.float16) for name, plane in channels.items()}
    return one(*base.values(), channels)


def denoise(path, *more):
    arguments = ["denoise", path, "--passes", "all", "--device", "cpu", "--engine", "oidn", *more]
    result = CliRunner().invoke(main, [*map(str, arguments), "-o", str(path.with_name("out.exr"))])
    assert result.exit_code == 0, result.output + repr(result.exception)
    return path.with_name("out.exr"), " ".join(result.output.split())


def pixels(path, name, letters="RGB"):
    image = ExrImage.open(path)
    return image.pixels([f"{name}.{letter}" if name else letter for letter in letters])


def changed(one, two):
    before, after = ExrImage.open(one), ExrImage.open(two)
    assert len(before.parts) == len(after.parts)
    return {
        name.rpartition(".")[0]
        for (_, old), (_, new) in zip(before.parts, after.parts, strict=True)
        for name, channel in old.items()
        if new[name].pixels.tobytes() != channel.pixels.tobytes()
    }


def off(path, picture, passes):
    """How far the passes are off the picture, in the worst pixel, as a fraction of it."""
    shown = pixels(path, picture)
    total = np.sum([pixels(path, name) for name in passes], axis=0)
    return float((np.abs(total - shown) / np.maximum(shown, 1e-3)).max())


def arnold(frame, light):
    base = one(
        planes("", rgba(frame), "RGBA"), planes("denoise_albedo", frame.albedo), planes("N", frame.normal @ ROTATION.T, "XYZ")
    )
    direct, indirect, rest = light
    groups = {"RGBA_key.1": light[0], "RGBA_warm fill": light[1], "RGBA_default": light[2]}
    lobes = {"diffuse_direct": direct, "diffuse_indirect": indirect, "diffuse": direct + indirect, "specular": rest}
    return with_light(base, frame, {**groups, **lobes, "diffuse_albedo": frame.albedo, "toon_rim": frame.color})


def vray(frame, light):
    base = one(planes("", rgba(frame), "RGBA"), planes("bump_normals", frame.normal, "XYZ"))
    diffuse = np.maximum(frame.albedo, np.float32(0.05))
    raw = {"rawGI": light[1] / diffuse, "diffuse": diffuse}
    return with_light(base, frame, {"lighting": light[0], "reflect": light[2], **raw})


def karma(frame, light):
    base = one(planes("C", rgba(frame), "RGBA"), planes("albedo", frame.albedo), planes("N", frame.normal, "XYZ"))
    passes = {"combineddiffuse": light[0] + light[1], "directdiffuse": light[0], "indirectdiffuse": light[1]}
    return with_light(
        base, frame, {**passes, "combinedglossyreflection": light[2], "C_key": light[0], "C_fill": light[1] + light[2]}
    )


@pytest.mark.slow
@pytest.mark.parametrize("apart", [False, True], ids=["one part", "a part a pass"])
def test_arnolds_groups_and_lobes_add_up(tmp_path, apart):
    frame, light = lit()
    parts = arnold(frame, light)
    path = write_parts(tmp_path / "a.exr", split(parts) if apart else parts, {"arnold/version": "7.3"})
    groups, lobes = ["RGBA_key.1", "RGBA_warm fill", "RGBA_default"], ["diffuse_direct", "diffuse_indirect", "specular"]
    assert off(path, "", groups) < 1e-5 and off(path, "", lobes) < 1e-5
    out, said = denoise(path)
    assert changed(path, out) == {"", *groups, *lobes, "diffuse"}
    assert off(out, "", groups) < HOLDS and off(out, "", lobes) < HOLDS
    assert min(pixels(out, name).min() for name in (*groups, *lobes)) >= 0
    for name in (*groups, *lobes):
        assert name in said.split("passes of light: ")[1].split(";")[0]
    assert "left as they are, for they are not known to be light: toon_rim wrote" in said


@pytest.mark.slow
def test_what_is_counted_twice_is_denoised_all_the_same(tmp_path):
    frame, light = lit()
    path = write_parts(tmp_path / "a.exr", arnold(frame, light), {"arnold/version": "7.3"})
    out, _ = denoise(path)
    noise = [np.abs(np.diff(pixels(file, "diffuse"), axis=1)).mean() for file in (path, out)]
    assert noise[1] < 0.7 * noise[0]


@pytest.mark.slow
def test_vrays_raw_light_is_a_part_as_often_as_its_filter_says(tmp_path):
    frame, light = lit()
    path = write_parts(tmp_path / "a.exr", vray(frame, light), {"vrayInfo/version": "6.2"})
    out, _ = denoise(path)
    assert {"", "lighting", "reflect", "rawGI"} <= changed(path, out) <= {"", "lighting", "reflect", "rawGI", "diffuse"}
    total = pixels(out, "lighting") + pixels(out, "reflect") + pixels(out, "rawGI") * pixels(out, "diffuse")
    shown = pixels(out, "")
    assert (np.abs(total - shown) <= HOLDS * np.maximum(shown, 1e-3)).all()


@pytest.mark.slow
def test_karmas_halves_are_the_parts(tmp_path):
    frame, light = lit()
    path = write_parts(tmp_path / "a.exr", karma(frame, light))
    out, _ = denoise(path)
    assert off(out, "C", ["directdiffuse", "indirectdiffuse", "combinedglossyreflection"]) < HOLDS
    assert off(out, "C", ["C_key", "C_fill"]) < HOLDS


def test_parts_that_are_more_than_the_picture_are_said(tmp_path, caplog):
    """Two light selects with the same lamp."""
    frame, light = lit()
    base = one(planes("", rgba(frame), "RGBA"), planes("bump_normals", frame.normal, "XYZ"))
    passes = {"lightselect_all": frame.color, "lightselect_key": light[0]}
    path = write_parts(tmp_path / "a.exr", with_light(base, frame, passes), {"vrayInfo/version": "6.2"})
    with caplog.at_level(logging.WARNING):
        out, said = denoise(path)
    assert "lightselect_all, lightselect_key are together more than the picture" in said + caplog.text
    assert changed(path, out) == {"", *passes}


@pytest.mark.slow
def test_what_is_behind_transparent_film_is_no_part_of_the_picture(tmp_path):
    """Blender writes Environment on transparent film too; one number and a constant are passes as well."""
    frame, light = lit()
    occlusion = np.random.default_rng(2).integers(0, 2, (*SIZE, 1)).astype(np.float32)
    base = one(
        planes("L.Combined", rgba(frame), "RGBA"),
        planes("L.Denoising Albedo", frame.albedo),
        planes("L.Denoising Normal", frame.normal, "XYZ"),
        planes("L.Mask", occlusion, "X"),
    )
    flat = np.full_like(frame.color, 0.7)
    passes = {"Emission": light[0], "Volume Direct": light[1], "Volume Indirect": light[2], "Environment": frame.color + 1}
    passes |= {"AO": occlusion.repeat(3, -1), "Shadow Catcher": flat}
    path = write_parts(tmp_path / "a.exr", one(*base.values(), *(planes(f"L.{name}", image) for name, image in passes.items())))
    out, said = denoise(path)
    assert off(out, "L.Combined", ["L.Emission", "L.Volume Direct", "L.Volume Indirect"]) < HOLDS
    assert "more than the picture" not in said
    changes = changed(path, out)
    assert {"L.Environment", "L.AO", "L.Mask", "L.Emission"} <= changes and "L.Shadow Catcher" not in changes
    for name, letters in (("L.AO", "RGB"), ("L.Mask", "X")):
        assert 0 <= pixels(out, name, letters).min() and pixels(out, name, letters).max() <= 1

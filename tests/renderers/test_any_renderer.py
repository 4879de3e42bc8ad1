"""The command line with files of any renderer: what is taken is said, what is missing is answered with what fits."""

import numpy as np
import pytest
from click.testing import CliRunner
from layouts import LAYOUTS, make_frame, one, planes, rgba, write_parts

from n2n_render.cli.commands import main
from n2n_render.frame.frame import Frame
from n2n_render.io.exr import ExrImage, write_frame


def run(*arguments, code=0) -> str:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return " ".join(result.output.split())


def picture(path):
    image = ExrImage.open(path)
    return image.picture(image.layer(None))


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, model, says",
    [
        pytest.param("Arnold, older", "oidn", "using Arnold's names: RGBA, diffuse_albedo, N", marks=pytest.mark.nightly),
        ("Karma", "oidn", "using Karma's names: C, albedo, N"),
        ("V-Ray", "oidn-color", "using V-Ray's names: RGBA"),
        pytest.param("plain RGB", "oidn-color", "using plain names: RGB", marks=pytest.mark.nightly),
        ("Cycles 5.2", "oidn", "using Cycles' names: Combined, Denoising Albedo, Denoising Normal"),
    ],
)
def test_the_model_that_fits_is_taken_and_said(tmp_path, name, model, says):
    layout = LAYOUTS[name]
    path = layout.write(tmp_path / "a.exr", layout.frame())
    told = run("denoise", path, "-o", tmp_path / "auto.exr")
    assert says in told and f"denoising with {model}, " in told
    run("denoise", path, "--model", model, "-o", tmp_path / "named.exr")
    assert picture(tmp_path / "auto.exr").tobytes() == picture(tmp_path / "named.exr").tobytes()
    assert not np.array_equal(picture(tmp_path / "auto.exr"), picture(path))


@pytest.mark.slow
def test_the_same_pixels_are_denoised_alike_from_either_renderer(tmp_path):
    layout = LAYOUTS["Arnold"]
    frame = layout.frame()
    layout.write(tmp_path / "arnold.exr", frame)
    write_frame(tmp_path / "blender.exr", frame)
    for name in ("arnold", "blender"):
        run("denoise", tmp_path / f"{name}.exr", "-o", tmp_path / f"{name}_out.exr")
    assert picture(tmp_path / "arnold_out.exr").tobytes() == picture(tmp_path / "blender_out.exr").tobytes()


@pytest.mark.slow
@pytest.mark.nightly
def test_every_file_of_a_folder_gets_the_model_that_fits_it(tmp_path):
    frame, folder = make_frame(), tmp_path / "in"
    folder.mkdir()
    write_parts(folder / "a.exr", one(planes("", frame.color)))
    write_parts(folder / "b.exr", one(planes("", frame.color), planes("albedo", frame.albedo)))
    write_frame(folder / "c.exr", frame)
    (folder / "d.exr").write_bytes((folder / "c.exr").read_bytes()[:-3000])
    told = run("denoise", folder, "-o", tmp_path / "out", code=1)
    assert all(f"denoising with {model}, " in told for model in ("oidn-color", "oidn-albedo", "oidn")) and "d.exr" in told
    for name, model in (("a", "oidn-color"), ("b", "oidn-albedo"), ("c", "oidn")):
        run("denoise", folder / f"{name}.exr", "--model", model, "-o", tmp_path / "one.exr")
        assert picture(tmp_path / "out" / f"{name}.exr").tobytes() == picture(tmp_path / "one.exr").tobytes()
    assert not (tmp_path / "out" / "d.exr").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name, fits", [("V-Ray", "oidn-color"), ("plain RGBA", "oidn-color"), ("Unreal", "oidn-color")])
def test_a_model_that_lacks_a_pass_is_refused_with_the_one_that_fits(tmp_path, name, fits):
    layout = LAYOUTS[name]
    path = layout.write(tmp_path / "a.exr", layout.frame())
    told = run("denoise", path, "--model", "oidn", "-o", tmp_path / "out.exr", code=1)
    assert "has no albedo" in told and f"{fits} fits this file" in told and not (tmp_path / "out.exr").exists()


@pytest.mark.slow
def test_named_channels_and_files_a_pass_are_the_same_frame(tmp_path):
    frame = make_frame()
    write_frame(tmp_path / "blender.exr", Frame(frame.color, alpha=frame.alpha, albedo=frame.albedo, normal=frame.normal))
    named = one(planes("x.pretty", rgba(frame), "RGBA"), planes("x.paint", frame.albedo), planes("x.way", frame.normal, "XYZ"))
    write_parts(tmp_path / "named.exr", named)
    for number in (1, 2):
        for key, image in {"beauty": rgba(frame), "albedo": frame.albedo, "normal": frame.normal}.items():
            write_parts(tmp_path / f"{key}_{number:04d}.exr", {"": planes("", image, "RGBA"[: image.shape[-1]])})
    run("denoise", tmp_path / "blender.exr", "-o", tmp_path / "out.exr")
    wanted = picture(tmp_path / "out.exr").tobytes()
    channels = "beauty=x.pretty,alpha=x.pretty.A,albedo=x.paint,normal=x.way.X,x.way.Y,x.way.Z"
    told = run("denoise", tmp_path / "named.exr", "--channels", channels, "-o", tmp_path / "named_out.exr")
    assert "x.pretty, x.paint, x.way.X+x.way.Y+x.way.Z" in told
    after = ExrImage.open(tmp_path / "named_out.exr").pixels([f"x.pretty.{letter}" for letter in "RGBA"])
    assert after.tobytes() == wanted
    passes = ("--albedo", tmp_path / "albedo_####.exr", "--normal", tmp_path / "normal_####.exr")
    told = run("denoise", tmp_path / "beauty_####.exr", *passes, "-o", tmp_path / "many")
    assert "albedo of albedo_0001.exr" in told
    assert all(picture(tmp_path / "many" / f"beauty_000{number}.exr").tobytes() == wanted for number in (1, 2))


@pytest.mark.slow
@pytest.mark.parametrize(
    "options, says",
    [
        (("--channels", "colour=R"), "no 'colour'"),
        (("--channels", "albedo=nothing"), "it holds"),
        (("--channels", "albedo=A", "--albedo", "a.exr"), "both say where albedo is"),
        (("--albedo", "missing.exr"), "no such file"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_written(tmp_path, options, says):
    path = write_parts(tmp_path / "a.exr", one(planes("", rgba(make_frame()), "RGBA")))
    told = run("denoise", path, *options, "-o", tmp_path / "out.exr", code=1)
    assert says.lower() in told.lower() and not (tmp_path / "out.exr").exists()


@pytest.mark.slow
def test_a_file_of_nobody_is_one_sentence_with_its_channels(tmp_path):
    frame = make_frame()
    path = write_parts(tmp_path / "a.exr", one(planes("some.thing", frame.color, "UVW")))
    told = run("denoise", path, "-o", tmp_path / "out.exr", code=1)
    assert "it holds some.thing.(U,V,W)" in told and "--channels beauty=" in told


@pytest.mark.slow
@pytest.mark.nightly
def test_adapting_works_or_says_what_to_start_from(tmp_path):
    for name in ("Karma", "plain RGB"):
        layout, folder = LAYOUTS[name], tmp_path / name
        folder.mkdir()
        for seed in (1, 2):
            layout.write(folder / f"s{seed}_0001.exr", layout.frame(seed))
    few = ("--steps", 2, "--average", 1)
    karma, plain = (
        [tmp_path / name / "s1_0001.exr", "--pair", tmp_path / name / "s2_0001.exr"] for name in ("Karma", "plain RGB")
    )
    run("adapt", *karma, "--init", "oidn-small", *few, "-o", tmp_path / "out")
    after = ExrImage.open(tmp_path / "out" / "s1_0001.exr")
    assert after.dialect.name == "Karma" and not np.array_equal(picture(tmp_path / "out" / "s1_0001.exr"), picture(karma[0]))
    told = run("adapt", *plain, "--init", "oidn-small", *few, "-o", tmp_path / "refused", code=1)
    assert "oidn-color fits this file" in told and "--init" in told
    run("adapt", *plain, "--init", "oidn-color", *few, "-o", tmp_path / "color")

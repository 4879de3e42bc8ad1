"""`adapt` with `--channels` and files a pass: as the same pixels under Blender's names, and a change of them is another run."""

import os

import numpy as np
import pytest
from click.testing import CliRunner
from layouts import SIZE, make_frame, one, planes, rgba, write_parts

import n2n_render as n2n
from n2n_render.adapt import AdaptOptions
from n2n_render.cli.commands import main
from n2n_render.io.exr import ExrImage, write_frame
from n2n_render.io.sources import SourceOptions, Sources, parse_channels
from n2n_render.network.checkpoint import read_checkpoint

CHANNELS = "beauty=x.pretty,alpha=x.pretty.A,albedo=x.paint,normal=x.way.X,x.way.Y,x.way.Z,depth=x.far,motion=x.flow"


def render(seed, frame=1):
    """With guides of its own for each frame, the same for all seeds, and motion."""
    found, guides = make_frame(10 * frame + seed), make_frame(frame)
    vector = np.full((*SIZE, 4), [1, 0, -1, 0], np.float32)
    return found.with_channels(albedo=guides.albedo, normal=guides.normal, alpha=guides.alpha, vector=vector)


def write_named(path, frame):
    """Under names that nobody knows."""
    parts = (planes("x.pretty", rgba(frame), "RGBA"), planes("x.paint", frame.albedo), planes("x.way", frame.normal, "XYZ"))
    write_parts(path, one(*parts, planes("x.far", frame.depth, "Z"), planes("x.flow", frame["vector"], "XYZW")))


def write_passes(path, frame):
    """As Redshift and LuxCore write a frame: every pass a file, here beside the picture's."""
    write_parts(path, one(planes("", rgba(frame), "RGBA")))
    for name, letters in (("albedo", "RGB"), ("normal", "RGB")):
        write_parts(path.with_name(f"{name}_{path.name}"), one(planes("", frame[name], letters)))


def write_renders(folder, write, frames=1):
    folder.mkdir()
    for seed, name in enumerate("ab", 1):
        for number in range(1, frames + 1):
            write(folder / f"{name}_{number:04d}.exr", render(seed, number))
    return folder / "a_####.exr", "--pair", folder / "b_####.exr"


def adapt(*arguments, code=0) -> str:
    quick = ["--init", "oidn-small", "--steps", "2", "--average", "1", "--batch", "1", "--crop", "32", "--engine", "torch"]
    result = CliRunner().invoke(main, ["adapt", *map(str, arguments), *quick])
    assert result.exit_code == code, result.output + repr(result.exception)
    return " ".join(result.output.split())


def picture(path, channels=None):
    image = ExrImage.open(path, sources=Sources(parse_channels(channels)))
    return image.picture(image.layer(None))


def times(folder):
    return {name: (folder / name).stat().st_mtime_ns for name in ("a_0001.exr", "adapted.pt")}


def weights(folder):
    return {name: tensor.numpy().tobytes() for name, tensor in read_checkpoint(folder / "adapted.pt").tensors().items()}


@pytest.fixture
def blender(tmp_path):
    return write_renders(tmp_path / "blender", write_frame)


@pytest.mark.slow
def test_named_channels_are_adapted_to_as_under_blenders_names(tmp_path, blender):
    named = write_renders(tmp_path / "named", write_named)
    adapt(*blender, "-o", tmp_path / "out")
    told = adapt(*named, "--channels", CHANNELS, "-o", tmp_path / "named_out")
    assert "using plain names: x.pretty, x.paint, x.way.X+x.way.Y+x.way.Z" in told
    assert weights(tmp_path / "out") == weights(tmp_path / "named_out")
    after = picture(tmp_path / "named_out" / "a_0001.exr", CHANNELS)
    assert after.tobytes() == picture(tmp_path / "out" / "a_0001.exr").tobytes()
    assert not np.array_equal(after, picture(tmp_path / "named" / "a_0001.exr", CHANNELS))


@pytest.mark.slow
def test_files_a_pass_are_adapted_to_as_under_blenders_names(tmp_path, blender):
    """One pass once for both seeds, the other once for each; by the command and by the function."""
    many = write_renders(tmp_path / "many", write_passes)
    folder = tmp_path / "many"
    albedo, normal = [folder / "albedo_a_####.exr", folder / "albedo_b_####.exr"], [folder / "normal_a_####.exr"]
    passes = ["--albedo", albedo[0], "--albedo", albedo[1], "--normal", normal[0]]
    adapt(*blender, "-o", tmp_path / "out")
    told = adapt(*many, *passes, "-o", tmp_path / "many_out")
    assert "using plain names: RGBA, albedo of albedo_a_0001.exr, normal of normal_a_0001.exr" in told
    sources = SourceOptions(albedo=[str(path) for path in albedo], normal=[str(path) for path in normal])
    quick = dict(init="oidn-small", steps=2, average=1, batch=1, crop_px=32, engine="torch")
    places = dict(inputs=[str(many[0])], pairs=[str(many[2])], output=str(tmp_path / "function"))
    n2n.adapt(AdaptOptions(**places, **quick, sources=sources))
    wanted = picture(tmp_path / "out" / "a_0001.exr").tobytes()
    for made in ("many_out", "function"):
        assert weights(tmp_path / "out") == weights(tmp_path / made)
        assert picture(tmp_path / made / "a_0001.exr").tobytes() == wanted


@pytest.mark.slow
def test_neighbours_are_looked_at_through_named_channels_too(tmp_path):
    blender, named = (
        write_renders(tmp_path / name, write, 3) for name, write in (("blender", write_frame), ("named", write_named))
    )
    adapt(*blender, "--temporal", 1, "-o", tmp_path / "out")
    adapt(*named, "--temporal", 1, "--channels", CHANNELS, "-o", tmp_path / "named_out")
    for number in (1, 2, 3):
        after = picture(tmp_path / "named_out" / f"a_000{number}.exr", CHANNELS)
        assert after.tobytes() == picture(tmp_path / "out" / f"a_000{number}.exr").tobytes()


@pytest.mark.slow
def test_weights_depend_on_where_the_channels_lie(tmp_path):
    """Run again it goes on; with other channels, or other files of a pass, it is another run."""
    many, folder, out = write_renders(tmp_path / "many", write_passes), tmp_path / "many", tmp_path / "out"
    passes = ["--albedo", folder / "albedo_a_####.exr", "--normal", folder / "normal_a_####.exr"]
    adapt(*many, *passes, "-o", out)
    before = times(out)
    told = adapt(*many, *passes, "-o", out)
    assert times(out) == before and "using plain names: RGBA, albedo of albedo_a_0001.exr" in told
    refused = "adapted to other frames or with other settings"
    assert refused in adapt(*many, "--albedo", folder / "albedo_b_####.exr", *passes[2:], "-o", out, code=1)
    assert refused in adapt(*many, *passes, "--channels", "alpha=A", "-o", out, code=1)
    os.utime(folder / "normal_a_0001.exr", ns=(1, 1))
    assert refused in adapt(*many, *passes, "-o", out, code=1)


@pytest.mark.parametrize("verb", ["adapt", "denoise"])
def test_a_file_of_a_pass_is_never_written_over(tmp_path, verb):
    folder = tmp_path / "passes"
    many = write_renders(tmp_path / "many", write_passes)
    folder.mkdir()
    albedo = folder / "a_0001.exr"
    albedo.write_bytes((tmp_path / "many" / "albedo_a_0001.exr").read_bytes())
    before = albedo.read_bytes()
    result = CliRunner().invoke(main, [verb, *map(str, (*many, "--albedo", albedo, "-o", folder))])
    assert result.exit_code == 1 and "is an input" in result.output and albedo.read_bytes() == before

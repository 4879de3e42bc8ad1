"""`--channels` and files a pass overrule detection, and are checked."""

import numpy as np
import pytest
from layouts import LAYOUTS, SIZE, make_frame, one, planes, rgba, write_parts

from n2n_render.errors import N2NError
from n2n_render.io.beside import find_sources
from n2n_render.io.exr import ExrImage
from n2n_render.io.sources import SourceOptions, Sources, parse_channels


def odd(frame):
    """Names that nobody knows."""
    return one(
        planes("mine.pretty", rgba(frame), "RGBA"),
        planes("mine.paint", frame.albedo, "rgb"),
        planes("mine.way", frame.normal, "ABC"),
        {"far": np.ascontiguousarray(frame.depth[..., 0])},
    )


NAMES = "beauty=mine.pretty,alpha=mine.pretty.A,albedo=mine.paint,normal=mine.way.A,mine.way.B,mine.way.C,depth=far"


def test_passes_and_lists_of_channels_are_read():
    assert parse_channels(NAMES)["normal"] == ("mine.way.A", "mine.way.B", "mine.way.C")
    assert parse_channels(" beauty = RGBA , motion=v")["vector"] == ("v",) and parse_channels(None) == {}


@pytest.mark.parametrize(
    "text, says",
    [
        ("colour=RGBA", "no 'colour'"),
        ("RGBA", "cannot read"),
        ("beauty=", "cannot read"),
        ("depth=Z,depth=Y", "twice"),
        ("normal=N,,", "cannot read"),
    ],
)
def test_what_cannot_be_read_is_refused(text, says):
    with pytest.raises(N2NError, match=says) as error:
        parse_channels(text)
    assert "--channels beauty=" in error.value.hint


def test_named_channels_are_taken_and_written(tmp_path):
    frame = make_frame()
    path = write_parts(tmp_path / "a.exr", odd(frame))
    image = ExrImage.open(path, sources=Sources(parse_channels(NAMES)))
    found = image.frame(None, ("albedo", "normal", "depth"))
    for name in frame:
        np.testing.assert_array_equal(found[name], frame[name], err_msg=name)
    image.replace_color("", np.full((*SIZE, 3), 2, np.float32), alpha=frame.alpha)
    image.write(tmp_path / "out.exr")
    after = ExrImage.open(tmp_path / "out.exr")
    for name, plane in odd(frame)[""].items():
        assert (after.pixels([name])[..., 0] == (2 if "pretty" in name and not name.endswith("A") else plane)).all()


def test_names_overrule_what_was_recognised(tmp_path):
    """The diffuse colour of a Blender file as albedo, say; all else by Blender's names, in every layer."""
    frame = make_frame()
    parts = one(
        *(
            part
            for layer in ("A", "B")
            for part in (planes(f"{layer}.Combined", frame.color), planes(f"{layer}.Denoising Albedo", frame.albedo))
        ),
        planes("A.Diffuse Color", frame.albedo[..., ::-1]),
    )
    image = ExrImage.open(write_parts(tmp_path / "a.exr", parts), sources=Sources(parse_channels("albedo=A.Diffuse Color")))
    assert image.layers_with(None, ("albedo",)) == ["A", "B"]
    np.testing.assert_array_equal(image.frame("B", ("albedo",)).albedo, frame.albedo[..., ::-1])
    assert image.taken("A", ("albedo",)).endswith("Combined, A.Diffuse Color")


def test_a_named_picture_is_one_picture(tmp_path):
    """Of a file with layers the one that it lies in, with that layer's guides."""
    frame = make_frame()
    parts = one(
        planes("A.Combined", frame.color),
        planes("B.Combined", frame.color),
        planes("B.Denoising Albedo", frame.albedo),
        planes("B.Emission", frame.color * 2),
    )
    image = ExrImage.open(write_parts(tmp_path / "a.exr", parts), sources=Sources(parse_channels("beauty=B.Emission")))
    assert image.layers == ["B"]
    found = image.frame(None, ("albedo",))
    np.testing.assert_array_equal(found.color, frame.color * 2)
    np.testing.assert_array_equal(found.albedo, frame.albedo)


def test_a_named_normal_is_turned_like_the_renderers_own(tmp_path):
    layout = LAYOUTS["Arnold"]
    path = layout.write(tmp_path / "a.exr", layout.frame())
    named = ExrImage.open(path, sources=Sources(parse_channels("normal=N"))).frame(None, ("normal",))
    np.testing.assert_array_equal(named.normal, ExrImage.open(path).frame(None, ("normal",)).normal)


@pytest.mark.parametrize("text", ["albedo=paint", "normal=mine.way", "depth=mine.paint", "normal=far,far", "beauty=far"])
def test_names_that_are_not_there_are_refused_with_what_is(tmp_path, text):
    path = write_parts(tmp_path / "a.exr", odd(make_frame()))
    with pytest.raises(N2NError, match="has no") as error:
        ExrImage.open(path, sources=Sources(parse_channels(text)))
    assert "mine.paint.(b,g,r)" in error.value.hint and "far" in error.value.hint


def test_the_picture_without_a_pass_may_be_called_rgba(tmp_path):
    frame = make_frame()
    path = write_parts(tmp_path / "a.exr", one(planes("", rgba(frame), "RGBA"), planes("foo", frame.albedo)))
    found = ExrImage.open(path, sources=Sources(parse_channels("beauty=RGBA,alpha=A,albedo=foo"))).frame(None, ("albedo",))
    np.testing.assert_array_equal(found.color, frame.color)
    np.testing.assert_array_equal(found.alpha, frame.alpha)


def write_passes(folder, frame, number=1):
    """As Redshift and LuxCore write a frame: every pass a file, under R, G, B."""
    files = {
        "beauty": planes("", rgba(frame), "RGBA"),
        "albedo": planes("", frame.albedo),
        "normal": planes("", frame.normal),
        "depth": planes("", frame.depth, "R"),
        "motion": planes("motionvec", np.full((*SIZE, 2), 0.5, np.float32), "RG"),
    }
    return {key: write_parts(folder / f"{key}.{number:04d}.exr", {"": channels}) for key, channels in files.items()}


def test_a_file_a_pass_is_the_same_frame(tmp_path):
    frame = make_frame()
    frame.alpha[:] = 1  # which this renderer's motion is multiplied by
    files = write_passes(tmp_path, frame)
    beauty = files.pop("beauty")
    sources = find_sources([[beauty]], SourceOptions(**{key: [str(path)] for key, path in files.items()}))
    image = ExrImage.open(beauty, sources=sources)
    assert image.available("") == ("albedo", "normal", "depth", "vector")
    found = image.frame(None, ("albedo", "normal", "depth", "vector"))
    for name in frame:
        np.testing.assert_array_equal(found[name], frame[name], err_msg=name)
    assert found.vector[0, 0].tolist() == [-14, -10, -14, -10]
    assert image.taken("", ("albedo",)) == "plain names: RGBA, albedo of albedo.0001.exr"
    assert ExrImage.open(beauty).available("") == ()


def test_a_file_of_a_pass_that_holds_nothing_of_the_kind_is_refused(tmp_path):
    files = write_passes(tmp_path, make_frame())
    with pytest.raises(N2NError, match="nothing that could be albedo") as error:
        ExrImage.open(files["beauty"], sources=Sources(files={files["beauty"]: {"albedo": files["motion"]}}))
    assert "motionvec" in error.value.what


def test_a_file_of_a_pass_of_another_size_is_refused(tmp_path):
    files = write_passes(tmp_path, make_frame())
    small = write_parts(tmp_path / "small.exr", {"": {letter: np.ones((8, 8), np.float32) for letter in "RGB"}})
    image = ExrImage.open(files["beauty"], sources=Sources(files={files["beauty"]: {"albedo": small}}))
    with pytest.raises(N2NError, match="small.exr"):
        image.frame(None, ("albedo",))


def write_sequence(folder, name, count=3, start=1):
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.{number:04d}.exr" for number in range(start, start + count)]
    for number, path in enumerate(paths):
        write_parts(path, {"": {letter: np.full((8, 8), number, np.float32) for letter in "RGB"}})
    return paths


@pytest.mark.parametrize("given", ["{}/albedo", "{}/albedo/paint.####.exr", "{}/albedo/paint.$F4.exr"])
def test_files_of_a_pass_are_matched_by_frame(tmp_path, given):
    paths, others = write_sequence(tmp_path / "beauty", "look"), write_sequence(tmp_path / "albedo", "paint")
    sources = find_sources([[path] for path in reversed(paths)], SourceOptions(albedo=[given.format(tmp_path)]))
    assert dict(sources.files) == {path: {"albedo": other} for path, other in zip(paths, others, strict=True)}


def test_renders_of_a_frame_share_a_pass_or_have_their_own(tmp_path):
    first, second = (write_sequence(tmp_path / name, name) for name in ("a", "b"))
    own = [write_sequence(tmp_path / f"albedo_{name}", "albedo") for name in ("a", "b")]
    groups = [list(pair) for pair in zip(first, second, strict=True)]
    for texts in (["albedo_a"], ["albedo_a", "albedo_b"]):
        files = find_sources(groups, SourceOptions(albedo=[str(tmp_path / text) for text in texts])).files
        assert files[second[1]]["albedo"] == own[len(texts) - 1][1] and files[first[2]]["albedo"] == own[0][2]
    with pytest.raises(N2NError, match="3 times for 2 renders"):
        find_sources(groups, SourceOptions(albedo=[str(tmp_path / "albedo_a")] * 3))


@pytest.mark.parametrize("count, start, says", [(2, 1, "2 file.* for 3 frame"), (3, 2, "frame 1 is on one side only")])
def test_files_of_a_pass_of_other_frames_are_refused(tmp_path, count, start, says):
    paths = write_sequence(tmp_path / "beauty", "look")
    write_sequence(tmp_path / "albedo", "paint", count, start)
    with pytest.raises(N2NError, match=says):
        find_sources([[path] for path in paths], SourceOptions(albedo=[str(tmp_path / "albedo")]))

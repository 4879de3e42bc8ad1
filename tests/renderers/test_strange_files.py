"""What files of other programs hold besides the usual: views in names of parts, grey pictures, encoded normals, odd types."""

import logging

import Imath
import numpy as np
import OpenEXR
import pytest
from layouts import SIZE, make_frame, one, planes, rgba, write_parts

from n2n_render.errors import N2NError
from n2n_render.io.beside import find_sources
from n2n_render.io.exr import ExrImage
from n2n_render.io.sources import SourceOptions, Sources, parse_channels


@pytest.mark.parametrize("mark", ["-", ".", "_"])
def test_each_view_of_a_part_a_pass_has_its_picture(tmp_path, mark):
    """The picture of the second view is not its first part, as in OpenEXR's own example of a multi-part file."""
    frame, parts = make_frame(), []
    for view, names in (("right", ("rgba", "albedo")), ("left", ("albedo", "rgba"))):
        for name in names:
            channels = planes("", rgba(frame), "RGBA") if name == "rgba" else planes("", frame.albedo)
            header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage, "view": view}
            parts.append(OpenEXR.Part(header, channels, f"{name}{mark}{view}"))
    OpenEXR.File(parts).write(str(tmp_path / "a.exr"))
    image = ExrImage.open(tmp_path / "a.exr")
    assert set(image.layers) == {"right", "left"}
    for layer in image.layers:
        found = image.frame(layer, ("albedo",))
        np.testing.assert_array_equal(found.color, frame.color)
        np.testing.assert_array_equal(found.albedo, frame.albedo)


@pytest.mark.parametrize("picture", ["rgba", "Beauty", "something"])
def test_the_picture_lies_in_the_part_that_is_called_so_else_in_the_first(tmp_path, picture):
    frame = make_frame()
    parts = {"N": planes("", frame.normal), "albedo": planes("", frame.albedo), picture: planes("", frame.color)}
    if picture == "something":
        parts = dict(reversed(parts.items()))
    image = ExrImage.open(write_parts(tmp_path / "a.exr", parts))
    found = image.frame(None, ("albedo", "normal"))
    for name in ("color", "albedo", "normal"):
        np.testing.assert_array_equal(found[name], frame[name])


def test_karma_is_known_by_its_list_of_planes(tmp_path):
    frame, header = make_frame(), {"order": "C { R G B A } albedo { R G B } N { X Y Z }"}
    parts = one(planes("", rgba(frame), "RGBA"), planes("albedo", frame.albedo), planes("N", frame.normal, "XYZ"))
    image = ExrImage.open(write_parts(tmp_path / "a.exr", parts, header))
    assert image.taken("", ("albedo", "normal")) == "Karma's names: RGBA, albedo, N"


@pytest.mark.parametrize(
    "groups, hint",
    [
        ({"": "Y"}, "beauty=Y,Y,Y"),
        ({"Main Cam.v1.Beauty": "RGB", "Main Cam.v1.Albedo": "RGB"}, '"beauty=Main Cam.v1.Beauty"'),
        ({"COLOR": "RGB", "albedo": "RGB"}, '"beauty=COLOR"'),
        ({"albedo": "RGB", "N": "XYZ"}, "Write it like"),
    ],
    ids=str,
)
def test_the_hint_names_what_is_likely_the_picture(tmp_path, groups, hint):
    frame = make_frame()
    parts = one(*(planes(name, frame.color, letters) for name, letters in groups.items()))
    image = ExrImage.open(write_parts(tmp_path / "a.exr", parts))
    with pytest.raises(N2NError, match="no channel is known as its picture") as error:
        image.layer(None)
    assert hint in error.value.hint


def write_subsampled(path, channels):
    """channels: name → (plane, sampling)."""
    header, kind = OpenEXR.Header(SIZE[1], SIZE[0]), Imath.PixelType(Imath.PixelType.FLOAT)
    header["channels"] = {name: Imath.Channel(kind, step, step) for name, (_, step) in channels.items()}
    file = OpenEXR.OutputFile(str(path), header)
    file.writePixels({name: np.ascontiguousarray(plane[::step, ::step]).tobytes() for name, (plane, step) in channels.items()})
    file.close()
    return path


def test_luminance_and_chroma_are_refused_with_what_they_are(tmp_path):
    grey = make_frame().color[..., 0]
    image = ExrImage.open(write_subsampled(tmp_path / "a.exr", {"Y": (grey, 1), "RY": (grey, 2), "BY": (grey, 2)}))
    with pytest.raises(N2NError, match="BY, RY, Y") as error:
        image.layer(None)
    assert "convert it to R, G, B" in error.value.hint


def test_a_subsampled_pass_that_cannot_go_along_is_one_sentence(tmp_path):
    color = make_frame().color
    channels = {letter: (color[..., index], 1) for index, letter in enumerate("RGB")} | {"chroma": (color[..., 0], 2)}
    image = ExrImage.open(write_subsampled(tmp_path / "a.exr", channels))
    np.testing.assert_array_equal(image.frame().color, color)
    with pytest.raises(N2NError, match="chroma has fewer pixels than its part"):
        image.write(tmp_path / "out.exr")
    assert not (tmp_path / "out.exr").exists()


def test_a_grey_picture_is_written_as_the_mean(tmp_path):
    grey = make_frame().color[..., 0]
    path = write_parts(tmp_path / "a.exr", {"": {"Y": np.ascontiguousarray(grey)}})
    image = ExrImage.open(path, sources=Sources(parse_channels("beauty=Y,Y,Y")))
    np.testing.assert_array_equal(image.frame().color, np.repeat(grey[..., None], 3, -1))
    image.replace_color("", np.broadcast_to(np.array([1, 2, 6], np.float32), (*SIZE, 3)))
    assert (image.pixels(["Y"]) == 3).all()


def test_whole_numbers_are_rounded(tmp_path):
    whole = np.full(SIZE, 4, np.uint32)
    image = ExrImage.open(write_parts(tmp_path / "a.exr", {"": {letter: whole for letter in "RGB"}}))
    image.replace_color("", np.full((*SIZE, 3), 4.75, np.float32))
    image.write(tmp_path / "out.exr")
    after = ExrImage.open(tmp_path / "out.exr")
    assert after.parts[0][1]["R"].pixels.dtype == np.uint32 and (after.pixels(["R"]) == 5).all()


def test_normals_written_as_colours_are_decoded_and_that_is_said(tmp_path, caplog):
    frame = make_frame()
    normal = frame.normal.copy()
    normal[:4] = 0  # nothing was hit: some write it black, some grey
    coded = normal / 2 + np.float32(0.5)
    coded[:2] = 0
    with caplog.at_level(logging.WARNING):
        for name, image in (("as they are", normal), ("as colours", coded)):
            path = write_parts(tmp_path / f"{name}.exr", one(planes("", frame.color), planes("normal", image, "XYZ")))
            np.testing.assert_allclose(ExrImage.open(path).frame(None, ("normal",)).normal, normal, atol=1e-6)
    assert [record.getMessage().split(": ")[1][:17] for record in caplog.records] == ["normals lie in 0…"]


@pytest.mark.parametrize("normal", [(0, 0, 1), (0.6, 0, 0.8), (0, 0, 0)])
def test_a_wall_whose_normals_are_positive_is_no_colour(tmp_path, normal):
    frame = make_frame()
    wall = np.broadcast_to(np.array(normal, np.float32), (*SIZE, 3))
    path = write_parts(tmp_path / "a.exr", one(planes("", frame.color), planes("normal", wall, "XYZ")))
    np.testing.assert_array_equal(ExrImage.open(path).frame(None, ("normal",)).normal, wall)


def test_the_file_of_the_picture_is_no_file_of_a_pass(tmp_path):
    path = write_parts(tmp_path / "a.exr", one(planes("", make_frame().color)))
    with pytest.raises(N2NError, match="the picture's own file"):
        find_sources([[path]], SourceOptions(albedo=(str(path),)))


def test_a_layer_of_a_file_without_layers_is_refused_with_a_sentence_that_ends(tmp_path):
    image = ExrImage.open(write_parts(tmp_path / "a.exr", one(planes("", make_frame().color))))
    with pytest.raises(N2NError, match="no view layer 'x'") as error:
        image.layers_with("x")
    assert error.value.hint.startswith("It has no layers")

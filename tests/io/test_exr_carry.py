"""What other programs put into EXR files is carried through: text of any bytes, lossy passes, mip levels, names twice."""

import logging
from pathlib import Path

import numpy as np
import OpenEXR
import pytest

from n2n_render.errors import N2NError
from n2n_render.io import exr_parts
from n2n_render.io.exr import ExrImage, read_frame
from n2n_render.io.exr_text import text_attributes

MIPMAPPED = Path(__file__).parents[1] / "golden" / "mipmapped.exr"
SIZE = (40, 56)


def planes(names, dtype=np.float32, seed=1):
    rng = np.random.default_rng(seed)
    return {name: rng.random(SIZE).astype(dtype) for name in names}


def combined(layer="ViewLayer", **options):
    return planes([f"{layer}.Combined.{letter}" for letter in "RGBA"], **options)


def write(path, *parts, **header):
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage, **header}
    made = [OpenEXR.Part(dict(header), dict(part), f"part{index}") for index, part in enumerate(parts)]
    OpenEXR.File(made).write(str(path))
    return path


def with_bytes(path, before: bytes, after: bytes):
    assert len(before) == len(after)
    path.write_bytes(path.read_bytes().replace(before, after))
    return path


def values_of(path) -> list[tuple[bytes, bytes]]:
    data = path.read_bytes()
    return [(name, data[start:end]) for name, start, end in text_attributes(data)]


@pytest.mark.parametrize("count", [1, 2], ids=["single part", "multi-part"])
@pytest.mark.parametrize("text", ["Ren\xe9".encode("latin-1"), b"\xff\xfe\x00\x00", b"\xe3\x81\xff.", "Ré".encode() + b"\xe9"])
def test_text_of_any_encoding_is_carried_through(tmp_path, text, count):
    """Before: "cannot be read … damaged … render it again", which was not true."""
    mark = b"@" * len(text)
    parts = [combined(), planes(["Other.Z"])][:count]
    path = with_bytes(write(tmp_path / "a.exr", *parts, owner=mark.decode(), comments="Käse"), mark, text)
    image = ExrImage.open(path)
    assert ExrImage.open(path, header_only=True).layers == ["ViewLayer"]
    image.replace_color("ViewLayer", np.ones((*SIZE, 3), np.float32))
    image.write(tmp_path / "out.exr")
    assert values_of(tmp_path / "out.exr") == values_of(path)
    assert (b"owner", text) in values_of(path) and (read_frame(tmp_path / "out.exr").color == 1).all()


def test_channel_names_of_any_encoding_are_carried_through(tmp_path):
    path = write(tmp_path / "a.exr", {**combined(), **planes(["Licht@.R"])})
    with_bytes(path, b"Licht@.R", b"Licht\xe9.R")
    image = ExrImage.open(path)
    before = [channel.pixels.copy() for channel in image.parts[0][1].values()]
    image.write(tmp_path / "out.exr")
    assert values_of(tmp_path / "out.exr") == values_of(path)
    after = [channel.pixels for channel in ExrImage.open(tmp_path / "out.exr").parts[0][1].values()]
    assert all(np.array_equal(one, two) for one, two in zip(before, after, strict=True))


@pytest.mark.parametrize(
    "content, says", [(b"", "empty"), (b"no image", "not an EXR image"), (b"\x89PNG\r\n\x1a\n", "not an EXR image")]
)
def test_a_file_of_another_kind_is_not_called_damaged(tmp_path, content, says):
    (tmp_path / "a.exr").write_bytes(content)
    with pytest.raises(N2NError, match=says) as error:
        ExrImage.open(tmp_path / "a.exr")
    assert "damaged" not in str(error.value)


def test_a_scene_is_to_be_rendered_first(tmp_path):
    (tmp_path / "shot.blend").write_bytes(b"BLENDER-v500")
    with pytest.raises(N2NError, match="not an EXR image") as error:
        ExrImage.open(tmp_path / "shot.blend")
    assert f"sample --scene {tmp_path / 'shot.blend'}" in error.value.hint


LOSSY = [OpenEXR.DWAA_COMPRESSION, OpenEXR.DWAB_COMPRESSION, OpenEXR.B44_COMPRESSION, OpenEXR.B44A_COMPRESSION]


@pytest.mark.parametrize("compression", LOSSY, ids=lambda value: value.name)
def test_passes_of_lossy_files_stay_what_they_were(tmp_path, compression, caplog):
    """Written with the same compression again, each pass that is kept would change a little more every time."""
    path = write(
        tmp_path / "a.exr",
        {**combined(dtype=np.float16), **planes(["ViewLayer.Mist.Z"], np.float16, 3)},
        compression=compression,
    )
    image = ExrImage.open(path)
    kept = {name: image.pixels([name]) for name in ("ViewLayer.Mist.Z", "ViewLayer.Combined.A")}
    image.replace_color("ViewLayer", np.ones((*SIZE, 3), np.float32))
    with caplog.at_level(logging.WARNING):
        image.write(tmp_path / "out.exr")
    after = ExrImage.open(tmp_path / "out.exr")
    assert after.parts[0][0]["compression"] == OpenEXR.ZIP_COMPRESSION and "written as ZIP" in caplog.text
    for name, pixels in kept.items():
        np.testing.assert_array_equal(after.pixels([name]), pixels)


def test_of_mip_levels_the_full_resolution_is_written(tmp_path, caplog):
    """Before, the file that was written could not be read by anybody."""
    image = ExrImage.open(MIPMAPPED)
    alpha = image.pixels(["ViewLayer.Combined.A"])
    image.replace_color("ViewLayer", np.full((32, 48, 3), 0.25, np.float32))
    with caplog.at_level(logging.WARNING):
        image.write(tmp_path / "out.exr")
    after = ExrImage.open(tmp_path / "out.exr")
    assert (after.frame().color == 0.25).all() and "full resolution" in caplog.text
    np.testing.assert_array_equal(after.pixels(["ViewLayer.Combined.A"]), alpha)
    assert after.parts[0][0]["tiles"].xSize == 16 and after.parts[0][0]["tiles"].mode == OpenEXR.ONE_LEVEL


@pytest.mark.parametrize("whole", [True, False], ids=["all of it", "a block of it"])
def test_what_was_written_is_read_back(tmp_path, monkeypatch, whole):
    """A file that cannot be read again never takes the place of one that can."""
    path = write(tmp_path / "a.exr", combined())
    before, written = path.read_bytes(), exr_parts.OpenEXR.File.write
    if not whole:
        monkeypatch.setattr(exr_parts, "READ_BACK_BYTES", 0)

    class Spoiled(OpenEXR.File):
        def write(self, name):
            written(self, name)
            data = bytearray(Path(name).read_bytes())
            Path(name).write_bytes(data[: len(data) // 2])

    image = ExrImage.open(path)
    image.write(path)
    assert ExrImage.open(path).layers == ["ViewLayer"]
    monkeypatch.setattr(exr_parts.OpenEXR, "File", Spoiled)
    with pytest.raises(N2NError, match="cannot be written"):
        image.write(path)
    monkeypatch.undo()
    assert len(path.read_bytes()) == len(before) and [found.name for found in tmp_path.iterdir()] == ["a.exr"]


def eye(view, seed, name="ViewLayer", passes=("Combined",)):
    """Parts of one view, as Blender 5 writes them: the same channel names in every view."""
    return [
        OpenEXR.Part(
            {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage, "view": view},
            planes([f"{name}.{kind}.{letter}" for letter in "RGB"], seed=seed + number),
            f"{name}.{kind}-{view}",
        )
        for number, kind in enumerate(passes)
    ]


def test_views_in_parts_of_their_own_are_told_apart(tmp_path):
    passes = ("Combined", "Denoising Albedo")
    parts = [part for view, seed in (("left", 1), ("right", 5)) for part in eye(view, seed, passes=passes)]
    OpenEXR.File(parts).write(str(tmp_path / "a.exr"))
    image = ExrImage.open(tmp_path / "a.exr")
    assert image.layers == ["ViewLayer.left", "ViewLayer.right"] == image.layers_with(None, ("albedo",))
    assert image.layers_with("ViewLayer") == image.layers and image.layers_with("ViewLayer.right") == ["ViewLayer.right"]
    for index, view in enumerate(("left", "right")):
        frame = image.frame(f"ViewLayer.{view}", ("albedo",))
        own = [parts[2 * index + number].channels[f"ViewLayer.{name}.R"].pixels for number, name in enumerate(passes)]
        np.testing.assert_array_equal(frame.color[..., 0], own[0])
        np.testing.assert_array_equal(frame.albedo[..., 0], own[1])
        image.replace_color(f"ViewLayer.{view}", np.full((*SIZE, 3), index + 1.0, np.float32), noisy=frame.color)
    image.write(tmp_path / "out.exr")
    after = ExrImage.open(tmp_path / "out.exr")
    assert [after.frame(layer).color.mean() for layer in after.layers] == [1.0, 2.0]
    assert [header["name"] for header, _ in after.parts[4:]] == ["ViewLayer.Noisy-left", "ViewLayer.Noisy-right"]
    assert [header["view"] for header, _ in after.parts[4:]] == ["left", "right"]


@pytest.mark.parametrize("default", ["left.", ""], ids=["as Blender", "default view without its name"])
def test_views_in_one_part_are_told_apart(tmp_path, default):
    channels = {
        **planes([f"ViewLayer.Combined.{default}{letter}" for letter in "RGB"], seed=1),
        **planes([f"ViewLayer.Combined.right.{letter}" for letter in "RGB"], seed=2),
    }
    image = ExrImage.open(write(tmp_path / "a.exr", channels, multiView=["left", "right"]))
    assert sorted(image.layers) == ["ViewLayer.left", "ViewLayer.right"]
    image.add_pass("ViewLayer.right", "Error", {"V": np.ones(SIZE, np.float32)})
    image.replace_color("ViewLayer.right", np.full((*SIZE, 3), 3.0, np.float32))
    image.write(tmp_path / "out.exr")
    after = ExrImage.open(tmp_path / "out.exr")
    assert after.frame("ViewLayer.right").color.mean() == 3.0 and "ViewLayer.Error.right.V" in after.parts[0][1]
    np.testing.assert_array_equal(after.frame("ViewLayer.left").color[..., 0], channels[f"ViewLayer.Combined.{default}R"])


def test_the_same_name_in_two_parts_overwrites_nothing(tmp_path):
    first, second = combined(seed=1), combined(seed=2)
    image = ExrImage.open(write(tmp_path / "a.exr", first, second))
    image.replace_color("ViewLayer", np.full((*SIZE, 3), 2.0, np.float32))
    image.write(tmp_path / "out.exr")
    after = ExrImage.open(tmp_path / "out.exr")
    assert (after.parts[0][1]["ViewLayer.Combined.R"].pixels == 2).all()
    for name, pixels in second.items():
        np.testing.assert_array_equal(after.parts[1][1][name].pixels, pixels)


@pytest.mark.parametrize("name", ["n" * 250 + ".exr", "日本" * 41 + ".exr"], ids=["ASCII", "of three bytes a letter"])
def test_a_file_whose_name_is_as_long_as_names_can_be_is_written(tmp_path, name):
    image = ExrImage.open(write(tmp_path / "a.exr", combined()))
    image.write(tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["a.exr", name])


def test_parts_that_bear_the_names_of_passes_are_read(tmp_path):
    """The other convention of multi-part files: the pass names the part, the channels are plain R, G, B."""
    passes = {"ViewLayer.Combined": "RGBA", "ViewLayer.Denoising Albedo": "RGB"}
    parts = [
        OpenEXR.Part({"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}, planes(list(letters)), name)
        for name, letters in passes.items()
    ]
    OpenEXR.File(parts).write(str(tmp_path / "a.exr"))
    image = ExrImage.open(tmp_path / "a.exr")
    assert image.layers == ["ViewLayer"] and image.frame(None, ("albedo",)).albedo.shape == (*SIZE, 3)
    image.replace_color("ViewLayer", np.full((*SIZE, 3), 2.0, np.float32))
    image.write(tmp_path / "out.exr")
    assert (ExrImage.open(tmp_path / "out.exr").frame().color == 2).all()


def test_a_pass_whose_channels_lie_in_several_parts_is_read(tmp_path):
    channels = combined()
    red = {"ViewLayer.Combined.R": channels.pop("ViewLayer.Combined.R")}
    frame = ExrImage.open(write(tmp_path / "a.exr", red, channels)).frame()
    np.testing.assert_array_equal(frame.color[..., 1], combined()["ViewLayer.Combined.G"])


def test_a_picture_without_all_its_channels_is_named(tmp_path):
    with pytest.raises(N2NError, match="has the channels G, R, not R, G, B"):
        ExrImage.open(write(tmp_path / "a.exr", planes(["ViewLayer.Combined.R", "ViewLayer.Combined.G"]))).frame()


def test_added_passes_of_a_layer_with_such_a_name_keep_it(tmp_path):
    """All channels are in one list, which is longer then."""
    path = with_bytes(write(tmp_path / "a.exr", combined("Vu@"), owner="Ren@"), b"@", b"\xe9")
    image = ExrImage.open(path)
    layer = image.layer(None)
    image.add_pass(layer, "Error", {"V": np.ones(SIZE, np.float32)})
    image.write(tmp_path / "out.exr")
    (channels,) = [value for name, value in values_of(tmp_path / "out.exr") if name == b"channels"]
    assert channels.count(b"Vu\xe9.") == 5 and b"Vu\xe9.Error.V" in channels
    assert (b"owner", b"Ren\xe9") in values_of(tmp_path / "out.exr")


def test_names_that_cannot_be_told_apart_are_said(tmp_path):
    path = write(tmp_path / "a.exr", {**combined("Vu@"), **combined("Vu#")})
    with_bytes(with_bytes(path, b"@", b"\xe8"), b"#", b"\xe9")
    with pytest.raises(N2NError, match="differ only in letters") as error:
        ExrImage.open(path)
    assert str(path) in error.value.what and "damaged" not in str(error.value)

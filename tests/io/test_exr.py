"""EXR files: read, pass through, bad input."""

import numpy as np
import OpenEXR
import pytest

from n2n_render.errors import N2NError
from n2n_render.frame.frame import Frame
from n2n_render.io.exr import ExrImage, is_readable, read_frame, write_frame
from n2n_render.renderers.cycles import split_layer


def channels(layer="View.Layer", size=(6, 8), dtype=np.float32, **more):
    """The channels of a small Blender-like file, with a layer name that holds a dot."""
    rng = np.random.default_rng(3)
    names = [
        "Combined.R",
        "Combined.G",
        "Combined.B",
        "Combined.A",
        "Denoising Albedo.R",
        "Denoising Albedo.G",
        "Denoising Albedo.B",
        "Denoising Normal.X",
        "Denoising Normal.Y",
        "Denoising Normal.Z",
        "Denoising Depth.Z",
    ]
    found = {f"{layer}.{name}": rng.random(size).astype(dtype) for name in names}
    return {**found, **more}


def write(path, *parts):
    OpenEXR.File(
        [
            OpenEXR.Part({"compression": OpenEXR.ZIPS_COMPRESSION, "owner": "me"}, part, f"part{index}")
            for index, part in enumerate(parts)
        ]
    ).write(str(path))
    return path


def test_names_are_split_from_the_right():
    assert split_layer("View.Layer.Denoising Albedo") == ("View.Layer", "Denoising Albedo")


def test_written_frame_is_read_again(tmp_path):
    rng = np.random.default_rng(1)
    frame = Frame(
        color=rng.random((5, 7, 3), np.float32) * 9,
        albedo=rng.random((5, 7, 3), np.float32),
        normal=np.full((5, 7, 3), 0.5, np.float32),
        depth=rng.random((5, 7, 1), np.float32) + 1,
    )
    write_frame(tmp_path / "a.exr", frame)
    again = read_frame(tmp_path / "a.exr", ("albedo", "normal", "depth"))
    for feature in ("color", "albedo", "normal", "depth"):
        np.testing.assert_array_equal(again[feature], frame[feature])


def test_single_part_and_multi_part_files_read_alike(tmp_path):
    """Blender 4.x writes one part, 5.x one part a pass."""
    everything = channels()
    split = {}
    for name, pixels in everything.items():
        split.setdefault(split_layer(name.rpartition(".")[0])[1], {})[name] = pixels
    one = read_frame(write(tmp_path / "one.exr", everything), ("albedo", "normal", "depth"))
    many = read_frame(write(tmp_path / "many.exr", *split.values()), ("albedo", "normal", "depth"))
    for feature in ("color", "albedo", "normal", "depth"):
        np.testing.assert_array_equal(getattr(one, feature), getattr(many, feature))


def test_replacing_color_keeps_everything_else(tmp_path):
    ids = np.random.default_rng(5).integers(0, 2**32, (6, 8), np.uint32)
    crypto = {"View.Layer.CryptoObject00.r": ids.view(np.float32)}  # ids as float bits: NaNs and denormals among them
    path = write(tmp_path / "in.exr", channels(dtype=np.float16), crypto)
    image = ExrImage.open(path)
    noisy = np.random.default_rng(6).uniform(0, 1e5, (6, 8, 3)).astype(np.float32)
    image.replace_color(image.layer(None), np.full((6, 8, 3), 1e6, np.float32), noisy)
    image.write(tmp_path / "out.exr")
    before, after = ExrImage.open(path), ExrImage.open(tmp_path / "out.exr")
    for (old_header, old), (new_header, new) in zip(before.parts, after.parts[:2], strict=True):
        assert {k: str(v) for k, v in old_header.items() if k != "channels"} == {
            k: str(v) for k, v in new_header.items() if k != "channels"
        }
        for name, channel in old.items():
            assert new[name].pixels.dtype == channel.pixels.dtype
            if "Combined" not in name or name.endswith("A"):
                assert new[name].pixels.tobytes() == channel.pixels.tobytes()
    assert after.parts[0][1]["View.Layer.Combined.R"].pixels.max() == 65504  # half's limit, not infinity
    kept = after.pixels([f"View.Layer.Noisy.{letter}" for letter in "RGB"])
    np.testing.assert_array_equal(kept, np.minimum(noisy, 65504).astype(np.float16))


def test_a_frame_that_cycles_denoised_is_read_from_its_noisy_image(tmp_path):
    noisy = {f"View.Layer.Noisy Image.{channel}": np.full((6, 8), 3, np.float32) for channel in "RGB"}
    assert (read_frame(write(tmp_path / "a.exr", channels(**noisy))).color == 3).all()


def test_the_composite_is_not_what_is_denoised(tmp_path):
    """Blender adds a Composite layer where compositing is on, and sorts it first."""
    composite = {f"Composite.Combined.{channel}": np.full((6, 8), 3, np.float32) for channel in "RGBA"}
    image = ExrImage.open(write(tmp_path / "a.exr", {**composite, **channels()}))
    assert image.layers[0] == "Composite" and image.layer(None, ("albedo",)) == "View.Layer"
    assert image.frame(None, ("albedo",)).color.max() <= 1


def test_the_first_layer_with_the_wanted_passes_is_taken(tmp_path):
    bare = {f"Bare.Combined.{channel}": np.ones((6, 8), np.float32) for channel in "RGBA"}
    image = ExrImage.open(write(tmp_path / "a.exr", {**bare, **channels()}))
    assert image.layer(None) == "Bare" and image.layer(None, ("normal",)) == "View.Layer"


def test_keeping_the_noisy_picture_twice_keeps_one(tmp_path):
    path = write(tmp_path / "a.exr", channels(), {"other.Z": np.ones((6, 8), np.float32)})
    for _ in range(2):
        image = ExrImage.open(path)
        image.replace_color("View.Layer", np.zeros((6, 8, 3), np.float32), np.ones((6, 8, 3), np.float32))
        image.write(path)
    assert len(ExrImage.open(path).parts) == 3


@pytest.mark.parametrize(
    "more, parts", [((), 1), (({"other.Z": np.ones((6, 8), np.float32)},), 3)], ids=["single part", "multi-part"]
)
def test_an_added_pass_is_there_once_and_all_else_as_it_was(tmp_path, more, parts):
    """Added, then replaced in the file that has it already; a single part stays single."""
    path = write(tmp_path / "in.exr", channels(), *more)
    before = ExrImage.open(path)
    for value in (1.0, 2.0):
        image = ExrImage.open(path)
        image.add_pass("View.Layer", "Error", {"V": np.full((6, 8), value, np.float32)})
        image.write(path)
    after = ExrImage.open(path)
    assert len(after.parts) == parts and (after.pixels(["View.Layer.Error.V"]) == 2.0).all()
    names = [name for _, part in after.parts for name in part]
    assert sorted(names) == sorted([*(name for _, part in before.parts for name in part), "View.Layer.Error.V"])
    for (_, old), (_, new) in zip(before.parts, after.parts, strict=False):
        assert all(new[name].pixels.tobytes() == channel.pixels.tobytes() for name, channel in old.items())


def test_not_finite_and_negative_pixels_are_sanitised(tmp_path):
    bad = channels()
    bad["View.Layer.Combined.R"][0, :3] = np.nan, np.inf, -1
    bad["View.Layer.Denoising Depth.Z"][0, :3] = np.nan, 1e10, 0
    frame = read_frame(write(tmp_path / "a.exr", bad), ("depth",))
    assert (0 < frame.color[0, :2, 0]).all() and (frame.color[0, :2, 0] < 1).all() and frame.color[0, 2, 0] == 0
    assert np.isinf(frame.depth[0, 1:3, 0]).all() and np.isfinite(frame.depth[1:]).all() and np.isfinite(frame.depth[0, 0])


@pytest.mark.parametrize("feature, passes", [("albedo", "Denoising Albedo"), ("depth", "Denoising Depth")])
def test_a_missing_pass_is_named(tmp_path, feature, passes):
    kept = {name: pixels for name, pixels in channels().items() if passes not in name}
    with pytest.raises(N2NError, match=passes) as error:
        read_frame(write(tmp_path / "a.exr", kept), (feature,))
    assert "Denoising Data" in error.value.hint


def test_bad_files_are_errors_and_not_readable(tmp_path):
    path = write(tmp_path / "a.exr", channels(size=(200, 200)))
    truncated = tmp_path / "truncated.exr"
    truncated.write_bytes(path.read_bytes()[:-5000])
    text = tmp_path / "text.exr"
    text.write_text("no image")
    for bad in (truncated, text, tmp_path / "missing.exr"):
        assert not is_readable(bad)
        with pytest.raises(N2NError, match=bad.name):
            ExrImage.open(bad)
    assert is_readable(path)


def test_unknown_layer_names_the_known_ones(tmp_path):
    with pytest.raises(N2NError, match="Other") as error:
        ExrImage.open(write(tmp_path / "a.exr", channels())).frame("Other")
    assert "View.Layer" in error.value.hint


def test_a_failed_write_leaves_the_old_file(tmp_path):
    image = ExrImage.open(write(tmp_path / "a.exr", channels()))
    target = tmp_path / "b.exr"
    target.mkdir()
    (target / "inside").touch()
    with pytest.raises(N2NError, match="cannot be written"):
        image.write(target)
    assert (target / "inside").exists() and sorted(p.name for p in tmp_path.iterdir()) == ["a.exr", "b.exr"]

"""Photographs: what is written is what is read, in every kind of file; what is none gets one sentence."""

import itertools
import os
import struct
import sys
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from n2n_render.errors import N2NError, UnreadableFile
from n2n_render.io.photograph_tags import NOTHING, Kept
from n2n_render.io.photographs import Photograph, read_photograph, write_photograph

SIZE = (37, 51)
XMP = b'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"/><?xpacket end="w"?>'
EXIF, GPS, ORIENTATION = 34665, 34853, 274


@pytest.fixture(scope="module")
def kept():
    exif = Image.Exif()
    exif[ORIENTATION], exif[271] = 6, "Maker"
    exif.get_ifd(EXIF).update({42036: "a lens", 33434: 0.01, 37500: b"MAKERNOTE"})
    exif.get_ifd(GPS).update({1: "N", 2: (1.0, 2.0, 3.5)})
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return Kept(profile, exif.tobytes(), XMP, (300, 300))


def noise(kind, channels, seed=0):
    return np.random.default_rng(seed).integers(0, np.iinfo(kind).max + 1, (*SIZE, channels)).astype(kind)


def tags(kept):
    exif = Image.Exif()
    exif.load(kept.exif)
    structure = (EXIF, GPS, 282, 283, 296)  # places, and the resolution, which some kinds have elsewhere
    return {key: value for key, value in exif.items() if key not in structure}, *(
        dict(exif.get_ifd(key)) for key in (EXIF, GPS)
    )


HELD = [  # what each kind of file holds exactly: type, channels, alpha, suffix
    (kind, channels, alpha, suffix)
    for kind, channels, alpha in itertools.product((np.uint8, np.uint16), (1, 3), (False, True))
    for suffix in (".png", ".tif", ".webp", ".npy")
    if kind == np.uint8 or not (suffix == ".webp" or (suffix, channels, alpha) == (".tif", 1, True))
]


@pytest.mark.parametrize("kind, channels, alpha, suffix", HELD)
def test_pixels_and_alpha_come_back_exactly(tmp_path, kept, kind, channels, alpha, suffix):
    photograph = Photograph(noise(kind, channels), noise(kind, 1, 1) if alpha else None, kept)
    write_photograph(tmp_path / f"a{suffix}", photograph)
    read = read_photograph(tmp_path / f"a{suffix}")
    assert read.pixels.dtype == kind
    np.testing.assert_array_equal(read.pixels, np.broadcast_to(photograph.pixels, read.pixels.shape))
    assert read.pixels.shape[-1] == (3 if suffix == ".webp" else channels)
    assert (read.alpha is None) == (not alpha)
    if alpha:
        np.testing.assert_array_equal(read.alpha, photograph.alpha)
    assert [path.name for path in tmp_path.iterdir()] == [f"a{suffix}"]


@pytest.mark.parametrize(
    "kind, suffix",
    [*((np.uint8, suffix) for suffix in (".png", ".jpg", ".tif", ".webp")), (np.uint16, ".png"), (np.uint16, ".tif")],
)
def test_profile_exif_xmp_and_resolution_go_along(tmp_path, kept, kind, suffix):
    write_photograph(tmp_path / f"a{suffix}", Photograph(noise(kind, 3), None, kept))
    read = read_photograph(tmp_path / f"a{suffix}")
    assert read.kept.icc == kept.icc
    assert read.kept.xmp == XMP
    assert tags(read.kept) == tags(kept)
    if suffix != ".webp":  # it has none but that of EXIF
        assert read.kept.dpi == pytest.approx((300, 300), abs=0.01)


@pytest.mark.parametrize("first", [".png", ".jpg", ".tif", ".webp"])
@pytest.mark.parametrize("second", [".png", ".jpg", ".tif", ".webp"])
def test_what_belongs_to_a_picture_goes_from_any_kind_into_any_kind(tmp_path, kept, first, second):
    write_photograph(tmp_path / f"a{first}", Photograph(noise(np.uint8, 3), None, kept))
    write_photograph(tmp_path / f"b{second}", read_photograph(tmp_path / f"a{first}"))
    read = read_photograph(tmp_path / f"b{second}").kept
    assert read.icc == kept.icc and read.xmp == XMP and tags(read) == tags(kept)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".webp"])
def test_pixels_are_as_stored_whatever_the_orientation_says(tmp_path, orientation, suffix):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    picture = np.zeros((40, 56, 3), np.uint8)
    picture[:10, :10] = 255
    write_photograph(tmp_path / f"a{suffix}", Photograph(picture, None, Kept(exif=exif.tobytes())))
    read = read_photograph(tmp_path / f"a{suffix}")
    assert np.abs(read.pixels.astype(int) - picture).max() < 16
    assert tags(read.kept)[0][ORIENTATION] == orientation


def test_a_curve_that_a_png_file_tells_goes_along(tmp_path):
    from PIL import PngImagePlugin

    info = PngImagePlugin.PngInfo()
    info.add(b"gAMA", struct.pack(">I", 100000))  # linear
    Image.fromarray(noise(np.uint8, 3)).save(tmp_path / "a.png", pnginfo=info)
    write_photograph(tmp_path / "b.png", read_photograph(tmp_path / "a.png"))
    assert Image.open(tmp_path / "b.png").info["gamma"] == 1.0


def test_other_pixels_keep_all_else(kept):
    changed = Photograph(noise(np.uint8, 3), noise(np.uint8, 1), kept).with_pixels(noise(np.uint8, 3, 2))
    assert changed.kept == kept
    np.testing.assert_array_equal(changed.alpha, noise(np.uint8, 1))
    np.testing.assert_array_equal(changed.pixels, noise(np.uint8, 3, 2))


@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea"])
def test_real_photographs_survive_jpeg(tmp_path, name):
    data = pytest.importorskip("skimage.data")
    picture = getattr(data, name)()
    write_photograph(tmp_path / "a.jpg", Photograph(picture))
    off = read_photograph(tmp_path / "a.jpg").pixels.astype(float) - picture
    assert 10 * np.log10(255**2 / np.mean(off**2)) > 38


@pytest.mark.parametrize("suffix", [".jpg", ".webp"])
def test_sixteen_bits_are_rounded_to_eight_and_that_is_said(tmp_path, caplog, suffix):
    smooth = np.broadcast_to(np.linspace(0, 65535, 64)[:, None, None], (64, 64, 3)).astype(np.uint16)
    write_photograph(tmp_path / f"a{suffix}", Photograph(smooth))
    assert "8 bits" in caplog.text
    assert np.abs(read_photograph(tmp_path / f"a{suffix}").pixels * 257.0 - smooth).max() < 1500


@pytest.mark.parametrize(
    ("suffix", "kind"), [(".png", np.uint16), (".tif", np.uint16), (".jpg", np.uint8), (".npy", np.float32)]
)
def test_values_of_raw_arrays_become_bits(tmp_path, suffix, kind):
    values = np.linspace(0, 1, 40 * 40, dtype=np.float32).reshape(40, 40, 1)
    write_photograph(tmp_path / f"a{suffix}", Photograph(values))
    pixels = read_photograph(tmp_path / f"a{suffix}").pixels
    assert pixels.dtype == kind
    peak = np.iinfo(kind).max if kind != np.float32 else 1
    assert np.abs(pixels / peak - values).max() < (0.02 if suffix == ".jpg" else 1e-4)


@pytest.mark.parametrize("shape", [(40, 50), (40, 50, 1), (40, 50, 2), (40, 50, 3), (40, 50, 4)])
@pytest.mark.parametrize("kind", ["uint8", ">u2", "float16", "float64"])
def test_raw_arrays_of_every_shape(tmp_path, shape, kind):
    array = (np.random.default_rng(0).random(shape) * (1 if "f" in kind else 200)).astype(kind)
    np.save(tmp_path / "a.npy", array)
    read = read_photograph(tmp_path / "a.npy")
    channels = 1 if len(shape) == 2 or shape[2] < 3 else 3
    np.testing.assert_array_equal(read.pixels, array.reshape(40, 50, -1)[..., :channels].astype(read.pixels.dtype))
    assert read.pixels.dtype.name in ("uint8", "uint16", "float32")
    assert (read.alpha is not None) == (len(shape) == 3 and shape[2] in (2, 4))


def test_a_palette_becomes_colours_and_is_told(tmp_path, caplog):
    colors = noise(np.uint8, 3) // 128 * 255
    Image.fromarray(colors).convert("P", palette=Image.Palette.ADAPTIVE).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_photograph(tmp_path / "a.png").pixels, colors)
    assert "palette" in caplog.text


def test_a_transparent_colour_becomes_alpha(tmp_path):
    Image.fromarray(np.tile(np.uint8([[0, 255]]), (40, 20))).save(tmp_path / "a.png", transparency=0)
    read = read_photograph(tmp_path / "a.png")
    assert read.pixels.shape == (40, 40, 1)
    np.testing.assert_array_equal(read.alpha[0, :2, 0], [0, 255])


def test_a_file_under_another_kinds_name_is_read_and_told(tmp_path, caplog):
    Image.fromarray(noise(np.uint8, 3)).save(tmp_path / "a.jpg", format="PNG")
    np.testing.assert_array_equal(read_photograph(tmp_path / "a.jpg").pixels, noise(np.uint8, 3))
    assert "PNG file by its content" in caplog.text


def test_lzw_tiff_files_of_sixteen_bits_are_read(tmp_path):
    oiio = pytest.importorskip("OpenImageIO")
    spec = oiio.ImageSpec(SIZE[1], SIZE[0], 3, oiio.UINT16)
    spec.attribute("compression", "lzw")
    file = oiio.ImageOutput.create(str(tmp_path / "a.tif"))
    assert file.open(str(tmp_path / "a.tif"), spec) and file.write_image(noise(np.uint16, 3)) and file.close()
    np.testing.assert_array_equal(read_photograph(tmp_path / "a.tif").pixels, noise(np.uint16, 3))


TIFF_KINDS = {
    "white is zero": ({"photometric": "miniswhite"}, 1, lambda data, peak: peak - data),
    "planes": ({"photometric": "rgb", "planarconfig": "separate"}, 3, None),
    "tiles": ({"photometric": "rgb", "tile": (16, 16)}, 3, None),
    "more than 4 GiB": ({"photometric": "rgb", "bigtiff": True}, 3, None),
    "high bytes first": ({"photometric": "rgb", "byteorder": ">"}, 3, None),
    "deflate": ({"photometric": "rgb", "compression": "zlib", "predictor": True}, 3, None),
    "alpha": ({"photometric": "rgb", "extrasamples": ["unassalpha"]}, 4, None),
    "a mask": ({"photometric": "rgb", "extrasamples": ["unspecified"]}, 4, lambda data, peak: data[..., :3]),
}


@pytest.mark.parametrize("name", TIFF_KINDS)
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_tiff_files_of_other_programs(tmp_path, name, kind):
    """Written by tifffile."""
    tifffile = pytest.importorskip("tifffile")
    settings, channels, change = TIFF_KINDS[name]
    data = noise(kind, channels)
    planes = np.ascontiguousarray(data.transpose(2, 0, 1)) if "planarconfig" in settings else data.squeeze()
    tifffile.imwrite(tmp_path / "a.tif", planes, **settings)
    wanted = change(data, np.iinfo(kind).max) if change else data
    read = read_photograph(tmp_path / "a.tif")
    assert read.pixels.dtype == kind
    np.testing.assert_array_equal(read.pixels, wanted[..., :3])
    assert (read.alpha is not None) == (name == "alpha")
    if name == "alpha":
        np.testing.assert_array_equal(read.alpha, data[..., 3:])


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_colours_that_alpha_is_in_are_divided_by_it_and_that_is_told(tmp_path, kind, caplog):
    tifffile = pytest.importorskip("tifffile")
    peak = np.iinfo(kind).max
    data = np.empty((40, 48, 4), kind)
    data[..., :3], data[..., 3] = peak // 4, peak // 2
    tifffile.imwrite(tmp_path / "a.tif", data, photometric="rgb", extrasamples=["assocalpha"])
    read = read_photograph(tmp_path / "a.tif")
    assert np.abs(read.pixels / peak - 0.5).max() < 0.01 and (read.alpha == peak // 2).all()
    assert "divided" in caplog.text


@pytest.mark.parametrize(
    ("data", "settings", "words"),
    [
        (np.zeros((40, 48, 4), np.uint16), {"photometric": "separated"}, "other colours than grey and RGB"),
        (np.zeros((40, 48), np.int16), {"photometric": "minisblack"}, "no whole numbers"),
        (np.zeros((40, 48), np.uint32), {"photometric": "minisblack"}, "no whole numbers of 8 or 16 bits"),
        (np.zeros((40, 48, 3), np.float32), {"photometric": "rgb"}, "no PNG, JPEG, TIFF"),
    ],
)
def test_tiff_files_of_other_values_are_refused(tmp_path, data, settings, words):
    tifffile = pytest.importorskip("tifffile")
    tifffile.imwrite(tmp_path / "a.tif", data, **settings)
    with pytest.raises(UnreadableFile, match=words):
        read_photograph(tmp_path / "a.tif")


def picture(**settings):
    return lambda path: Image.fromarray(noise(np.uint8, 3)).convert(settings.pop("mode", "RGB")).save(path, **settings)


def animated(path):
    first, second = (Image.fromarray(noise(np.uint8, 3, seed)) for seed in (0, 1))
    first.save(path, save_all=True, append_images=[second])


def cut(path):
    Image.fromarray(noise(np.uint8, 3)).save(path)
    path.write_bytes(path.read_bytes()[:-2000])


def cut_deep(path):
    write_photograph(path, Photograph(noise(np.uint16, 3)))
    path.write_bytes(path.read_bytes()[:-3000])


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_of_size(width, height):
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return lambda path: path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    )


def array(values):
    return lambda path: np.save(path, values)


BAD = {
    "cmyk.jpg": (picture(mode="CMYK"), "CMYK"),
    "cmyk.tif": (picture(mode="CMYK"), "CMYK"),
    "lab.tif": (picture(mode="LAB"), "Lab"),
    "one_bit.png": (picture(mode="1"), "black and white"),
    "float.tif": (picture(mode="F"), "no whole numbers"),
    "whole.tif": (picture(mode="I"), "no whole numbers"),
    "moving.png": (animated, "animated"),
    "moving.webp": (animated, "animated"),
    "pages.tif": (animated, "several pages"),
    "cut.png": (cut, "cannot be read"),
    "cut.jpg": (cut, "cannot be read"),
    "cut.tif": (cut, "cannot be read"),
    "cut.webp": (cut, "cannot be read"),
    "deep_cut.png": (cut_deep, "cannot be read"),
    "deep_cut.tif": (cut_deep, "cannot be read"),
    "empty.png": (lambda path: path.write_bytes(b""), "is no PNG"),
    "text.jpg": (lambda path: path.write_text("hello"), "is no PNG"),
    "gif.png": (lambda path: Image.new("L", (9, 9)).save(path, format="GIF"), "is no PNG"),
    "folder.png": (lambda path: path.mkdir(), "it is a folder"),
    "missing.png": (lambda path: None, "No such file"),
    "bomb.png": (png_of_size(65535, 65535), "350 million"),
    "nothing.png": (png_of_size(0, 5), "cannot be read"),
    "empty.npy": (lambda path: path.write_bytes(b""), "cannot be read"),
    "text.npy": (lambda path: path.write_text("hello"), "cannot be read"),
    "objects.npy": (lambda path: np.save(path, np.array([{}], object), allow_pickle=True), "cannot be read"),
    "nan.npy": (array(np.full((40, 40), np.nan)), "no numbers"),
    "bright.npy": (array(np.full((40, 40), 1.5)), "are not in"),
    "negative.npy": (array(np.full((40, 40), -0.1)), "are not in"),
    "whole.npy": (array(np.ones((40, 40), np.int32)), "int32"),
    "kspace.npy": (array(np.ones((40, 40), complex)), "complex"),
    "five.npy": (array(np.ones((40, 40, 5), np.uint8)), "5 channels"),
    "video.npy": (array(np.ones((2, 40, 40, 3), np.uint8)), "no picture"),
    "none.npy": (array(np.ones((0, 40), np.uint8)), "no picture"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_photograph_gets_one_sentence_that_names_the_file(tmp_path, name):
    write, words = BAD[name]
    write(tmp_path / name)
    with pytest.raises(UnreadableFile) as caught:
        read_photograph(tmp_path / name)
    assert str(tmp_path / name) in caught.value.what and words in caught.value.what
    assert len(caught.value.what.splitlines()) == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(UnreadableFile, match="it is no file"):
        read_photograph(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("name", "photograph", "words"),
    [
        ("a.jpg", Photograph(noise(np.uint8, 3), noise(np.uint8, 1)), "JPEG files have no alpha"),
        ("a.tif", Photograph(noise(np.uint16, 1), noise(np.uint16, 1)), "with alpha"),
        ("a.gif", Photograph(noise(np.uint8, 3)), "no picture can be written"),
        ("a.webp", Photograph(np.zeros((1, 17000, 3), np.uint8)), "cannot be written"),
        ("a.jpg", Photograph(noise(np.uint8, 3), None, Kept(exif=b"Exif\0\0" + bytes(70000))), "cannot be written"),
    ],
)
def test_what_a_kind_cannot_hold_is_said_and_nothing_is_left(tmp_path, name, photograph, words):
    (tmp_path / name).write_text("before")
    with pytest.raises(N2NError, match=words):
        write_photograph(tmp_path / name, photograph)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "before"


def test_a_picture_without_anything_carries_nothing(tmp_path):
    write_photograph(tmp_path / "a.png", Photograph(noise(np.uint8, 3)))
    assert read_photograph(tmp_path / "a.png").kept == NOTHING


def test_a_library_that_is_missing_is_named(tmp_path, monkeypatch):
    write_photograph(tmp_path / "a.png", Photograph(noise(np.uint16, 3)))
    monkeypatch.setitem(sys.modules, "OpenImageIO", None)
    with pytest.raises(N2NError, match="OpenImageIO, which is not installed"):
        read_photograph(tmp_path / "a.png")
    write_photograph(tmp_path / "b.png", Photograph(noise(np.uint8, 3)))  # of 8 bits nobody needs it
    assert read_photograph(tmp_path / "b.png").pixels.dtype == np.uint8


def test_noise_of_float_arrays_may_lead_beyond_black_and_white(tmp_path):
    noisy = np.random.default_rng(3).normal(0.5, 0.4, (40, 40, 3)).astype(np.float32)
    np.save(tmp_path / "noisy.npy", noisy)
    np.testing.assert_array_equal(read_photograph(tmp_path / "noisy.npy").pixels, noisy)

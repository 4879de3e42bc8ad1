"""Data windows: pixels keep their place, in one file, between two renders and from frame to frame."""

import logging

import numpy as np
import OpenEXR
import pytest
from conftest import noisy_frame, true_frame

from n2n_render.denoise.renders import read_renders
from n2n_render.errors import N2NError
from n2n_render.frame.frame import Frame, crop
from n2n_render.frame.windows import Window, common, place
from n2n_render.io.exr import ExrImage

SIZE = (48, 64)


def write(path, frame: Frame, corner=(0, 0), guide_rows=None, layer="ViewLayer"):
    """One part a pass, as Blender 5 does, at (column, row) `corner`; guides with only some of the rows, if that is said."""
    parts = []
    for name, image, letters in (
        ("Combined", frame.color, "RGB"),
        ("Denoising Albedo", frame.albedo, "RGB"),
        ("Denoising Normal", frame.normal, "XYZ"),
    ):
        rows = guide_rows if guide_rows and name != "Combined" else slice(0, image.shape[0])
        planes = {
            f"{layer}.{name}.{letter}": np.ascontiguousarray(image[rows][..., index]) for index, letter in enumerate(letters)
        }
        left, top = corner[0], corner[1] + rows.start
        window = (
            np.array([left, top], np.int32),
            np.array([left + image.shape[1] - 1, top + rows.stop - rows.start - 1], np.int32),
        )
        parts.append(
            OpenEXR.Part(
                {
                    "compression": OpenEXR.ZIP_COMPRESSION,
                    "type": OpenEXR.scanlineimage,
                    "dataWindow": window,
                    "displayWindow": (np.array([0, 0], np.int32), np.array([99, 99], np.int32)),
                },
                planes,
                name,
            )
        )
    OpenEXR.File(parts).write(str(path))
    return path


def renders(count=2):
    truth = true_frame(100, 100)
    return [noisy_frame(truth, seed) for seed in range(1, count + 1)]


def part_of(frame, corner):
    return crop(frame, (slice(corner[1], corner[1] + SIZE[0]), slice(corner[0], corner[0] + SIZE[1])))


def test_an_image_goes_to_its_place_and_back():
    image = np.arange(12.0).reshape(3, 4, 1)
    here, there = Window(2, 1, 6, 4), Window(0, 0, 8, 8)
    placed = place(image, here, there, fill=-1)
    assert placed.shape == (8, 8, 1) and (placed[1:4, 2:6] == image).all() and (placed == -1).sum() == 64 - 12
    np.testing.assert_array_equal(place(placed, there, here), image)
    assert place(image, here, here) is image


def test_guides_of_a_smaller_window_lie_where_they_belong(tmp_path):
    """Combined 48 rows, guides only rows 10 to 39: before, numpy could not broadcast them."""
    frame = part_of(renders(1)[0], (0, 0))
    found = ExrImage.open(write(tmp_path / "a.exr", frame, guide_rows=slice(10, 40))).frame(None, ("albedo", "normal"))
    np.testing.assert_array_equal(found.albedo[10:40], frame.albedo[10:40])
    assert not found.albedo[:10].any() and not found.albedo[40:].any() and found.color.shape == frame.color.shape


def test_guides_beside_the_picture_are_refused(tmp_path):
    image = ExrImage.open(write(tmp_path / "a.exr", part_of(renders(1)[0], (0, 0))))
    image.parts[1][0]["dataWindow"] = (np.array([500, 0], np.int32), np.array([563, 47], np.int32))
    with pytest.raises(N2NError, match="lies beside the picture"):
        image.frame(None, ("albedo",))


@pytest.mark.parametrize("shift", [(8, 0), (0, 5), (-7, 9), (3, -2)])
def test_a_pair_with_other_windows_is_averaged_pixel_by_pixel(tmp_path, shift, caplog):
    """Equal in size, different in origin: before, the two were averaged as if they lay on each other."""
    one, two = renders()
    corner = (16, 20)
    other = (corner[0] + shift[0], corner[1] + shift[1])
    paths = [write(tmp_path / "a.exr", part_of(one, corner), corner), write(tmp_path / "b.exr", part_of(two, other), other)]
    with caplog.at_level(logging.WARNING):
        found = read_renders(paths, None, ("albedo",)).layers[0].frame
    plane = np.full((100, 100, 3), np.nan, np.float32)
    plane[20 : 20 + SIZE[0], 16 : 16 + SIZE[1]] = one.color[20 : 20 + SIZE[0], 16 : 16 + SIZE[1]]
    both = (slice(max(20, other[1]), min(20, other[1]) + SIZE[0]), slice(max(16, other[0]), min(16, other[0]) + SIZE[1]))
    plane[both] = (one.color[both] + two.color[both]) / 2
    np.testing.assert_allclose(found.color, plane[20 : 20 + SIZE[0], 16 : 16 + SIZE[1]], rtol=1e-6)
    assert "covers only a part" in caplog.text


def test_a_border_that_begins_at_the_same_corner_is_no_other_size(tmp_path):
    """For one display window; of another one it is another size."""
    one, two = renders()
    paths = [
        write(tmp_path / "a.exr", part_of(one, (0, 0))),
        write(tmp_path / "b.exr", crop(two, (slice(0, 30), slice(0, 40)))),
    ]
    found = read_renders(paths, None, ("albedo",)).layers[0].frame
    np.testing.assert_allclose(found.color[:30, :40], (one.color[:30, :40] + two.color[:30, :40]) / 2, rtol=1e-6)
    np.testing.assert_array_equal(found.color[30:], one.color[30 : SIZE[0], : SIZE[1]])


def test_renders_that_do_not_overlap_are_refused():
    with pytest.raises(N2NError, match="lies beside"):
        common(Window(0, 0, 10, 10), Window(20, 0, 40, 10), "a.exr", "b.exr")
    with pytest.raises(N2NError, match="20×10, but a.exr is 10×10"):
        common(Window(0, 0, 10, 10), Window(0, 0, 20, 10), "a.exr", "b.exr")


def test_a_written_file_keeps_its_windows(tmp_path):
    frame = part_of(renders(1)[0], (30, 7))
    image = ExrImage.open(write(tmp_path / "a.exr", frame, (30, 7), guide_rows=slice(3, 20)))
    image.replace_color("ViewLayer", frame.color * 2)
    image.write(tmp_path / "out.exr")
    before, after = ExrImage.open(tmp_path / "a.exr"), ExrImage.open(tmp_path / "out.exr")
    assert [Window.of(header) for header, _ in before.parts] == [Window.of(header) for header, _ in after.parts]
    np.testing.assert_array_equal(after.frame().color, frame.color * 2)

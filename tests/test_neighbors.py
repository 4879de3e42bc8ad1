"""Neighbours in files: placed by their data windows; one that cannot be read is not there, and that is said."""

import logging

import numpy as np
import OpenEXR
import pytest
from conftest import noisy_frame, true_frame

from n2n_render.engines.options import EngineOptions
from n2n_render.errors import N2NError
from n2n_render.frame.frame import crop
from n2n_render.guides.neighbors import Neighbors
from n2n_render.io.sequence import find_windows
from n2n_render.network.specification import OidnNetwork, Specification

MODEL = Specification(
    features=("albedo", "normal", "neighbors"),
    encoding="pu",
    output="encoded",
    unit_normals=True,
    network=OidnNetwork(topology="oidn", norm="none", widths=(32, 32, 48, 64, 80, 96, 96, 112, 112, 96, 96, 64, 64, 64, 32)),
)
SIZE = (64, 80)
PLANE = (120, 140)


def write(path, plane, corner):
    """A part of a still scene, rendered with a border whose corner is at (column, row)."""
    frame = crop(plane, (slice(corner[1], corner[1] + SIZE[0]), slice(corner[0], corner[0] + SIZE[1])))
    channels = {}
    for name, image, letters in (
        ("Combined", frame.color, "RGB"),
        ("Denoising Albedo", frame.albedo, "RGB"),
        ("Denoising Normal", frame.normal, "XYZ"),
        ("Vector", np.zeros((*SIZE, 4)), "XYZW"),
    ):
        channels.update(
            {
                f"ViewLayer.{name}.{letter}": np.ascontiguousarray(image[..., index], np.float32)
                for index, letter in enumerate(letters)
            }
        )
    window = np.array(corner, np.int32), np.array([corner[0] + SIZE[1] - 1, corner[1] + SIZE[0] - 1], np.int32)
    OpenEXR.File({"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage, "dataWindow": window}, channels).write(
        str(path)
    )
    return (path,)


@pytest.fixture
def plane():
    """The whole scene by another seed for each frame."""
    return lambda number: noisy_frame(true_frame(*PLANE), number, 0.3)


def neighbors_of(groups):
    return Neighbors.open(MODEL, groups, find_windows(groups, 1, []), options=EngineOptions("cpu", "oidn"))


@pytest.mark.parametrize("shift", [(0, 0), (9, 5), (-12, 0), (6, -7)])
def test_what_a_neighbor_shows_lies_where_it_belongs(tmp_path, plane, shift):
    """Borders of the same size at other places: before, the neighbours were laid on each other, corner on corner."""
    corner, other = (20, 20), (20 + shift[0], 20 + shift[1])
    groups = [write(tmp_path / f"f_000{number}.exr", plane(number), place) for number, place in ((1, corner), (2, other))]
    guides = neighbors_of(groups).of(0)
    both = np.zeros(PLANE, bool)
    both[other[1] : other[1] + SIZE[0], other[0] : other[0] + SIZE[1]] = True
    here = (slice(20, 20 + SIZE[0]), slice(20, 20 + SIZE[1]))
    assert not guides["neighbors_weight"][~both[here]].any()  # beyond its window the neighbour has no share
    inside = both[here] & (guides["neighbors_weight"][..., 0] > 0.3)
    assert inside.mean() > 0.5
    np.testing.assert_allclose(guides["neighbors_noisy"][inside], plane(2).color[here][inside], rtol=1e-3)


def test_a_neighbor_that_cannot_be_read_is_not_there(tmp_path, plane, caplog):
    groups = [write(tmp_path / f"f_000{number}.exr", plane(number), (20, 20)) for number in (1, 2, 3)]
    groups[1][0].write_bytes(groups[1][0].read_bytes()[:-500])
    neighbors = neighbors_of(groups)
    with caplog.at_level(logging.WARNING):
        assert not any(image.any() for image in neighbors.of(0).values())
    assert "f_0002.exr" in caplog.text and "do without it" in caplog.text
    with pytest.raises(N2NError, match="f_0002.exr"):
        neighbors.of(1)

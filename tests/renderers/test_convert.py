"""What a renderer means by its numbers → what a frame means by them."""

import numpy as np
import pytest
from layouts import LAYOUTS, MATRIX, SIZE, make_frame, one, planes, write_parts

from n2n_render.frame.motion import follow
from n2n_render.io.exr import ExrImage
from n2n_render.renderers.convert import camera_rotation, to_camera, to_vectors
from n2n_render.renderers.dialect import Motion, Unit


def rotation(seed=2):
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]


def seen_normals(seed=1):
    normals = np.random.default_rng(seed).normal(size=(20, 30, 3))
    normals[..., 2] = -np.abs(normals[..., 2])
    return normals / np.linalg.norm(normals, axis=-1, keepdims=True)


@pytest.mark.parametrize("scale", [1.0, 0.01, 100.0])
@pytest.mark.parametrize("along_z", [True, False], ids=["camera looks along z", "camera looks against z"])
def test_normals_are_turned_to_the_camera(scale, along_z):
    """Whatever unit the scene has and whichever way the camera looks along its own axis."""
    matrix = np.eye(4)
    matrix[:3, :3] = rotation() * scale * ([1, 1, 1] if along_z else [1, 1, -1])
    matrix[3, :3] = 5, -6, 7
    normals = seen_normals()
    there = (normals @ rotation().T).astype(np.float32)
    for written in (matrix, matrix.T):  # the latter for column vectors
        found = camera_rotation([{}, {"worldToCamera": written.copy()}])
        np.testing.assert_allclose(to_camera(there, found), normals, atol=1e-6)


@pytest.mark.parametrize(
    "matrix", [None, "a text", np.zeros((4, 4)), np.full((4, 4), np.nan), np.diag([1.0, 2.0, 3.0, 1.0]), np.eye(3)], ids=str
)
def test_what_is_no_camera_is_not_used(matrix):
    assert camera_rotation([{"worldToCamera": matrix}]) is None
    assert camera_rotation([{}]) is None


def test_normals_in_world_space_without_a_matrix_are_read_as_they_are(tmp_path):
    frame = make_frame()
    parts = LAYOUTS["Arnold"].parts(frame.with_channels(depth=np.ones((*SIZE, 1), np.float32)))
    known = ExrImage.open(write_parts(tmp_path / "known.exr", parts, {"arnold/version": "7", "worldToCamera": MATRIX}))
    unknown = ExrImage.open(write_parts(tmp_path / "unknown.exr", parts, {"arnold/version": "7"}))
    np.testing.assert_array_equal(known.frame(None, ("normal",)).normal, frame.normal)
    as_written = np.stack([parts[""][f"N.{letter}"] for letter in "XYZ"], -1)
    np.testing.assert_array_equal(unknown.frame(None, ("normal",)).normal, as_written)
    assert "world space" in unknown.taken("", ("normal",)) and "world space" not in known.taken("", ("normal",))


@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize("y_up", [True, False])
@pytest.mark.parametrize("unit", list(Unit))
def test_motion_leads_to_where_the_surface_is_in_the_next_frame(forward, y_up, unit):
    """A picture that slides 2 pixels to the right and 1 down a frame, in every convention."""
    right, down = 2.0, 1.0
    way = np.array([right, -down if y_up else down]) * (1 if forward else -1)
    if unit is Unit.SCREEN:
        way = way / [15, 10]
    pixels = np.broadcast_to(way.astype(np.float32), (20, 30, 2))
    vectors = to_vectors(pixels, Motion(unit, forward, y_up), (30, 20), None)
    rows, columns, trust = follow([vectors, vectors], forward=True)
    assert rows[5, 5] == pytest.approx(5 + down) and columns[5, 5] == pytest.approx(5 + right) and trust[5, 5] > 0.99
    rows, columns, _ = follow([vectors, vectors], forward=False)
    assert rows[5, 5] == pytest.approx(5 - down) and columns[5, 5] == pytest.approx(5 - right)


def test_motion_that_was_multiplied_by_alpha_is_divided_again(tmp_path):
    frame = make_frame()
    moved = np.broadcast_to(np.float32([0.25, 0.5]), (*SIZE, 2)) * frame.alpha
    parts = one(planes("", np.concatenate([frame.color, frame.alpha], -1), "RGBA"), planes("motionvec", moved, "RG"))
    vector = ExrImage.open(write_parts(tmp_path / "a.exr", parts)).frame(None, ("vector",)).vector
    seen = frame.alpha[..., 0] > 0
    np.testing.assert_allclose(vector[seen], np.float32([-7, -10, -7, -10]) * np.ones_like(vector[seen]), rtol=1e-5)


def test_a_standard_deviation_becomes_a_variance(tmp_path):
    frame = make_frame()
    parts = one(planes("FinalImage", frame.color), planes("Variance", frame.albedo))
    found = ExrImage.open(write_parts(tmp_path / "a.exr", parts)).frame(None, ("variance",))
    np.testing.assert_allclose(found["variance"], frame.albedo**2, rtol=1e-6)
    layout = LAYOUTS["Arnold"]
    arnold = ExrImage.open(layout.write(tmp_path / "b.exr", frame)).frame(None, ("variance",))
    np.testing.assert_array_equal(arnold["variance"], frame.color**2)

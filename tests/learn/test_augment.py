"""Augmentation keeps geometry and features consistent."""

import itertools

import numpy as np
import pytest

from n2n_render.frame.channels import Kind, kind_of
from n2n_render.frame.orient import turn_normals
from n2n_render.learn.augment import random_change

SWITCHES = list(itertools.product((False, True), repeat=3))


def bumps(size=64):
    """A height field over the picture and its camera-space normals (x right, y up, row 0 on top)."""
    rng = np.random.default_rng(3)
    x, y = np.meshgrid(np.linspace(-1, 1, size), np.linspace(1, -1, size))
    height = sum(a * np.sin(fx * x + fy * y + p) for a, fx, fy, p in rng.uniform(0.2, 3, (6, 4)))
    return height, normals_of(height)


def normals_of(height):
    """Normals of a height field from its finite differences."""
    step = 2 / (len(height) - 1)
    dx, dy = np.gradient(height, step, axis=1), -np.gradient(height, step, axis=0)
    normal = np.stack([-dx, -dy, np.ones_like(dx)], -1)
    return normal / np.linalg.norm(normal, axis=-1, keepdims=True)


def moved(image, mirror_x, mirror_y, transpose):
    image = image[:, ::-1] if mirror_x else image
    image = image[::-1] if mirror_y else image
    return image.swapaxes(0, 1) if transpose else image


@pytest.mark.parametrize("switches", SWITCHES)
def test_turned_normals_are_the_normals_of_the_moved_surface(switches):
    height, normal = bumps()
    turned = turn_normals(moved(normal, *switches), *switches)
    np.testing.assert_allclose(turned, normals_of(moved(height, *switches)), atol=1e-6)


def test_all_images_of_a_crop_move_and_recolour_together():
    """Pixels carry their own position and channel: wherever one goes, all must go."""
    place = np.arange(8 * 8).reshape(8, 8, 1) * 10.0 + np.arange(3)
    for seed in range(40):
        guides = {"albedo": place + 1000, "depth": place[..., :1], "normal": np.zeros((8, 8, 3))}
        change = random_change(np.random.default_rng(seed))
        noisy, target = (change(Kind.RADIANCE, image) for image in (place, place + 500))
        guides = {name: change(kind_of(name), image) for name, image in guides.items()}
        np.testing.assert_array_equal(target, noisy + 500)
        np.testing.assert_array_equal(guides["albedo"], noisy + 1000)
        np.testing.assert_array_equal(guides["depth"][..., 0] // 10, noisy[..., 0] // 10)


def test_all_eight_orientations_and_six_permutations_occur():
    place = np.arange(4.0).reshape(2, 2, 1) * 10 + np.arange(3)
    seen = {random_change(np.random.default_rng(seed))(Kind.RADIANCE, place).tobytes() for seed in range(1000)}
    assert len(seen) == 48

"""The Vector pass of `sample`: where a surface was and will be, with motion blur and without."""

import numpy as np
import pytest

from n2n_render.frame.motion import follow, warp
from n2n_render.io.dataset import FrameName, find_pairs, read_manifest
from n2n_render.io.exr import read_frame

pytestmark = pytest.mark.blender

FRAMES = (2, 3, 4)
SIZE = (64, 36)
BLURRED = {"camera": "Drone"}  # of the scene Main, which has motion blur: camera and cube move
SHARP = {"scene_name": "Path"}  # a camera that moves


@pytest.fixture(scope="module")
def render(scenes, run_sample, tmp_path_factory):
    """render(options) → folder of three frames of two seeds, and references of the one in the middle."""

    def make(options, folder=None):
        folder = folder or tmp_path_factory.mktemp("shot") / "shot"
        done = run_sample(scenes.moving, 2, folder, frames=FRAMES, reference_spp=2, reference_frames=(3,), size=SIZE, **options)
        assert read_manifest(folder)["settings"]["use_motion_blur"] == (options is BLURRED)
        return folder, *done

    return make


@pytest.fixture(scope="module")
def blurred(render):
    return render(BLURRED)[0]


@pytest.fixture(scope="module")
def sharp(render):
    return render(SHARP)[0]


@pytest.fixture(params=["blurred", "sharp"])
def shot(request):
    return request.getfixturevalue(request.param)


def read(folder, frame, seed=1):
    return read_frame(folder / FrameName("v000", frame, "s", seed, 2).filename, ("albedo", "normal", "depth", "vector"))


@pytest.mark.parametrize("forward", [True, False])
def test_the_vectors_lead_to_the_same_surface_in_the_frames_beside(shot, forward):
    """Albedo of the neighbour, brought here, is much more like that of the frame itself, where it can be seen at all."""
    for one, other in zip(FRAMES[:-1] if forward else FRAMES[1:], FRAMES[1:] if forward else FRAMES[:-1], strict=True):
        here, there = read(shot, one), read(shot, other)
        assert here.vector.shape == (*SIZE[::-1], 4) and np.abs(here.vector).max() > 1
        rows, columns, trust = follow([here.vector, there.vector], forward)
        before = ((there.albedo - here.albedo) ** 2).mean(-1)
        after = ((warp(there.albedo, rows, columns) - here.albedo) ** 2).mean(-1)
        assert trust.mean() > 0.4
        assert (trust * after).sum() < 0.5 * (trust * before).sum()


def test_all_seeds_of_a_frame_have_the_same_motion(shot):
    """But for the noise of which surface a pixel at an edge shows."""
    for frame in FRAMES:
        one, two = (read(shot, frame, seed).vector for seed in (1, 2))
        assert np.median(np.abs(one - two)) < 0.05


def test_frames_do_not_have_each_others_vectors(shot):
    """What leaves a frame arrives in the next one."""
    for one, other in zip(FRAMES, FRAMES[1:], strict=False):
        here, there = read(shot, one), read(shot, other)
        trust = follow([here.vector, there.vector], True)[2]
        assert (trust > 0.8).mean() > (follow([here.vector, here.vector], True)[2] > 0.8).mean() - 0.1


def test_nothing_but_the_datasets_files_is_left(shot):
    """The renders for the vectors alone are gone, and everything else is where it should be."""
    pairs = find_pairs(shot)
    assert [(pair.frame, len(pair.noisy), len(pair.references)) for pair in pairs] == [(2, 2, 0), (3, 2, 2), (4, 2, 0)]
    files = {path.name for pair in pairs for path in (*pair.noisy, *pair.references)}
    assert {path.name for path in shot.iterdir()} == {*files, "manifest.json"}


def test_references_can_be_read_with_or_without_vectors(shot):
    """Nobody asks them: in blurred frames they may be missing or empty."""
    for path in find_pairs(shot)[1].references:
        assert np.isfinite(read_frame(path, ("albedo", "normal", "depth")).color).all()


def test_vectors_change_nothing_else_of_a_blurred_frame(scenes, run_sample, blurred, tmp_path):
    """A frame rendered alone and one whose vectors were rendered between others have the same picture and guides."""
    run_sample(scenes.moving, 2, tmp_path / "alone", frames=(4,), size=SIZE, **BLURRED)
    one, other = read(blurred, 4), read(tmp_path / "alone", 4)
    assert all(np.array_equal(one[name], other[name]) for name in ("color", "albedo", "normal", "depth"))
    assert np.median(np.abs(one.vector - other.vector)) < 0.05


def test_an_interrupted_blurred_shot_gets_its_vectors_when_it_goes_on(render, blurred, tmp_path):
    """One seed of one frame is missing; it comes back with vectors, and the others are left alone."""
    folder, before = tmp_path / "again", read(blurred, 3, seed=2)
    folder.mkdir()
    for path in blurred.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    (folder / FrameName("v000", 3, "s", 2, 2).filename).unlink()
    _, done, recorder = render(BLURRED, folder)
    assert done.jobs == 1 and recorder.total == recorder.done == 2
    after = read(folder, 3, seed=2)
    assert np.array_equal(after.color, before.color) and np.median(np.abs(after.vector - before.vector)) < 0.05


def test_a_still_has_vectors_that_are_zero(noisy):
    """Nothing moves there."""
    assert np.abs(read_frame(next(noisy.glob("*_s0001_*.exr")), ("vector",)).vector).max() < 1e-3

"""Whatever animates render settings loses against the options of the command; a render that did not follow is an error."""

import json

import numpy as np
import pytest

from n2n_render.errors import N2NError
from n2n_render.io.dataset import FrameName
from n2n_render.io.exr import ExrImage, read_frame
from n2n_render.sample.launch import WORKER
from n2n_render.sample.sampling import check_seeds

pytestmark = pytest.mark.blender

KINDS = ("action", "nla", "meta", "layers", "drivers", "tweaked", "through_a_node")


@pytest.fixture(scope="module")
def animated(in_blender, tmp_path_factory):
    path = tmp_path_factory.mktemp("animated") / "animated.blend"
    in_blender("blender_animated.py", str(path))
    return path


@pytest.fixture(scope="module")
def still(animated, run_sample, tmp_path_factory):
    """The same scene without any animation."""
    folder = tmp_path_factory.mktemp("still") / "set"
    return folder, run_sample(animated, 2, folder, scene_name="still", frames=(1, 2))[0]


def color(folder, seed, frame=1, spp=2):
    return read_frame(folder / FrameName("v000", frame, "s", seed, spp).filename, ("albedo", "vector")).color


@pytest.mark.parametrize("scene", KINDS)
def test_animated_settings_lose(animated, still, run_sample, tmp_path, scene):
    """Pixel for pixel the scene that has no animation, and the manifest's settings too; a warning says so."""
    folder, plain = still
    done, recorder = run_sample(animated, 2, tmp_path / "set", scene_name=scene, frames=(1, 2))
    for frame in (1, 2):
        for seed in (1, 2):
            assert np.array_equal(color(tmp_path / "set", seed, frame), color(folder, seed, frame))
    assert done.manifest["settings"] == plain.manifest["settings"] and done.manifest["size"] == plain.manifest["size"]
    assert ["held still" in warning and "cycles.seed" in warning for warning in recorder.warnings] == [True]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("cycles.samples", 3),
        ("cycles.seed", 5),
        ("cycles.sample_offset", 0),
        ("cycles.use_denoising", 1),
        ("cycles.use_adaptive_sampling", 1),
        ("cycles.max_bounces", 1),
    ],
)
def test_a_render_with_other_settings_is_refused_with_their_names(animated, in_blender, tmp_path, path, value):
    """Here what holds animation still has not seen it, as with whatever a later Blender may bring."""
    in_blender(
        "blender_overruled.py",
        json.dumps(
            {
                "scene": str(animated),
                "worker": str(WORKER.parent),
                "path": path,
                "value": value,
                "answer": str(tmp_path / "answer"),
            }
        ),
    )
    said = (tmp_path / "answer").read_text()
    assert f"{path.rpartition('.')[2]} {'True' if 'use_' in path else value} instead of" in said and "animates" in said


def test_seeds_that_are_the_same_are_refused(still, tmp_path):
    """Bit-identical noise is an error that names both files."""
    folder, _ = still
    first, second = (tmp_path / FrameName("v000", 1, "s", seed, 2).filename for seed in (1, 2))
    first.write_bytes((folder / first.name).read_bytes())
    second.write_bytes((folder / first.name).read_bytes())
    with pytest.raises(N2NError, match="same noise") as caught:
        check_seeds(first, second)
    assert first.name in str(caught.value) and second.name in str(caught.value)
    check_seeds(folder / first.name, folder / second.name)


def test_frames_without_noise_are_sampled(animated, run_sample, tmp_path):
    """Black from edge to edge: both seeds are the same, and that is no error."""
    run_sample(animated, 2, tmp_path / "set", scene_name="black")
    one, two = (color(tmp_path / "set", seed) for seed in (1, 2))
    assert np.array_equal(one, two) and one.max() == 0


def test_the_header_says_what_counted(still):
    """Blender's own word for the number of samples, and ours for the seed."""
    for seed in (1, 2):
        header = ExrImage.open(still[0] / FrameName("v000", 1, "s", seed, 2).filename).parts[0][0]
        assert [value for key, value in header.items() if key.endswith(".samples")][0] in ("2", "4")
        assert json.loads(header["Note"])["spp"] == 2

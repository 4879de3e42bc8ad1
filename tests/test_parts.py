"""Parts of one render of a real scene: as good together as one render, and decorrelated before one judges another."""

import json

import numpy as np
import pytest
from adapt_fixtures import adapt

from n2n_render.engines.options import EngineOptions
from n2n_render.evaluate import EvaluateOptions, evaluate
from n2n_render.frame.frame import mean_frame
from n2n_render.frame.independence import noise_free
from n2n_render.frame.metrics import psnr
from n2n_render.frame.transfer import exposure
from n2n_render.guides.decorrelator import Decorrelator
from n2n_render.io.exr import read_frame
from n2n_render.io.renders import are_parts, read_group
from n2n_render.judge.error import DIFFERENCE_TO_ERROR

pytestmark = pytest.mark.blender
FEATURES = "albedo", "normal"


@pytest.fixture(scope="module")
def sky(scenes, run_sample, tmp_path_factory):
    """Under open sky, 160×90, twice 8 samples: "parts" of one render, with references, and seeds of their "own"."""
    folder = tmp_path_factory.mktemp("sky")
    wanted = {"scene_name": "Other", "size": (160, 90)}
    run_sample(scenes.moving, 8, folder / "parts", reference_spp=256, **wanted)
    run_sample(scenes.moving, 8, folder / "own", parts=False, **wanted)
    return folder


def files(folder):
    return sorted(folder.glob("*_s*.exr"))


def references(sky):
    """Exposed radiance, and the exposure in it."""
    halves = [read_frame(path).color for path in sorted((sky / "parts").glob("*_r*.exr"))]
    factor = exposure(np.mean(halves, axis=0))
    return [half * factor for half in halves], factor


def noise_correlation(colors, halves):
    """Of noise of usual size, as a part of the light; each color is held against another reference half."""
    noise = [np.clip((color - half) / (half + 0.1), -0.5, 0.5).ravel() for color, half in zip(colors, halves, strict=True)]
    return np.corrcoef(noise)[0, 1]


def test_the_mean_of_parts_is_better_than_that_of_seeds(sky):
    """As good as one render of all samples; the same samples of two seeds are not spread over each other's gaps."""
    (one, two), factor = references(sky)
    found = {}
    for kind in ("parts", "own"):
        mean = mean_frame(read_group(files(sky / kind), None, FEATURES)).color
        found[kind] = psnr(image=mean * factor, reference_a=one, reference_b=two)
    assert found["parts"] > found["own"] + 0.2


def test_decorrelated_parts_are_as_independent_renders(sky):
    """Against the references, which the measurement has not seen."""
    halves, factor = references(sky)
    assert are_parts(files(sky / "parts"))
    frames = read_group(files(sky / "parts"), None, FEATURES)
    done = Decorrelator(FEATURES, engine=EngineOptions("cpu", "oidn"))(files(sky / "parts"), frames)
    before, after = (noise_correlation([frame.color * factor for frame in each], halves) for each in (frames, done))
    assert before < -0.05
    assert abs(after) < 0.5 * abs(before)
    np.testing.assert_allclose(mean_frame(done).color, mean_frame(frames).color, rtol=1e-4, atol=1e-5)
    assert np.array_equal(noise_free(done), noise_free(frames))
    assert all(np.array_equal(one["albedo"], two["albedo"]) for one, two in zip(done, frames, strict=True))


def test_independent_renders_are_returned_as_they_are(sky):
    """Without opening any network."""
    frames = read_group(files(sky / "own"), None, FEATURES)
    decorrelate = Decorrelator(FEATURES)
    assert all(one is two for one, two in zip(decorrelate(files(sky / "own"), frames), frames, strict=True))
    assert "_judging" not in vars(decorrelate)


def test_of_parts_adapt_expects_the_usual_error(sky, tmp_path):
    """How large it is hangs on a correlation that cannot be measured so well; of independent renders it is measured."""
    ratios = {}
    for kind in ("parts", "own"):
        done = adapt(sky / kind, tmp_path / kind, "oidn-small")
        assert done.exit_code == 0, done.output
        ratios[kind] = json.loads((tmp_path / kind / "report.json").read_text())["error_ratio"]
    assert ratios["parts"] == DIFFERENCE_TO_ERROR != ratios["own"]


def test_the_rival_of_parts_is_one_render_of_all_samples(sky, tmp_path):
    """Nothing more is to be rendered for an honest comparison."""
    shown = {}
    for kind in ("parts", "own"):
        folder = tmp_path / kind
        folder.mkdir()
        for path in [*(sky / kind).iterdir(), *(sky / "parts").glob("*_r*.exr")]:
            (folder / path.name).write_bytes(path.read_bytes())
        done = evaluate(EvaluateOptions(data=(str(folder),), out=str(tmp_path / f"{kind} pictures")))
        shown[kind] = done
    assert list(shown["parts"].mean) == ["noisy, one part", "noisy, one render of 16", "OIDN, one render of 16"]
    assert list(shown["own"].mean) == ["noisy, one seed", "noisy, mean of 2", "OIDN, mean of 2"]
    assert shown["parts"].missing_rival is None and "--seeds 1" in shown["own"].missing_rival

"""A channel of a package as Blender renders it: an AOV that `sample --passes scene` keeps."""

import json

import numpy as np
import pytest

from n2n_render import plugins
from n2n_render.io.exr import ExrImage
from n2n_render.train.pairs import features_of

CODE = 'from n2n_render.frame.channels import Channel, Kind\nROW = Channel("roughness", Kind.COVERAGE, 1)'


@pytest.mark.blender
def test_an_aov_of_that_name_is_the_guide(bring, scenes, in_blender, run_sample, tmp_path):
    rough = tmp_path / "rough.blend"
    in_blender("blender_roughness.py", json.dumps([str(scenes.demo), str(rough)]))
    run_sample(rough, 1, tmp_path / "data", size=(32, 18), views=1, passes="scene")
    assert features_of([str(tmp_path / "data")]) == ("albedo", "normal", "depth")
    bring(plugins.CHANNELS, "roughness", CODE)
    assert features_of([str(tmp_path / "data")]) == ("albedo", "normal", "depth", "roughness")
    image = ExrImage.open(next(iter(sorted((tmp_path / "data").glob("*.exr")))))
    found = image.frame(features=("roughness",))["roughness"]
    assert found.shape == (18, 32, 1) and found.max() == pytest.approx(0.25, abs=1e-3) and found.min() >= 0
    assert np.median(found) == pytest.approx(0.25, abs=1e-3)

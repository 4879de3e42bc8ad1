"""serve: what strengths can be given for (`masks`), and `strengths` of `denoise`, `frames` and `adapt`."""

import numpy as np
import pytest
from layouts import planes
from masks import EDGE, GRASS, ROCK, SIZE, crypto, cycles, told
from serve_fixtures import denoise

from n2n_render.io.exr import ExrImage

LAYER = "ViewLayer"


def two_lists(path, seed=1):
    more = [crypto(f"{LAYER}.CryptoMaterial"), planes(f"{LAYER}.haze", np.full((*SIZE, 1), 0.5, np.float32), "X")]
    header = told(f"{LAYER}.CryptoMaterial", "7654321", manifest=("stone", "leaf"))
    return cycles(path, *more, seed=seed, header=header, manifest=(ROCK, GRASS))


@pytest.mark.slow
def test_what_can_be_named_is_listed_by_layer(served, tmp_path):
    served.ask(id=1, do="masks", input=str(two_lists(tmp_path / "a.exr")))
    found, _ = served.last(1)
    names = {"object": [GRASS, ROCK], "material": ["leaf", "stone"], "passes": ["haze"]}
    assert found == {"id": 1, "event": "done", "layers": {LAYER: names}}
    served.ask(id=2, do="masks", input=str(tmp_path / "none.exr"))
    assert served.last(2)[0]["event"] == "error"


@pytest.mark.slow
def test_denoise_and_frames_leave_what_is_named(served, tmp_path):
    path = two_lists(tmp_path / "a.exr")
    noisy = ExrImage.open(path).shown_color(LAYER)
    for identity, request in enumerate(
        (
            denoise(path, output=str(tmp_path / "one.exr"), engine="oidn"),
            {**denoise(path), "do": "frames", "inputs": [str(path)], "output": str(tmp_path / "out"), "engine": "oidn"},
        )
    ):
        if request["do"] == "frames":
            del request["input"]
        served.ask(id=identity, **request, strengths={GRASS: 0})
        found, _ = served.last(identity)
        assert found["event"] == "done", found
        clean = ExrImage.open(found.get("outputs", [tmp_path / "one.exr"])[0]).shown_color(LAYER)
        assert np.array_equal(clean[:, :EDGE], noisy[:, :EDGE]) and not np.allclose(clean[:, EDGE + 1 :], noisy[:, EDGE + 1 :])


@pytest.mark.slow
def test_a_name_that_is_not_there_is_an_error_before_anything_is_written(served, tmp_path):
    path = two_lists(tmp_path / "a.exr")
    served.ask(id=1, **denoise(path, output=str(tmp_path / "out.exr"), strengths={"gras": 0.5}))
    found, _ = served.last(1)
    assert found["event"] == "error" and "gras" in found["what"] and "grass" in found["hint"]
    assert not (tmp_path / "out.exr").exists()

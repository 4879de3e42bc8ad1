"""The same pixels under any renderer's names are the same frame, and come back the same."""

from functools import lru_cache

import numpy as np
import pytest
from layouts import LAYOUTS

from n2n_render.denoise import load_denoiser
from n2n_render.engines.options import EngineOptions
from n2n_render.frame.channels import FEATURES
from n2n_render.frame.frame import Frame
from n2n_render.io.exr import ExrImage, write_frame
from n2n_render.renderers.detect import DIALECTS

MODELS = {("albedo", "normal"): "oidn-small", ("albedo",): "oidn-albedo", (): "oidn-color"}


@lru_cache
def denoiser(name):
    return load_denoiser(name, EngineOptions("cpu", "torch"), prefilter=False)


def write_pair(folder, layout) -> tuple[ExrImage, ExrImage]:
    """The renderer's file, and the same pixels under Blender's names."""
    frame = layout.frame()
    theirs = ExrImage.open(layout.write(folder / "theirs.exr", frame))
    kept = {name: frame[name] for name in layout.has}
    alpha = frame.alpha if theirs.find(theirs.layer(None), "alpha") else None
    write_frame(folder / "blender.exr", Frame(frame.color, alpha=alpha, **kept))
    return theirs, ExrImage.open(folder / "blender.exr")


def test_every_table_has_a_file_here():
    assert {layout.dialect for layout in LAYOUTS.values()} == {dialect.name for dialect in DIALECTS}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_the_same_pixels_are_the_same_frame(tmp_path, layout):
    theirs, ours = write_pair(tmp_path, layout)
    assert theirs.dialect.name == layout.dialect
    layer = theirs.layer(None)
    found = tuple(name for name in theirs.available(layer) if name in FEATURES)
    assert found == layout.has
    read, wanted = theirs.frame(None, found), ours.frame(None, found)
    assert list(read) == list(wanted)
    for name in wanted:
        np.testing.assert_array_equal(read[name], wanted[name], err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_the_same_pixels_are_denoised_alike_and_all_else_stays(tmp_path, layout):
    theirs, ours = write_pair(tmp_path, layout)
    features = next(features for features in MODELS if set(features) <= set(layout.has))
    model, pictures = denoiser(MODELS[features]), []
    for image in (theirs, ours):
        layer = image.layer(None, features)
        frame = image.frame(layer, features)
        picture = model.denoise(frame)
        image.replace_color(layer, picture, frame.color, model.alpha(frame))
        image.write(tmp_path / "out.exr")
        pictures.append(picture)
    assert pictures[0].tobytes() == pictures[1].tobytes() and not np.array_equal(pictures[0], frame.color)

    layer = theirs.layer(None)
    written = {*theirs.find(layer, "picture"), *(theirs.find(layer, "alpha") or ())}
    theirs.write(tmp_path / "out.exr")
    before, after = ExrImage.open(tmp_path / "theirs.exr"), ExrImage.open(tmp_path / "out.exr")
    assert after.dialect is before.dialect and after.layers == before.layers
    for index, (header, channels) in enumerate(before.parts):
        kept = after.parts[index][0]
        assert {key: str(value) for key, value in header.items() if key != "channels"} == {
            key: str(value) for key, value in kept.items() if key != "channels"
        }
        for name, channel in channels.items():
            pixels = after.parts[index][1][name].pixels
            assert pixels.dtype == channel.pixels.dtype
            if (index, name) not in written:
                assert pixels.tobytes() == channel.pixels.tobytes(), name
    dtype = after.parts[0][1][after.find(layer, "picture")[0][1]].pixels.dtype if len(after.parts) == 1 else np.float32
    np.testing.assert_array_equal(after.picture(layer)[..., :3], pictures[0].astype(dtype))
    noisy = [name for _, channels in after.parts for name in channels if "Noisy." in name]
    assert len(noisy) == 3 and np.array_equal(after.pixels(sorted(noisy, key=lambda name: "RGB".index(name[-1]))), frame.color)

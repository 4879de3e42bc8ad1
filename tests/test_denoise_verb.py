"""`denoise` as a function: options in, a typed result out; and the way that all callers go over a file's layers."""

import subprocess
import sys
from contextlib import contextmanager
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from conftest import noisy_frame, true_frame

from n2n_render.denoise import Denoised, DenoiseOptions, PictureOptions, denoise
from n2n_render.denoise.layers import denoise_layers, put_layer
from n2n_render.denoise.passes import Painted
from n2n_render.denoise.renders import LayerRender
from n2n_render.engines.options import EngineOptions
from n2n_render.errors import N2NError
from n2n_render.frame.frame import Frame
from n2n_render.io.exr import ExrImage, read_frame, write_frame

QUICK = EngineOptions("cpu", "oidn")
MODEL = "oidn-small-noisy-aux"
SIZE = (48, 64)


class Recorder:
    """A Progress that remembers."""

    def __init__(self):
        self.total, self.done, self.finished, self.notes = 0.0, 0.0, 0, []

    def start(self, total, count=0):
        self.total = total

    def advance(self, amount, text="", finished=True):
        self.done, self.finished = self.done + amount, self.finished + finished

    def note(self, message):
        self.notes.append(message)

    def warn(self, message):
        self.notes.append(message)


@pytest.fixture
def folder(tmp_path):
    for number in (1, 2):
        write_frame(tmp_path / f"in/f_{number:04d}.exr", noisy_frame(true_frame(*SIZE, number), number))
    return tmp_path


def test_a_program_denoises_without_a_command_line(folder):
    recorder, titles = Recorder(), []

    @contextmanager
    def reporter(title):
        titles.append(title)
        yield recorder

    options = DenoiseOptions((str(folder / "in"),), str(folder / "out"), MODEL, prefilter=True, engine=QUICK)
    done = denoise(options, reporter)
    outputs = tuple(folder / "out" / f"f_{number:04d}.exr" for number in (1, 2))
    assert done == Denoised(outputs, done.engine, True, (MODEL, MODEL))
    assert "OIDN" in done.engine and titles == ["denoising"] and done.engine in recorder.notes[0]
    assert recorder.finished == recorder.total == 2 and recorder.done == pytest.approx(2)
    for path in done.outputs:
        before, after = read_frame(folder / "in" / path.name).color, read_frame(path).color
        assert after.std() < before.std()


def test_it_is_silent_by_default_and_takes_paths(folder, capsys):
    done = denoise(DenoiseOptions([folder / "in/f_0001.exr"], folder / "clean.exr", MODEL, engine=QUICK))
    assert done.outputs == (folder / "clean.exr",) and not done.prefiltered
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "wrong, says",
    [
        ({"inputs": ()}, "no file"),
        ({"average": 3}, "average"),
        ({"shots": ((9, 2),)}, "shot"),
        ({"model": None}, "model"),
        ({"prefilter": "yes"}, "prefilter"),
    ],
)
def test_options_are_checked_where_they_are_made(wrong, says):
    with pytest.raises(N2NError, match=says):
        DenoiseOptions(**{"inputs": ("a.exr",), "output": "b.exr", "model": MODEL, **wrong})


def test_options_of_pictures_and_engines_are_checked_too_and_frozen():
    with pytest.raises(N2NError, match="strength"):
        PictureOptions(strength=1.5)
    for wrong in ({"engine": "tensorrt"}, {"precision": "double"}, {"tile_px": 8}, {"device": None}):
        with pytest.raises(N2NError, match=next(iter(wrong))):
            EngineOptions(**wrong)
    with pytest.raises(FrozenInstanceError):
        QUICK.device = "cuda"


def test_options_load_no_torch():
    code = (
        "import sys; from n2n_render.denoise import DenoiseOptions; from n2n_render.engines.options import EngineOptions; "
        f"DenoiseOptions(('a.exr',), 'b.exr', {MODEL!r}); print('torch' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["False"]


def grey(render, on_fraction):
    """A painter: any function that gives a picture."""
    on_fraction(0.5)
    on_fraction(1.0)
    return Painted(np.full_like(render.frame.color, 0.25))


def no_alpha(frame, still):
    return None


def test_any_painter_can_paint_the_layers_of_a_file(tmp_path):
    """Black layers and still pixels are not its business."""
    frame = noisy_frame(true_frame(*SIZE), 1)
    write_frame(tmp_path / "a.exr", frame)
    image = ExrImage.open(tmp_path / "a.exr")
    still = np.zeros(SIZE, bool)
    still[:10] = True
    told, done, painted = [], [], []

    def paint(render, on_fraction):
        painted.append(render.layer)
        return grey(render, on_fraction)

    denoise_layers(
        image,
        [LayerRender("ViewLayer", frame, still)],
        paint,
        no_alpha,
        PictureOptions(keep_noisy=True),
        on_fraction=told.append,
        on_layer=lambda render: done.append((render.layer, image.picture(render.layer)[20, 20, 0])),
    )
    assert told == [0.5, 1.0] and done == [("ViewLayer", 0.25)] and painted == ["ViewLayer"]
    picture = image.picture("ViewLayer")[..., :3]
    np.testing.assert_array_equal(picture[:10], frame.color[:10])
    assert (picture[10:] == 0.25).all()
    np.testing.assert_array_equal(image.pixels([f"ViewLayer.Noisy.{letter}" for letter in "RGB"]), frame.color)
    black = Frame(np.zeros((*SIZE, 3), np.float32))
    denoise_layers(image, [LayerRender("ViewLayer", black)], paint, no_alpha, on_fraction=told.append)
    assert painted == ["ViewLayer"] and told[-1] == 1.0 and not image.picture("ViewLayer")[..., :3].any()


def test_what_was_not_rendered_stays_empty_and_the_painters_array_is_not_changed(tmp_path):
    alpha = np.ones((*SIZE, 1), np.float32)
    alpha[:, :20] = 0
    frame = noisy_frame(true_frame(*SIZE), 1).with_channels(alpha=alpha)
    frame.color[:, :20] = 0
    write_frame(tmp_path / "a.exr", frame)
    image, color = ExrImage.open(tmp_path / "a.exr"), np.full_like(frame.color, 0.25)
    put_layer(image, LayerRender("ViewLayer", frame, np.ones(SIZE, bool)), Painted(color), no_alpha)
    put_layer(image, LayerRender("ViewLayer", frame), Painted(color), no_alpha)
    picture = image.picture("ViewLayer")
    assert not picture[:, :20].any() and (picture[:, 20:, :3] == 0.25).all() and (color == 0.25).all()

"""`import n2n_render as n2n`: light to import, clear about what it is given, the same as the command line."""

import doctest
import importlib
import inspect
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import noisy_frame, true_frame

import n2n_render as n2n
from n2n_render import api, loaded, parts
from n2n_render.denoise import load_any, load_denoiser
from n2n_render.engines.options import EngineOptions
from n2n_render.errors import N2NError
from n2n_render.io.exr import ExrImage, read_frame
from n2n_render.io.exr_parts import write_image

ROOT = Path(__file__).parents[1]
VERBS = ("adapt", "denoise", "evaluate", "sample", "train")
FAST = {"model": "oidn-small", "device": "cpu", "engine": "oidn"}


@pytest.fixture
def noisy():
    return noisy_frame(true_frame(48, 64), 1)


@pytest.mark.slow
def test_the_examples_in_the_documentation_are_true():
    found = [doctest.testmod(module) for module in (api, loaded, parts)]
    assert sum(result.attempted for result in found) > 30 and not any(result.failed for result in found)


def test_importing_it_is_light_and_tells_what_there_is():
    code = (
        "import sys, n2n_render as n2n; print(sorted({'torch', 'OpenEXR', 'numpy', 'click'} & set(sys.modules))); "
        "print(set(n2n.__all__) <= set(dir(n2n)), all(callable(getattr(n2n, name)) for name in n2n.__all__)); "
        "print('torch' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.split("\n")[:2] == ["[]", "True True"]
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = n2n.nothing


@pytest.mark.slow
@pytest.mark.parametrize("first", ["import n2n_render.{0}.{1}", "import n2n_render; n2n_render.{0}", "pass"])
@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_is_a_function_and_a_folder_whichever_comes_first(verb, first):
    module = "files" if verb == "denoise" else "options"
    code = (
        f"{first.format(verb, module)}\nimport n2n_render as n2n\nfrom n2n_render.{verb} import {module}\n"
        f"assert callable(n2n.{verb}) and n2n.{verb}.{module} is {module}"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_shows_the_signature_and_the_text_of_its_function(verb):
    folder, function = getattr(n2n, verb), getattr(api, verb)
    assert inspect.signature(folder) == inspect.signature(function) and folder.__doc__ == function.__doc__
    assert pickle.loads(pickle.dumps(folder)) is folder is importlib.import_module(f"n2n_render.{verb}")


@pytest.mark.slow
def test_denoising_is_what_the_command_line_does(noisy):
    expected = load_denoiser("oidn-small", EngineOptions("cpu", "oidn")).denoise(noisy)
    by_frame = n2n.denoise(noisy, **FAST)
    by_array = n2n.denoise(noisy.color, noisy.albedo, noisy.normal, **FAST)
    np.testing.assert_array_equal(by_frame, expected)
    np.testing.assert_array_equal(by_array, expected)
    assert expected.dtype == np.float32 and n2n.psnr(by_frame, true_frame(48, 64)) > n2n.psnr(noisy, true_frame(48, 64)) + 5


@pytest.mark.slow
def test_light_groups_of_arrays_add_up_to_the_picture(noisy):
    """The same as of a file; a model that is loaded takes them, too."""
    share = np.linspace(0, 1, noisy.width, dtype=np.float32)[None, :, None]
    light = {"key": share * noisy.color, "fill": noisy.color - share * noisy.color}
    picture, clean = n2n.denoise_light(noisy, light, **FAST)
    assert list(clean) == ["key", "fill"]
    np.testing.assert_allclose(clean["key"] + clean["fill"], picture, rtol=1e-3, atol=1e-5)
    again, _ = n2n.denoise_light(
        noisy.color, light, noisy.albedo, noisy.normal, n2n.load_model(FAST["model"], device="cpu", engine="oidn")
    )
    np.testing.assert_allclose(again, picture, rtol=1e-4, atol=1e-6)
    with pytest.raises(N2NError, match="the pass 'key' is"):
        n2n.denoise_light(noisy, {"key": light["key"][:-1]}, **FAST)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f4"])
def test_every_float_type_and_any_memory_order_is_taken_and_left_as_it_is(noisy, dtype):
    given = np.asfortranarray(noisy.color.astype(dtype))
    before = given.copy()
    clean = n2n.denoise(given, **FAST)
    assert clean.dtype == np.float32 and clean.shape == given.shape
    np.testing.assert_array_equal(given, before)
    np.testing.assert_array_equal(clean, n2n.denoise(before.astype(np.float32), **FAST))


@pytest.mark.slow
def test_open_image_denoise_takes_the_guides_that_there_are(noisy):
    for guides, name in (((), "oidn-small-color"), (("albedo",), "oidn-small-albedo")):
        given = n2n.Frame(noisy.color, **{guide: noisy[guide] for guide in guides})
        expected = n2n.load_model(name, device="cpu", engine="oidn")(given)
        np.testing.assert_array_equal(n2n.denoise(given, **FAST), expected)
    with pytest.raises(N2NError, match="the model oidn-noisy-aux needs albedo and normal"):
        n2n.denoise(noisy.color, model="oidn-noisy-aux")


@pytest.mark.parametrize(
    "image, says",
    [
        (np.ones((4, 5), np.float32), "(4, 5), but must have (height, width, 3)"),
        (np.ones((4, 5, 4)), "image[..., :3]"),
        (np.ones((3, 4, 5)), "transpose(1, 2, 0)"),
        (np.ones((1, 4, 5, 3)), "one image at a time"),
        (np.ones((0, 5, 3)), "(0, 5, 3)"),
        (np.ones((4, 5, 3), np.uint8), "uint8"),
        (np.ones((4, 5, 3), int), "int64"),
        (np.ones((4, 5, 3), complex), "complex128"),
        (np.array([[["a"] * 3]]), "<U1"),
        (np.full((4, 5, 3), np.nan), "20 pixel(s)"),
        (np.full((4, 5, 3), 1e300), "20 pixel(s)"),
        (None, "()"),
        ([[1.0], [1.0, 2.0]], "cannot be read as an array"),
        ("frame.exr", "is a path"),
        (Path("frame.exr"), "n2n.read(path)"),
        (n2n.Frame(np.ones((4, 5, 3)), albedo=np.ones((4, 6, 3))), "the image is 5×4, but its albedo is 6×4"),
        (n2n.Frame(np.ones((4, 5, 3)), depth=np.full((4, 5, 1), np.nan)), "depth holds 20 pixel(s)"),
        (n2n.Frame(np.ones((4, 5, 3)), normal=np.ones((4, 5, 4))), "normal has the shape (4, 5, 4)"),
    ],
)
def test_what_is_no_image_is_one_sentence_with_a_hint(image, says):
    with pytest.raises(N2NError) as error:
        n2n.denoise(image, **FAST)
    assert says in str(error.value) and error.value.hint


def test_an_endless_background_is_no_error(noisy):
    assert np.isinf(noisy.depth).any()
    n2n.denoise(noisy, **FAST)


@pytest.mark.slow
def test_models_are_loaded_once_and_again_when_their_file_changes(tmp_path, monkeypatch):
    import shutil

    from n2n_render.export import ExportOptions, export

    loads = []
    monkeypatch.setattr("n2n_render.denoise.load_any", lambda *a, **k: loads.append(a) or load_any(*a, **k))
    image = np.ones((16, 16, 3))
    n2n.write(tmp_path / "frame.exr", np.ones((32, 32, 3)))
    for name, to in (("oidn-small-color", "small.tza"), ("oidn-color", "base.tza")):
        export(ExportOptions(name, "tza", str(tmp_path / to), check=str(tmp_path / "frame.exr")))
    for to in ("small", "base"):
        for suffix in (".tza", ".tza.json"):
            shutil.copy(tmp_path / f"{to}{suffix}", tmp_path / f"now{suffix}")
        for _ in range(3):
            n2n.denoise(image, model=tmp_path / "now.tza", device="cpu", engine="oidn")
    assert len(loads) == 2


@pytest.mark.slow
def test_a_model_is_used_by_many_threads_at_once(noisy):
    from concurrent.futures import ThreadPoolExecutor

    model = n2n.load_model("oidn-small", device="cpu")
    frames = [noisy_frame(true_frame(48, 64, seed), seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(model, frames))
    for frame, image in zip(frames, together, strict=True):
        np.testing.assert_array_equal(image, model(frame))
    with pytest.raises(N2NError, match="device is decided where the model is loaded"):
        n2n.denoise(noisy, model=model, device="cpu")


def test_writing_like_a_file_keeps_everything_else(make_dataset, tmp_path):
    source = make_dataset(views=1) / "v000_f0001_s0001_0008spp.exr"
    clean = np.full((48, 64, 3), 0.25)
    n2n.write(tmp_path / "new" / "clean.exr", clean, like=source)
    before, after = ExrImage.open(source), ExrImage.open(tmp_path / "new" / "clean.exr")
    for (_, old), (_, new) in zip(before.parts, after.parts, strict=True):
        assert list(old) == list(new)
        for name in old:
            same = np.array_equal(old[name].pixels, new[name].pixels)
            assert same == (".Combined." not in name), name
    assert (n2n.read(tmp_path / "new" / "clean.exr").color == 0.25).all()
    for path, image, says in (
        (source, clean, "the noisy original would be lost"),
        (tmp_path / "b.exr", clean[:, :60], "60×48"),
    ):
        with pytest.raises(N2NError, match=says):
            n2n.write(path, image, like=source)


def test_what_is_written_is_read_again(noisy, tmp_path):
    frame = noisy.with_channels(alpha=np.full((48, 64, 1), 0.5, np.float32))
    n2n.write(tmp_path / "a.exr", frame)
    again = n2n.read(tmp_path / "a.exr")
    assert set(again) == set(frame)
    for name in frame:
        np.testing.assert_array_equal(again[name], frame[name])
    np.testing.assert_array_equal(read_frame(tmp_path / "a.exr", ("albedo",)).albedo, noisy.albedo)


def test_reading_gives_the_noisy_picture_or_the_one_that_the_file_shows(tmp_path):
    """Where Cycles denoised the frame itself, both are there."""
    planes = {
        f"Layer.{name}.{letter}": np.full((4, 6), value, np.float32)
        for name, value in (("Combined", 0.5), ("Noisy Image", 0.75))
        for letter in "RGB"
    }
    write_image(tmp_path / "both.exr", planes)
    assert (n2n.read(tmp_path / "both.exr").color == 0.75).all()
    n2n.write(tmp_path / "clean.exr", np.full((4, 6, 3), 0.25), like=tmp_path / "both.exr")
    assert (n2n.read(tmp_path / "clean.exr", finished=True).color == 0.25).all()
    assert (n2n.read(tmp_path / "clean.exr").color == 0.75).all()


@pytest.mark.slow
def test_verbs_take_values_or_an_options_object_and_refuse_both(make_dataset, tmp_path):
    from n2n_render.evaluate import EvaluateOptions

    data, out = make_dataset(views=1, references=(0,)), str(tmp_path / "out")
    by_values = n2n.evaluate(data=[str(data)], out=out, oidn=False)
    options = EvaluateOptions(data=(str(data),), out=out, oidn=False)
    assert n2n.evaluate(options) == by_values and by_values.views[0].name == "data/v000_f0001"
    with pytest.raises(N2NError, match="out is given beside an options object"):
        n2n.evaluate(options, out=out)
    with pytest.raises(N2NError, match="unexpected keyword argument 'outs'"):
        n2n.evaluate(outs=out)


@pytest.mark.slow
def test_training_and_its_model_without_the_command_line(make_dataset, tmp_path):
    data = make_dataset()
    run = n2n.train(
        data=[str(data)],
        out=str(tmp_path / "run"),
        features=(),
        steps=2,
        levels=1,
        encoder_width=4,
        decoder_width=4,
        crop_px=16,
    )
    model = n2n.load_model(run.folder, device="cpu")
    assert model.features == () and model(np.ones((20, 30, 3))).shape == (20, 30, 3)


@pytest.mark.slow
@pytest.mark.parametrize("document", ["README.md", "docs/python.md"])
def test_the_five_lines_of_the_documents_run(document, noisy, tmp_path, monkeypatch, capsys):
    text = (ROOT / document).read_text()
    assert set(re.findall(r"(?<!\.)\bn2n\.(\w+)", text)) <= set(n2n.__all__)
    monkeypatch.chdir(tmp_path)
    n2n.write("frame.exr", noisy)
    n2n.write("reference.exr", true_frame(48, 64))
    exec(re.search(r"```python\n(import n2n_render as n2n\n.*?)```", text, re.S)[1], {})
    assert float(capsys.readouterr().out.split()[0]) > 25 and n2n.read("clean.exr").albedo is not None


def test_tensors_that_numpy_cannot_read_are_one_sentence(noisy):
    import torch

    tensor = torch.from_numpy(noisy.color)
    np.testing.assert_array_equal(n2n.denoise(tensor, **FAST), n2n.denoise(noisy.color, **FAST))
    for given in (tensor.bfloat16(), tensor.clone().requires_grad_()):
        with pytest.raises(N2NError, match="cannot be read as an array") as error:
            n2n.denoise(given, **FAST)
        assert "detach().float().cpu().numpy()" in error.value.hint


@pytest.mark.parametrize(
    "call, says",
    [
        (lambda image: n2n.denoise(image, devise="cpu"), "there is no 'devise'"),
        (lambda image: n2n.load_model("oidn", average=3), "average is 3, but must be one of 1, 2, 4, 8"),
        (lambda image: n2n.denoise(image, average=[1]), "average is a list"),
        (lambda image: n2n.denoise(image, model=None), "a model is a name, a path or what load_model returned, not NoneType"),
        (lambda image: n2n.load_model(3), "not int"),
        (lambda image: n2n.read(None), "a path is a text or a pathlib.Path, not NoneType"),
        (lambda image: n2n.write(3, image), "not int"),
        (lambda image: n2n.write("a.exr", image, like=b"b.exr"), "not bytes"),
        (lambda image: n2n.write("clean.png", image), "another kind's name"),
        (lambda image: n2n.adapt("a.exr"), "of type str, but must be AdaptOptions"),
        (lambda image: n2n.sample(spp=8, foo=1), "SampleOptions got an unexpected keyword argument 'foo'"),
    ],
)
def test_what_cannot_be_meant_is_an_error_of_ours(noisy, call, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(N2NError, match=re.escape(says)):
        call(noisy.color)
    assert not list(tmp_path.iterdir())


def test_a_model_can_be_sent_to_another_process(noisy):
    model = n2n.load_model("oidn-small", device="cpu", engine="oidn", average=2)
    again = pickle.loads(pickle.dumps(model))
    assert again.name == model.name and again.runs_on == model.runs_on
    np.testing.assert_array_equal(again(noisy), model(noisy))


def test_a_picture_is_infinitely_near_to_itself(noisy):
    assert n2n.psnr(noisy, noisy.color) == float("inf")


@pytest.mark.slow
def test_denoising_needs_no_torch(noisy, tmp_path):
    n2n.write(tmp_path / "a.exr", noisy)
    code = (
        "import sys; sys.modules['torch'] = None\nimport n2n_render as n2n\nfrom concurrent.futures import ThreadPoolExecutor\n"
        "frame = n2n.read('a.exr')\nwith ThreadPoolExecutor(4) as pool:\n"
        "    images = list(pool.map(lambda _: n2n.denoise(frame, model='oidn-small', device='cpu', engine='oidn'), range(4)))\n"
        "n2n.write('b.exr', images[0], like='a.exr'); print(all((image == images[0]).all() for image in images))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    made = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert made.returncode == 0 and made.stdout == "True\n", made.stderr
    np.testing.assert_array_equal(n2n.read(tmp_path / "b.exr").color, n2n.denoise(noisy, **FAST))

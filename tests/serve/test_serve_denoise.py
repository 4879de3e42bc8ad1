"""serve: `check` and `denoise`, what the command does, for files of every renderer."""

import os

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import noisy_frame, true_frame
from layouts import LAYOUTS, make_frame, one, planes, write_parts
from serve_fixtures import denoise, picture

from n2n_render.cli.commands import main
from n2n_render.frame.frame import Frame
from n2n_render.io.exr import ExrImage, write_frame


@pytest.mark.slow
def test_denoise_is_what_the_command_does(served, noisy_file, tmp_path):
    """Bit for bit, in the file and in the pictures."""
    served.ask(id="a", **denoise(noisy_file, output=str(tmp_path / "out.exr"), pictures=str(tmp_path), engine="oidn"))
    found, before = served.last("a")
    assert found["event"] == "done" and found["layers"] == {"ViewLayer": 0}
    shares = [event["share"] for event in before if event["event"] == "progress"]
    assert shares == sorted(shares) and 0 <= shares[0] and shares[-1] <= 1
    done = CliRunner().invoke(
        main,
        [
            "denoise",
            str(noisy_file),
            "--model",
            "oidn-small",
            "--device",
            "cpu",
            "--engine",
            "oidn",
            "-o",
            str(tmp_path / "cli.exr"),
        ],
    )
    assert done.exit_code == 0, done.output
    ours, theirs = ExrImage.open(tmp_path / "out.exr"), ExrImage.open(tmp_path / "cli.exr")
    assert ours.frame().color.tobytes() == theirs.frame().color.tobytes()
    assert ours.frame().color.tobytes() != ExrImage.open(noisy_file).frame().color.tobytes()
    pictures = {kind: picture(tmp_path / f"0.{kind}.exr") for kind in ("denoised", "rendered")}
    assert np.array_equal(pictures["denoised"][..., :3], theirs.frame().color)
    assert np.array_equal(pictures["rendered"][..., :3], ExrImage.open(noisy_file).frame().color)
    assert (pictures["denoised"][..., 3] == 1).all()


FITTING = {  # and what is said to be taken
    "Arnold": ("oidn", "Arnold's names: RGBA, denoise_albedo, N"),
    "plain RGB": ("oidn-color", "plain names: RGB"),
}


@pytest.mark.slow
@pytest.mark.parametrize("torch_there", [True, False])
def test_any_renderers_file_is_checked_and_denoised_as_blenders(start_serving, tmp_path, torch_there):
    """With the model that fits, which is named; with and without PyTorch."""
    hidden = "import sys; sys.modules['torch'] = sys.modules['openvino'] = None\n"
    served = start_serving("-c", f"{'' if torch_there else hidden}from n2n_render.serve.server import main; main()")
    for name, (fits, names) in FITTING.items():
        layout = LAYOUTS[name]
        frame = layout.frame()
        theirs, blenders = layout.write(tmp_path / "theirs.exr", frame), tmp_path / "blenders.exr"
        kept = {key: frame[key] for key in ("color", *layout.has, *(["alpha"] if layout.has else []))}
        write_frame(blenders, Frame(**kept))
        for model in ("auto", fits):
            served.ask(id=1, do="check", model=model, inputs=[str(theirs), str(blenders)])
            found, _ = served.last(1)
            assert found["event"] == "done" and found["models"] == [fits, fits], found
        made = {}
        for path in (theirs, blenders):
            out = tmp_path / f"{path.stem}_out.exr"
            served.ask(id=2, **{**denoise(path, output=str(out), pictures=str(tmp_path), engine="oidn"), "model": "auto"})
            found, _ = served.last(2)
            assert found["event"] == "done" and found["model"] == fits, found
            assert found["names"] == names if path == theirs else found["names"].startswith("Cycles' names: Combined")
            made[path.stem] = [ExrImage.open(out).picture("" if path == theirs else "ViewLayer")[..., :3]]
            made[path.stem] += [picture(tmp_path / f"0.{kind}.exr")[..., :3] for kind in ("denoised", "rendered")]
        stored = np.float16 if layout.half else np.float32
        for ours, blenders_own in zip(made["theirs"], made["blenders"], strict=True):
            assert np.array_equal(ours.astype(stored), blenders_own.astype(stored))
        assert not np.array_equal(made["theirs"][1], made["theirs"][2])
        served.ask(id=3, do="check", model="oidn-small", inputs=[str(theirs)])
        found, _ = served.last(3)
        assert found["event"] == ("done" if "albedo" in layout.has else "error"), found


@pytest.mark.slow
def test_the_model_of_named_layers_fits_all_of_them(served, tmp_path):
    """While of all layers the one that has most decides, and the others stay noisy_file, as in the command."""
    frame = make_frame()
    guides = [planes("A.Denoising Albedo", frame.albedo), planes("A.Denoising Normal", frame.normal, "XYZ")]
    pictures = [planes(f"{layer}.Combined", frame.color) for layer in "AB"]
    path = write_parts(tmp_path / "a.exr", one(*pictures, *guides))
    for layers, fits, done in ((None, "oidn", ["A"]), (["A"], "oidn", ["A"]), (["A", "B"], "oidn-color", ["A", "B"])):
        served.ask(id=1, **{**denoise(path, layers=layers), "model": "auto"})
        found, _ = served.last(1)
        assert found["event"] == "done" and found["model"] == fits and list(found["layers"]) == done, found


@pytest.mark.slow
def test_strength_goes_from_noisy_to_denoised(served, noisy_file, tmp_path):
    found = {}
    for strength in (0.0, 0.5, 1.0):
        served.ask(id=strength, **denoise(noisy_file, output=str(tmp_path / "out.exr"), strength=strength))
        assert served.last(strength)[0]["event"] == "done"
        found[strength] = ExrImage.open(tmp_path / "out.exr").frame().color
    assert np.array_equal(found[0.0], ExrImage.open(noisy_file).frame().color)
    assert np.allclose(found[0.5], (found[0.0] + found[1.0]) / 2, atol=1e-5)
    assert not np.allclose(found[0.0], found[1.0], atol=0.01)


@pytest.mark.slow
def test_check_says_which_file_lacks_a_pass(served, noisy_file, tmp_path):
    served.ask(id=1, do="check", model="oidn-small", inputs=[str(noisy_file)] * 2)
    assert served.last(1)[0]["event"] == "done"
    bare = noisy_frame(true_frame(72, 96), 1)
    bare.albedo = None
    write_frame(tmp_path / "bare.exr", bare)
    for identity, (name, expected) in enumerate((("bare.exr", "albedo"), ("none.exr", "no such file"))):
        served.ask(id=identity, do="check", model="oidn-small", inputs=[str(noisy_file), str(tmp_path / name)])
        found, _ = served.last(identity)
        assert found["event"] == "error" and name in found["what"] and expected in found["what"] + found["hint"].lower()


@pytest.mark.slow
def test_what_is_read_is_never_written_over(served, noisy_file, tmp_path):
    """By whatever name."""
    before = noisy_file.read_bytes()
    (tmp_path / "folder").mkdir()
    (tmp_path / "linked").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "link.exr").symlink_to(noisy_file)
    os.link(noisy_file, tmp_path / "hard.exr")
    picture = tmp_path / "pictures" / "0.denoised.exr"
    picture.parent.mkdir()
    picture.write_bytes(before)
    model = tmp_path / "model.tza"
    model.write_bytes(b"weights")
    names = [
        noisy_file,
        tmp_path / "folder" / ".." / "noisy.exr",
        tmp_path / "linked" / "noisy.exr",
        tmp_path / "link.exr",
        tmp_path / "hard.exr",
        os.path.relpath(noisy_file),
    ]
    requests = [denoise(noisy_file, output=str(name)) for name in names]
    requests += [
        denoise(tmp_path / "link.exr", output=str(noisy_file)),
        denoise(picture, pictures=str(picture.parent)),
        denoise(noisy_file, output=str(picture), pictures=str(picture.parent)),
        denoise(noisy_file, output=str(model), model=str(model)),
        denoise(noisy_file, output=str(tmp_path / "folder")),
        denoise(noisy_file, output=str(tmp_path / "folder" / "best.pt"), model=str(tmp_path / "linked" / "folder")),
    ]
    for identity, request in enumerate(requests):
        served.ask(id=identity, **request)
        found, _ = served.last(identity)
        assert found["event"] == "error" and found["hint"], request
    assert noisy_file.read_bytes() == picture.read_bytes() == before and model.read_bytes() == b"weights"
    assert (tmp_path / "link.exr").is_symlink() and os.stat(noisy_file).st_nlink == 2

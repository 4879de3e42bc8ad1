"""Files for other programs: read back they give the same picture, Open Image Denoise's own program included."""

import dataclasses
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import noisy_frame, true_frame

from n2n_render.denoise import Denoiser
from n2n_render.engines.options import EngineOptions
from n2n_render.errors import N2NError
from n2n_render.export import ExportOptions, export, formats
from n2n_render.export.files import TOLERANCE, compare, write_checked
from n2n_render.frame.transfer import CURVES, KEY
from n2n_render.io.exr import write_frame
from n2n_render.network.checkpoint import Checkpoint, load_network, write_checkpoint
from n2n_render.network.layers import Conv
from n2n_render.network.oidn import OidnUNet
from n2n_render.network.paper import UNet
from n2n_render.network.provenance import Provenance
from n2n_render.network.registry import open_model, sidecar_path
from n2n_render.network.specification import OidnNetwork, PaperNetwork, Specification, signal_specification

PAPER = Specification(
    features=("albedo", "normal", "depth"),
    network=PaperNetwork(levels=2, encoder_width=8, decoder_width=12, head_widths=(8, 6)),
)
OIDN = Specification(
    features=("albedo", "normal"),
    encoding="pu",
    output="encoded",
    unit_normals=True,
    network=OidnNetwork(topology="oidn", widths=(8,) * 15, norm="batch"),
)
LARGE = dataclasses.replace(OIDN, network=OidnNetwork("oidn_large", (6,) * 18, "batch"), clean_guides=True)
MODELS = {"paper": PAPER, "oidn": OIDN, "oidn_large": LARGE}


def checkpoint_of(config):
    """Random weights and BatchNorms as after a training; of moderate output, since exponentials follow."""
    torch.manual_seed(6)
    network = (UNet if config.network.topology == "paper" else OidnUNet)(config)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for tensor in (module.weight.data, module.bias.data, module.running_mean):
                tensor.add_(0.2 * torch.randn_like(tensor))
            module.running_var.mul_(1 + torch.rand_like(module.running_var))
    last = network.last if config.network.topology == "paper" else [m for m in network.modules() if isinstance(m, Conv)][-1][0]
    last.weight.data *= 0.1
    if config.network.topology != "paper":
        last.bias.data[:] = CURVES["pu"][0](torch.tensor([0.5, 1.0, 2.0]) * KEY, torch)
    provenance = Provenance(datasets=({"name": "shot"},), step=7)
    return Checkpoint(config, network.eval().state_dict(), provenance)


@pytest.fixture
def frame():
    return noisy_frame(true_frame(52, 76), 1)  # no multiples of 16


def session(path):
    import onnxruntime

    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


CASES = [
    (kind, precision, model)
    for model in MODELS
    for kind in ("tza", "onnx", "torchscript")
    for precision in ("float32", "float16")
    if (kind, model) != ("tza", "paper")
]
FILES = [("tza", "float32"), ("tza", "float16"), ("onnx", "float32"), ("torchscript", "float16")]


@pytest.mark.slow
@pytest.mark.parametrize("kind, precision, model", CASES)
def test_what_is_exported_gives_the_same_picture(frame, tmp_path, kind, precision, model):
    """The difference is told and within bounds, and beside the file lies only its description."""
    path = tmp_path / "out" / f"m{formats.SUFFIXES[kind]}"
    difference = write_checked(checkpoint_of(MODELS[model]), kind, path, frame, precision)
    assert 0 <= difference < TOLERANCE[precision] / 2
    assert {found.name for found in path.parent.iterdir()} == {path.name, f"{path.name}.json"}


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_a_file_to_share_is_the_same_model_and_describes_itself(frame, tmp_path, model):
    path, whole = tmp_path / "out" / "m.safetensors", checkpoint_of(MODELS[model])
    assert write_checked(whole, "safetensors", path, frame) == 0
    assert [found.name for found in path.parent.iterdir()] == [path.name]
    found = open_model(str(path))
    assert found.model == whole.model and found.provenance == whole.provenance
    assert all(np.array_equal(found.weights[name], tensor.numpy()) for name, tensor in whole.weights.items())
    assert 0 < write_checked(whole, "safetensors", path, frame, "float16") < TOLERANCE["float16"]
    if model != "paper":  # from arrays that BatchNorms are among
        assert write_checked(found, "tza", tmp_path / "m.tza", frame) < TOLERANCE["float32"]


def test_a_model_of_photographs_can_be_shared(tmp_path):
    network = PaperNetwork(head="direct", levels=2, encoder_width=4, decoder_width=4, head_widths=(4, 4))
    model = signal_specification(3, network)
    told = Provenance(options={"noise": "gaussian:0-50"})
    write_checkpoint(tmp_path / "a.pt", Checkpoint(model, UNet(model).state_dict(), told))
    done = export(ExportOptions(tmp_path / "a.pt", "safetensors", tmp_path / "a.safetensors"))
    assert (done.difference, done.sidecar) == (0, None)
    assert open_model(str(done.path), signals=True).purpose == "photographs, gaussian:0-50"


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "float16"])
@pytest.mark.parametrize("model", ["paper", "oidn"])
def test_an_onnx_file_runs_at_any_size_and_batch(frame, tmp_path, model, precision):
    """Other sizes than the one it was traced with; float32 in and out also in half precision."""
    checkpoint = checkpoint_of(MODELS[model])
    write_checked(checkpoint, "onnx", tmp_path / "m.onnx", frame, precision)
    network, run = load_network(checkpoint), session(tmp_path / "m.onnx")
    for shape in ((1, 1, 1), (2, 33, 70), (1, 64, 64)):
        x = torch.rand(shape[0], checkpoint.model.in_channels, *shape[1:])
        found = run.run(["predicted"], {"encoded": x.numpy()})[0]
        with torch.no_grad():
            expected = network(x).numpy()
        assert found.shape == (shape[0], 3, *shape[1:]) and found.dtype == np.float32
        np.testing.assert_allclose(found, expected, atol=(2e-2 if precision == "float16" else 1e-4) * expected.max())


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["tza", "onnx", "torchscript"])
def test_the_sidecar_tells_how_to_feed_the_network(frame, tmp_path, kind):
    checkpoint, path = checkpoint_of(LARGE), tmp_path / f"m{formats.SUFFIXES[kind]}"
    write_checked(checkpoint, kind, path, frame, "float16")
    notes = json.loads(sidecar_path(path).read_text())
    assert notes["input"] == ["color", "albedo", "normal"] and notes["model"]["features"] == ["albedo", "normal"]
    assert (notes["format"], notes["precision"], notes["encoding"]) == (kind, "half", "pu")
    network = load_network(checkpoint)
    assert (notes["alignment_px"], notes["receptive_radius_px"]) == (
        network.specification.alignment,
        network.specification.receptive_radius,
    )
    assert notes["origin"] == checkpoint.provenance.describe() == "trained on shot, step 7" and notes["n2n_render"]


@pytest.mark.slow
def test_an_archive_opens_as_the_model_that_it_was(frame, tmp_path):
    """Folded, and with what only the sidecar tells; its picture is that of the checkpoint."""
    checkpoint = checkpoint_of(LARGE)
    write_checked(checkpoint, "tza", tmp_path / "m.tza", frame)
    found = open_model(str(tmp_path / "m.tza"))
    assert found.model == LARGE.without_norms()
    assert found.provenance.origin == "trained on shot, step 7"
    ours, theirs = (
        Denoiser.open(model, EngineOptions("cpu", "torch"), prefilter=False).denoise(frame) for model in (checkpoint, found)
    )
    assert compare(ours, theirs) < 1e-4


def write_pfm(path, image):
    """(H, W, 3): little-endian float32, bottom row first."""
    height, width, _ = image.shape
    path.write_bytes(f"PF\n{width} {height}\n-1.0\n".encode() + image[::-1].astype("<f4").tobytes())


def read_pfm(path):
    kind, size, scale, pixels = path.read_bytes().split(b"\n", 3)
    assert kind == b"PF" and float(scale) < 0
    width, height = map(int, size.split())
    return np.frombuffer(pixels, "<f4").reshape(height, width, 3)[::-1]


@pytest.mark.parametrize("model", ["oidn", "oidn_large"])
def test_open_image_denoises_own_program_runs_an_exported_archive(frame, tmp_path, model):
    """Its exposure, its curves, its runtime, our weights: our picture."""
    folder = Path(importlib.util.find_spec("pyoidn").origin).parent / "oidn"
    program = next(folder.glob("bin/oidnDenoise*"))
    checkpoint = checkpoint_of(MODELS[model])
    write_checked(checkpoint, "tza", tmp_path / "m.tza", frame, "float16")
    for name in ("color", "albedo", "normal"):
        write_pfm(tmp_path / f"{name}.pfm", frame[name])
    command = [program, "--hdr", "color.pfm", "--alb", "albedo.pfm", "--nrm", "normal.pfm", "-w", "m.tza", "-o", "out.pfm"]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "LD_LIBRARY_PATH": str(folder / "lib")}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    ours = Denoiser.open(checkpoint, EngineOptions("cpu", "torch"), prefilter=False).denoise(frame)
    assert compare(ours, read_pfm(tmp_path / "out.pfm")) < 0.005
    assert compare(ours, frame.color) > 0.05  # the comparison is one


@pytest.mark.parametrize("config, says", [(PAPER, "topology"), (dataclasses.replace(OIDN, features=PAPER.features), "depth")])
def test_what_open_image_denoise_cannot_run_is_no_archive(frame, tmp_path, config, says):
    with pytest.raises(N2NError, match=says):
        write_checked(checkpoint_of(config), "tza", tmp_path / "m.tza", frame, "float16")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind, precision", [("tza", "float32"), ("tza", "float16"), ("onnx", "float32"), ("torchscript", "float16")]
)
def test_a_file_that_gives_another_picture_is_not_left_behind(frame, tmp_path, monkeypatch, kind, precision):
    """A writer that spoils the weights is found out; the file of an earlier export stays."""
    path = tmp_path / f"m{formats.SUFFIXES[kind]}"

    def spoilt(function):
        def result(*arguments):
            found = function(*arguments)
            with torch.no_grad():
                if isinstance(found, dict):
                    return {name: tensor * 1.1 if tensor.ndim == 4 else tensor for name, tensor in found.items()}
                found.enc_conv2[0].weight.mul_(1.5)
                return found

        return result

    for name in ("archive_tensors", "fold"):
        monkeypatch.setattr(formats, name, spoilt(getattr(formats, name)))
    with pytest.raises(N2NError, match="another picture") as caught:
        write_checked(checkpoint_of(OIDN), kind, path, frame, precision)
    assert str(path) in caught.value.what and not list(tmp_path.iterdir())
    path.write_text("earlier")
    with pytest.raises(N2NError, match="another picture"):
        write_checked(checkpoint_of(OIDN), kind, path, frame, precision)
    assert path.read_text() == "earlier" and len(list(tmp_path.iterdir())) == 1


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["tza", "onnx", "torchscript"])
def test_places_that_cannot_be_written_are_a_sentence(frame, tmp_path, kind):
    """Below a file, and where a folder stands; nothing new is there afterwards."""
    name = f"m{formats.SUFFIXES[kind]}"
    (tmp_path / "file").touch()
    (tmp_path / name).mkdir()
    for path in (tmp_path / name, tmp_path / "file" / name):
        with pytest.raises(N2NError, match="cannot be written|is a folder"):
            write_checked(checkpoint_of(OIDN), kind, path, frame)
        assert {path.name for path in tmp_path.iterdir()} == {"file", name}


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind, precision", [("tza", "float32"), ("tza", "float16"), ("onnx", "float32"), ("torchscript", "float32")]
)
def test_a_file_may_have_any_name(frame, tmp_path, kind, precision):
    write_checked(checkpoint_of(OIDN), kind, tmp_path / "weights.bin", frame, precision)
    assert {path.name for path in tmp_path.iterdir()} == {"weights.bin", "weights.bin.json"}


def test_the_name_of_another_format_is_refused(frame, tmp_path):
    with pytest.raises(N2NError, match=".onnx"):
        write_checked(checkpoint_of(OIDN), "tza", tmp_path / "shot.onnx", frame)
    with pytest.raises(N2NError, match=".png is not what"):
        write_checked(checkpoint_of(OIDN), "tza", tmp_path / "shot.png", frame)
    assert not list(tmp_path.iterdir())


def test_a_checkpoint_is_not_overwritten_by_a_torchscript(frame, tmp_path):
    with pytest.raises(N2NError, match="best.pt"):
        write_checked(checkpoint_of(PAPER), "torchscript", tmp_path / "best.pt", frame)


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind, asked, precision",
    [
        ("tza", "auto", "float16"),
        ("onnx", "auto", "float32"),
        ("tza", "float32", "float32"),
        ("torchscript", "float16", "float16"),
    ],
)
def test_the_verb_says_what_it_wrote(frame, tmp_path, kind, asked, precision):
    """From a checkpoint on the disk and an EXR file; the precision is one that the format is read in."""
    write_checkpoint(tmp_path / "m.pt", checkpoint_of(OIDN))
    write_frame(tmp_path / "frame.exr", frame)
    output = tmp_path / f"out{formats.SUFFIXES[kind]}"
    done = export(ExportOptions(tmp_path / "m.pt", kind, output, asked, tmp_path / "frame.exr"))
    assert (done.path, done.sidecar, done.frame) == (output, sidecar_path(output), tmp_path / "frame.exr")
    assert (done.format, done.precision) == (kind, precision) and 0 <= done.difference < TOLERANCE[precision]
    assert done.path.stat().st_size and json.loads(done.sidecar.read_text())["format"] == kind


@pytest.mark.parametrize("field, wrong", [("format", "png"), ("precision", "half"), ("model", None)])
def test_options_that_cannot_be_are_refused(field, wrong):
    with pytest.raises(N2NError, match=field):
        ExportOptions(**{"model": "oidn", "format": "tza", "output": "m.tza", field: wrong})


def test_the_options_need_no_torch():
    code = "import sys, n2n_render.export; print('torch' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["False"]

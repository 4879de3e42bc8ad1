"""Engines: all give the same picture, the fastest that is there is taken, and what cannot run says why."""

import dataclasses
import functools
import subprocess
import sys

import numpy as np
import pytest
import torch
from conftest import noisy_frame, true_frame

from n2n_render.denoise import Denoiser
from n2n_render.denoise.files import denoise_files, raise_failures
from n2n_render.engines import choice, openvino_engine, runtime
from n2n_render.engines.choice import make_engine
from n2n_render.engines.oidn import archive_tensors, why_not
from n2n_render.engines.openvino_engine import OpenvinoEngine
from n2n_render.engines.options import EngineOptions
from n2n_render.engines.torch_engine import TorchEngine
from n2n_render.errors import N2NError
from n2n_render.io.exr import read_frame, write_frame
from n2n_render.network.build import build_network
from n2n_render.network.checkpoint import Checkpoint
from n2n_render.network.registry import open_model
from n2n_render.network.specification import OidnNetwork, PaperNetwork, Specification

PAPER = Specification(
    features=("albedo", "normal", "depth"), network=PaperNetwork(levels=3, encoder_width=8, decoder_width=8, head_widths=(8, 8))
)
OIDN = Specification(
    features=("albedo", "normal"),
    encoding="pu",
    output="encoded",
    unit_normals=True,
    network=OidnNetwork(topology="oidn", widths=(8,) * 15, norm="batch"),
)
# Mean absolute difference to torch that an engine may have, over the mean radiance.
TOLERANCE = {"oidn": 1e-3, "openvino float32": 1e-3, "openvino bfloat16": 2e-2}


def checkpoint_of(config):
    return Checkpoint(config, build_network(config, seed=4).eval().state_dict())


@functools.cache
def denoiser_on(name, model) -> Denoiser:
    """The model "oidn" or "paper" on the engine of that name, or a skipped test where something is not installed."""
    kind, _, precision = name.partition(" ")
    checkpoint = open_model("oidn-noisy-aux") if model == "oidn" else checkpoint_of(PAPER)
    denoiser = Denoiser.open(checkpoint, EngineOptions("cpu", kind))
    if precision:
        denoiser.ladder.use(OpenvinoEngine.open(checkpoint, "cpu", precision))
    return denoiser


def assert_same_picture(name, model, frame):
    found, expected = denoiser_on(name, model).denoise(frame), denoiser_on("torch", model).denoise(frame)
    assert found.shape == expected.shape and found.dtype == np.float32 and expected.mean() > 0
    assert np.abs(found - expected).mean() <= TOLERANCE[name] * expected.mean()


@pytest.mark.slow
@pytest.mark.parametrize("size", [(1, 1), (33, 70), (90, 130)])
@pytest.mark.parametrize(
    "name, model", [*((name, "oidn") for name in TOLERANCE), ("openvino float32", "paper"), ("openvino bfloat16", "paper")]
)
def test_engines_agree(name, model, size):
    assert_same_picture(name, model, noisy_frame(true_frame(*size), 1))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["oidn", "openvino float32"])
def test_a_pixel_without_bounds_does_not_part_the_engines(name):
    """Fireflies: in a dark scene the exposure lifts them beyond all half floats."""
    frame = noisy_frame(true_frame(90, 130), 1)
    frame.color *= 0.01
    frame.color[40, 50] = 65504
    assert_same_picture(name, "oidn", frame)


def test_stopping_stops_open_image_denoise():
    """What on_progress raises comes out, at once; the engine goes on working."""
    denoiser = Denoiser.open(open_model("oidn-small-noisy-aux"), EngineOptions("cpu", "oidn"))
    frame, shares = noisy_frame(true_frame(64, 80), 1), []
    whole = denoiser.denoise(frame, shares.append)
    assert len(shares) > 5 and shares == sorted(shares) and shares[-1] == 1.0
    told = []

    def stop(share):
        told.append(share)
        if len(told) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        denoiser.denoise(frame, stop)
    assert len(told) == 3
    np.testing.assert_array_equal(denoiser.denoise(frame), whole)


@pytest.mark.slow
def test_stopping_stops_openvino(monkeypatch):
    """In the middle of a picture, though it tells nobody how much of it is done; the engine goes on working."""
    monkeypatch.setattr(openvino_engine, "LOOK_MS", 1)
    engine = OpenvinoEngine.open(open_model("oidn-noisy-aux"), "cpu", "float32")
    encoded = np.random.default_rng(1).random((256, 320, 9), np.float32)
    whole = engine.run(encoded)

    def stop(share):
        raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            engine.run(encoded, stop)
    np.testing.assert_array_equal(engine.run(encoded), whole)


def test_the_runtime_says_why_it_cannot_run_a_model():
    """Topology, guides, their encoding; and what it can run."""
    change = dataclasses.replace
    assert all(why_not(change(OIDN, features=features)) is None for features in ((), ("albedo",), ("albedo", "normal")))
    assert "topology" in why_not(PAPER) and "depth" in why_not(change(OIDN, features=("albedo", "normal", "depth")))
    assert "normal" in why_not(change(OIDN, features=("normal",))) and "encoding" in why_not(change(OIDN, unit_normals=False))
    with pytest.raises(N2NError, match="topology"):
        archive_tensors(checkpoint_of(PAPER))


@pytest.mark.parametrize(
    "engine, device, model, says",
    [
        ("torch", "tpu", OIDN, "tpu"),
        ("oidn", "tpu", OIDN, "tpu"),
        ("openvino", "cuda", OIDN, "cuda"),
        ("auto", "tpu", OIDN, "tpu"),
        ("tensorrt", "cpu", OIDN, "tensorrt"),
        ("oidn", "cpu", PAPER, "topology"),
    ],
)
def test_what_cannot_run_is_refused(engine, device, model, says):
    with pytest.raises(N2NError, match=says) as caught:
        make_engine(checkpoint_of(model), EngineOptions(device, engine))
    assert caught.value.hint


@pytest.mark.slow
def test_the_fastest_engine_of_the_cpu_that_is_installed_is_taken(monkeypatch):
    """OpenVINO, else Open Image Denoise's runtime if it can run the model, else torch; those asked for by name are missed."""
    small, paper = checkpoint_of(OIDN), checkpoint_of(PAPER)

    def chosen():
        return [make_engine(checkpoint, EngineOptions("cpu")).name for checkpoint in (small, paper)]

    def missing():
        raise N2NError("not installed", "Install it.")

    assert chosen() == ["openvino", "openvino"]
    monkeypatch.setattr(openvino_engine, "load", missing)
    assert chosen() == ["oidn", "torch"]
    monkeypatch.setattr(runtime, "load", missing)
    assert chosen() == ["torch", "torch"] and choice.find_oidn_devices() == {}
    for engine in ("openvino", "oidn"):
        with pytest.raises(N2NError, match="not installed"):
            make_engine(small, EngineOptions("cpu", engine))


@pytest.mark.parametrize(
    "torch_finds, oidn_finds, device, suited, other",
    [
        ("cpu cuda", "cpu cuda", "auto", "torch", "torch"),
        ("cpu", "hip cpu", "auto", "oidn", "openvino"),
        ("cpu", "sycl cpu", "sycl", "oidn", "torch"),
        ("cpu mps", "cpu metal", "auto", "torch", "torch"),
        ("cpu cuda", "cpu cuda", "cpu", "openvino", "openvino"),
        ("cpu", "cpu", "cuda", "torch", "torch"),
    ],
)
def test_a_gpu_goes_before_any_cpu(monkeypatch, torch_finds, oidn_finds, device, suited, other):
    """On machines that cannot be had here; torch, where nothing fits, is what refuses."""
    monkeypatch.setattr(choice, "find_torch_devices", lambda: dict.fromkeys(torch_finds.split(), ""))
    monkeypatch.setattr(choice, "find_oidn_devices", lambda: dict.fromkeys(oidn_finds.split(), ""))
    monkeypatch.setattr(choice, "find_openvino_devices", lambda: {"cpu": ""})
    assert (choice._fastest(OIDN, device), choice._fastest(PAPER, device)) == (suited, other)


class SmallGpu:
    """A GPU that has no memory for tiles of more than `limit` pixels; 0: for none."""

    description, on_cpu, precision, coarse = "a small GPU", False, "float32", False

    def __init__(self, engine, limit):
        self.engine, self.limit, self.tried = engine, limit, []
        self.tile_px = engine.tile_px

    def run(self, encoded, on_progress=None):
        self.tried.append(encoded.shape[0] * encoded.shape[1])
        if self.tried[-1] > self.limit:
            raise MemoryError("too large")
        return self.engine.run(encoded)


def on_small_gpu(limit, size):
    """(denoiser in float32, what it warned of, a frame, what should come out)."""
    warnings = []
    denoiser = Denoiser.open(checkpoint_of(PAPER), EngineOptions("cpu", "torch", "float32"), warn=warnings.append)
    frame = noisy_frame(true_frame(*size), 1)
    expected = denoiser.denoise(frame)
    denoiser.ladder.use(SmallGpu(denoiser.engine, limit))
    return denoiser, warnings, frame, expected


@pytest.mark.slow
def test_too_little_memory_on_a_gpu_means_smaller_tiles_then_the_cpu():
    denoiser, warnings, frame, expected = on_small_gpu(300 * 300, (300, 420))
    gpu = denoiser.engine
    np.testing.assert_allclose(denoiser.denoise(frame), expected, rtol=1e-4, atol=1e-6)
    assert denoiser.engine is gpu and not warnings and gpu.tried[0] > max(gpu.tried[2:])
    denoiser, warnings, frame, expected = on_small_gpu(0, (300, 420))
    gpu = denoiser.engine
    assert np.abs(denoiser.denoise(frame) - expected).mean() < TOLERANCE["openvino float32"] * expected.mean()
    assert denoiser.engine.on_cpu and len(gpu.tried) > 1
    assert len(warnings) == 1 and "a small GPU" in warnings[0] and "CPU" in warnings[0]


@pytest.mark.slow
def test_too_little_memory_for_a_single_pixel_means_the_cpu():
    denoiser, warnings, frame, expected = on_small_gpu(0, (1, 1))
    np.testing.assert_allclose(denoiser.denoise(frame), expected, rtol=5e-2)
    assert len(warnings) == 1


@pytest.fixture
def sequence(tmp_path):
    """Three frames and where they go."""
    paths = [tmp_path / f"frame_{index}.exr" for index in range(3)]
    for index, path in enumerate(paths):
        write_frame(path, noisy_frame(true_frame(40, 56, index), index))
    return paths, [tmp_path / "out" / path.name for path in paths]


@pytest.mark.slow
def test_a_sequence_gives_the_same_as_its_frames_one_by_one(sequence):
    """Reading ahead and writing behind mixes no frames up; progress ends at 1 for each, in order."""
    denoiser, (paths, outputs), told = Denoiser.open(checkpoint_of(PAPER), EngineOptions("cpu", "torch")), sequence, []
    denoise_files(denoiser, [[path] for path in paths], outputs, on_frame=lambda *progress: told.append(progress))
    for path, output in zip(paths, outputs, strict=True):
        np.testing.assert_array_equal(read_frame(output).color, denoiser.denoise(read_frame(path, PAPER.features)))
    assert [index for index, share in told if share == 1.0] == [0, 1, 2] and told == sorted(told)


def test_a_damaged_frame_is_named_and_the_others_are_done(sequence):
    paths, outputs = sequence
    paths[1].write_bytes(paths[1].read_bytes()[:-400])
    denoiser = Denoiser.open(checkpoint_of(PAPER), EngineOptions("cpu", "torch"))
    with pytest.raises(N2NError, match="frame_1.exr"):
        raise_failures(denoise_files(denoiser, [[path] for path in paths], outputs), len(paths))
    for index in (0, 2):
        expected = denoiser.denoise(read_frame(paths[index], PAPER.features))
        np.testing.assert_array_equal(read_frame(outputs[index]).color, expected)
    assert sorted(path.name for path in outputs[0].parent.iterdir()) == ["frame_0.exr", "frame_2.exr"]


def has_bfloat16():
    import openvino

    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


@pytest.mark.slow
def test_frames_with_little_noise_are_denoised_in_float32_unless_half_is_asked_for():
    """Rounding to bfloat16 would show in them; in noisy frames it does not, and they stay fast."""
    checkpoint, warnings = open_model("oidn-small-noisy-aux"), []
    truth = true_frame(64, 80)
    nearly_clean, noisy = noisy_frame(truth, 1, spread=0.02), noisy_frame(truth, 1)
    denoiser = Denoiser.open(checkpoint, EngineOptions("cpu", "openvino"), warn=warnings.append)
    denoiser.ladder.use(OpenvinoEngine.open(checkpoint, "cpu", "bfloat16"))  # also where "auto" would not choose it
    denoiser.denoise(noisy)
    assert denoiser.engine.coarse and not warnings
    image = denoiser.denoise(nearly_clean)
    exact = Denoiser.open(checkpoint, EngineOptions("cpu", "openvino", "float32")).denoise(nearly_clean)
    assert denoiser.engine.coarse and len(warnings) == 1  # the next noisy frame is fast again
    np.testing.assert_array_equal(image, exact)
    forced = Denoiser.open(checkpoint, EngineOptions("cpu", "openvino", "float16"))
    assert forced.engine.coarse == has_bfloat16()  # elsewhere half is no faster, and float32 is computed
    assert np.array_equal(forced.denoise(nearly_clean), exact) != forced.engine.coarse


@pytest.mark.slow
def test_every_engine_says_its_precision_in_one_word():
    """Only bfloat16 is coarse; words that are for users are refused."""
    checkpoint = checkpoint_of(OIDN)
    for engine, asked in (("torch", "float16"), ("torch", "auto"), ("oidn", "auto"), ("openvino", "float32")):
        opened = make_engine(checkpoint, EngineOptions("cpu", engine, asked))
        assert opened.precision == "float32" and not opened.coarse and opened.on_cpu
    rounded = make_engine(checkpoint, EngineOptions("cpu", "openvino", "bfloat16"))
    assert rounded.precision == "bfloat16" and rounded.coarse and "bfloat16" in rounded.description
    for word in ("half", "single", "float64"):
        with pytest.raises(N2NError, match=word):
            EngineOptions("cpu", "torch", word)


def test_an_engine_runs_a_network_that_is_there_already():
    """The constructor only keeps it: no copy, nothing folded."""
    network = build_network(PAPER).eval()
    engine = TorchEngine(network, torch.device("cpu"), "float32")
    encoded = np.random.default_rng(0).random((33, 70, 10), np.float32)
    with torch.no_grad():
        expected = network(torch.from_numpy(encoded).permute(2, 0, 1)[None])[0].permute(1, 2, 0)
    np.testing.assert_array_equal(engine.run(encoded), expected.numpy())
    assert engine.network is network


@pytest.mark.slow
def test_nobody_is_told_that_openvino_is_used():
    """Its converter sends statistics, by default."""
    code = (
        "import sys; from n2n_render.denoise import load_denoiser; from n2n_render.engines.options import EngineOptions; "
        "load_denoiser('oidn-small-noisy-aux', EngineOptions(engine='openvino')); "
        "used = {name: module.tm.__name__ for name, module in sys.modules.items() if name.startswith('openvino.tools.ovc.') "
        "and hasattr(module, 'tm')}; print(set(used.values()), [name for name in sys.modules if 'openvino_telemetry' in name])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    stub = "openvino.tools.ovc.telemetry_stub"  # which does nothing; the package itself is hidden no longer than is needed
    assert answer.stdout.split(maxsplit=1) == [f"{{'{stub}'}}", "[]\n"]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel where signals go")
def test_signals_are_heard_after_openvino_engines_are_gone():
    """In the order in which they came. Ctrl-C in `adapt`, which denoises before it trains, was a segmentation fault."""
    program = """
import ctypes, os, signal
from n2n_render.engines.choice import make_engine
from n2n_render.engines.options import EngineOptions
from n2n_render.network.registry import open_model

engines = [make_engine(open_model("oidn-small-color"), EngineOptions("cpu", "openvino")) for _ in range(2)]
del engines[0]
del engines[0]
stack = (ctypes.c_void_p * 3)()
assert ctypes.CDLL(None).sigaltstack(None, stack) == 0
areas = [[int(end, 16) for end in line.split()[0].split("-")] for line in open("/proc/self/maps")]
assert stack[0] is None or any(start <= stack[0] < end for start, end in areas)
heard = []
signal.signal(signal.SIGINT, lambda *_: heard.append(True))
os.kill(os.getpid(), signal.SIGINT)
assert heard
"""
    subprocess.run([sys.executable, "-c", program], check=True)

"""Weights that are shared: the same model again, bit for bit, with all that is known of it; and nothing else is read."""

import json
import random
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from n2n_render.errors import N2NError
from n2n_render.network.checkpoint import Checkpoint, load_network, read_checkpoint, write_checkpoint
from n2n_render.network.paper import UNet
from n2n_render.network.provenance import Provenance
from n2n_render.network.registry import list_models, open_model
from n2n_render.network.shared import ENTRY, read_shared, write_shared
from n2n_render.network.specification import PaperNetwork, Specification

MODEL = Specification(
    features=("albedo",), network=PaperNetwork(levels=1, encoder_width=4, decoder_width=4, head_widths=(4, 4))
)
TOLD = Provenance(
    origin="Open Image Denoise 2.5.1, weights hdr, Apache-2.0, Copyright Intel Corporation",
    scene="bedroom",
    made="2026-11-26",
    gain_db=1.25,
    step=240,
    trained_on=("v000_f0001", "v001_f0001"),
    datasets=({"name": "shot", "sha256": "ab", "spp": 8},),
    options={"temporal": 2, "crop": [64, 64]},
    checks=((10, 0.5, 0.25),),
    others={"note": "mine"},
)


def model_with_norms():
    torch.manual_seed(1)
    network = UNet(MODEL)
    network(torch.rand(2, 6, 16, 16))  # running statistics, and how often they were taken
    return Checkpoint(MODEL, network.eval().state_dict(), TOLD, {"optimizer": {"state": torch.rand(3)}})


@pytest.fixture
def shared(tmp_path):
    write_shared(tmp_path / "a.safetensors", model_with_norms())
    return tmp_path / "a.safetensors"


def test_it_comes_back_bit_for_bit_with_what_is_known_of_it_and_without_the_training(shared, tmp_path):
    whole, found = model_with_norms(), open_model(str(shared))
    assert found.model == MODEL and found.provenance == TOLD and found.training is None
    assert list(found.weights) != [] and set(found.weights) == set(whole.weights)
    for name, tensor in whole.weights.items():
        assert found.weights[name].dtype == tensor.numpy().dtype
        assert found.weights[name].tobytes() == tensor.numpy().tobytes() and found.weights[name].shape == tuple(tensor.shape)
    x = torch.rand(1, 6, 16, 16)
    with torch.no_grad():
        assert torch.equal(load_network(found)(x), load_network(whole)(x))
    write_checkpoint(tmp_path / "a.pt", found)  # and into a checkpoint again
    assert read_checkpoint(tmp_path / "a.pt").provenance == TOLD


@pytest.mark.parametrize("name", ["oidn-small", "oidn"])
def test_built_in_models_keep_whose_they_are(tmp_path, name):
    own = open_model(name)
    write_shared(tmp_path / "a.safetensors", own)
    found = open_model(str(tmp_path / "a.safetensors"))
    assert found.provenance == own.provenance and "Intel" in found.provenance.origin and found.model == own.model
    assert all(np.array_equal(found.weights[key], weight) for key, weight in own.weights.items())
    with (tmp_path / "a.safetensors").open("rb") as file:  # and other programs see it
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    assert "Apache-2.0, Copyright Intel Corporation" in header["__metadata__"]["origin"]


def test_half_precision_is_half_the_size_and_the_counters_stay(tmp_path, shared):
    write_shared(tmp_path / "half.safetensors", model_with_norms(), "float16")
    found = open_model(str(tmp_path / "half.safetensors"))
    kinds = {weight.dtype for weight in found.weights.values()}
    assert kinds == {np.dtype("float16"), np.dtype("int64")}
    assert (tmp_path / "half.safetensors").stat().st_size < shared.stat().st_size
    load_network(found)


def test_brain_floats_become_floats_of_the_same_value(tmp_path):
    whole = model_with_norms()
    weights = {name: tensor.bfloat16() if tensor.is_floating_point() else tensor for name, tensor in whole.weights.items()}
    write_shared(tmp_path / "a.safetensors", Checkpoint(MODEL, weights))
    found = read_shared(tmp_path / "a.safetensors").weights
    assert all(np.array_equal(found[name], weights[name].float().numpy()) for name in weights)


def test_it_is_listed(shared):
    (found,) = [model for model in list_models([shared.parent]) if model.name == str(shared)]
    assert (found.title, found.features, found.problem) == ("bedroom, 2026-11-26, +1.2 dB", ("albedo",), "")
    assert "Intel" in found.origin


def test_what_json_cannot_hold_of_other_programs_is_left_out_and_said(tmp_path, caplog):
    told = Provenance(origin="us", others={"tensor": torch.rand(2), "endless": float("inf"), 7: "number", "note": "mine"})
    write_shared(tmp_path / "a.safetensors", Checkpoint(MODEL, model_with_norms().weights, told))
    assert read_shared(tmp_path / "a.safetensors").provenance.others == {"note": "mine", "7": "number"}
    assert "'tensor' of the provenance is left out" in caplog.text and "'endless'" in caplog.text


def test_it_is_read_without_pytorch(shared):
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "from n2n_render.network.registry import open_model\n"
        f"print(len(open_model({str(shared)!r}).weights), 'torch' in sys.modules and sys.modules['torch'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(len(model_with_norms().weights)), "None"]


def refused(path):
    with pytest.raises(N2NError) as caught:
        open_model(str(path))
    assert str(path) in caught.value.what and caught.value.hint
    return caught.value.what


@pytest.mark.slow
@pytest.mark.parametrize(
    "bytes_of",
    [
        lambda data: b"",
        lambda data: b"\x08",
        lambda data: b"a picture, or a text of some length",
        lambda data: data[:200],
        lambda data: data[:-3],
        lambda data: data + b"more",
        lambda data: (2**62).to_bytes(8, "little") + data[8:],
        lambda data: (99 * 2**20).to_bytes(8, "little") + bytes(100 * 2**20),
        lambda data: data[:8] + b"\xff" * 100 + data[108:],
    ],
    ids=["empty", "byte", "text", "header", "short", "long", "endless", "huge", "letters"],
)
def test_damaged_files_are_a_sentence(shared, bytes_of):
    shared.write_bytes(bytes_of(shared.read_bytes()))
    assert "is no safetensors file, or is damaged" in refused(shared)


def test_no_file_and_a_folder_are_a_sentence(tmp_path):
    assert "No such file" in refused(tmp_path / "none.safetensors")
    (tmp_path / "b.safetensors").mkdir()
    assert "folder" in refused(tmp_path / "b.safetensors")


def rewritten(path, change, weights=None):
    """The file with another header entry."""
    from safetensors import safe_open

    with safe_open(str(path), framework="numpy") as file:
        texts = dict(file.metadata())
    told = json.loads(texts[ENTRY])
    texts[ENTRY] = change(told) if callable(change) else change
    save_file(load_file(path) if weights is None else weights, path, texts)


@pytest.mark.parametrize(
    "change, says",
    [
        ("", "not JSON"),
        ("[" * 100_000, "too deep"),
        ("7", "does not say"),
        ('{"model": {}, "provenance": NaN, "format": 1}', "not JSON"),
        (lambda told: json.dumps({**told, "format": 9}), "format 9"),
        (lambda told: json.dumps({**told, "model": {**told["model"], "wings": 2}}), "wings"),
        (lambda told: json.dumps({**told, "model": {**told["model"], "levels": 2}}), "do not fit"),
        (lambda told: json.dumps({**told, "provenance": {"step": "many"}}), "step"),
        (lambda told: json.dumps({**told, "provenance": []}), "provenance"),
    ],
)
def test_a_header_that_says_wrong_things_is_a_sentence(shared, change, says):
    rewritten(shared, change)
    assert says in refused(shared)


def test_weights_of_other_shapes_or_kinds_are_refused_before_they_are_read(shared):
    weights = load_file(shared)
    name = next(key for key in weights if key.endswith("0.weight"))
    for wrong in (weights[name][:1], weights[name].astype(np.int32), weights[name].astype(np.int64)):
        rewritten(shared, json.dumps, {**weights, name: wrong})
        assert "do not fit" in refused(shared)
    rewritten(shared, json.dumps, {key: value for key, value in weights.items() if key != name})
    assert "do not fit" in refused(shared)
    rewritten(shared, json.dumps, {**weights, "more": np.zeros(3, np.float32)})
    assert "do not fit" in refused(shared)


def test_files_of_other_programs_are_a_sentence(tmp_path):
    save_file({"model.weight": np.zeros((2, 2), np.float32)}, tmp_path / "a.safetensors", {"format": "pt"})
    assert "of another program" in refused(tmp_path / "a.safetensors")
    save_file({"model.weight": np.zeros((2, 2), np.float32)}, tmp_path / "b.safetensors")
    assert "of another program" in refused(tmp_path / "b.safetensors")


@pytest.mark.slow
def test_any_flipped_byte_of_the_header_is_a_sentence_or_a_model(shared):
    data, rng = shared.read_bytes(), random.Random(3)
    length = int.from_bytes(data[:8], "little")
    for _ in range(300):
        at = rng.randrange(8 + length)
        shared.write_bytes(data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :])
        try:
            load_network(open_model(str(shared)))
        except N2NError as error:
            assert str(shared) in error.what or "checkpoint" in error.what or "weights" in error.what

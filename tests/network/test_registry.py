"""Models by name, run folder and file; and a wider network that starts as the same function."""

import dataclasses
import json

import pytest
import torch

from n2n_render.errors import N2NError
from n2n_render.frame.channels import FEATURES
from n2n_render.network.archive import write_tza
from n2n_render.network.build import build_network
from n2n_render.network.checkpoint import Checkpoint, load_network, write_checkpoint
from n2n_render.network.oidn import OidnUNet
from n2n_render.network.oidn_weights import BUILTIN
from n2n_render.network.provenance import Provenance
from n2n_render.network.registry import choose, list_models, open_model, sidecar_path
from n2n_render.network.specification import OIDN_LAYERS, OidnNetwork, PaperNetwork, Specification
from n2n_render.network.widen import widen

OIDN = Specification(
    features=("albedo", "normal"),
    encoding="pu",
    output="encoded",
    unit_normals=True,
    network=OidnNetwork(norm="none", topology="oidn", widths=(8,) * 15),
)
LARGE = dataclasses.replace(OIDN, network=OidnNetwork("oidn_large", (8,) * 18))
PAPER = Specification(network=PaperNetwork(levels=2, encoder_width=8, decoder_width=12, head_widths=(8, 6)))


def checkpoint_of(config, **provenance):
    return Checkpoint(config, build_network(config, seed=3).eval().state_dict(), Provenance(**provenance))


def tensors_of(checkpoint):
    return {name.replace(".0.", "."): tensor.numpy() for name, tensor in checkpoint.tensors().items()}


def test_an_unknown_name_is_answered_with_what_there_is(tmp_path):
    with pytest.raises(N2NError, match="no such model") as caught:
        open_model(str(tmp_path / "oidn-huge"))
    assert "oidn-huge" in caught.value.what and all(name in caught.value.hint for name in BUILTIN)


@pytest.mark.parametrize("config", [OIDN, LARGE], ids=["oidn", "oidn_large"])
@pytest.mark.parametrize("features", [(), ("albedo",), ("albedo", "normal")])
def test_an_archive_says_what_network_it_is_for(tmp_path, config, features):
    """Topology, widths and guides are read off the tensors; the weights are the same."""
    checkpoint = checkpoint_of(dataclasses.replace(config, features=features))
    write_tza(tmp_path / "a.tza", tensors_of(checkpoint))
    found = open_model(str(tmp_path / "a.tza"))
    assert found.model == checkpoint.model and "a.tza" in found.provenance.origin
    assert list(found.weights) == list(checkpoint.weights)
    assert all(torch.equal(found.tensors()[name], tensor) for name, tensor in checkpoint.tensors().items())


@pytest.mark.parametrize("name", ["oidn-small", "oidn-color"])
def test_the_librarys_weights_go_through_an_archive(tmp_path, name):
    checkpoint = open_model(name)
    write_tza(tmp_path / "a.tza", tensors_of(checkpoint))
    found = open_model(str(tmp_path / "a.tza"))
    assert found.model == dataclasses.replace(checkpoint.model, clean_guides=False)  # what no tensor tells
    assert all(torch.equal(found.tensors()[key], tensor) for key, tensor in checkpoint.tensors().items())


def test_a_sidecar_tells_what_the_tensors_cannot(tmp_path):
    model = dataclasses.replace(OIDN, clean_guides=True)
    write_tza(tmp_path / "a.tza", tensors_of(checkpoint_of(model)))
    notes = {"model": model.to_dict(), "origin": "trained on a shot"}
    sidecar_path(tmp_path / "a.tza").write_text(json.dumps(notes))
    found = open_model(str(tmp_path / "a.tza"))
    assert found.model == model and found.provenance.origin == "trained on a shot"
    for foreign in ("[1]", '{"layers": null}'):
        sidecar_path(tmp_path / "a.tza").write_text(foreign)
        assert not open_model(str(tmp_path / "a.tza")).model.clean_guides
    for damaged in ("", "no JSON", '{"model": null}', json.dumps({"model": {**notes["model"], "features": ["albedo"]}})):
        sidecar_path(tmp_path / "a.tza").write_text(damaged)
        with pytest.raises(N2NError, match="a.tza.json"):
            open_model(str(tmp_path / "a.tza"))


def test_archives_of_strange_networks_are_refused(tmp_path):
    """Other layers, other channels: the file is named."""
    tensors = tensors_of(checkpoint_of(dataclasses.replace(OIDN, features=("depth",))))
    write_tza(tmp_path / "depth.tza", tensors)
    write_tza(tmp_path / "short.tza", dict(list(tensors.items())[:-2]))
    write_tza(tmp_path / "flat.tza", {name: tensor.ravel() for name, tensor in tensors.items()})
    for name in ("depth.tza", "short.tza", "flat.tza", "missing.tza"):
        with pytest.raises(N2NError, match=name):
            open_model(str(tmp_path / name))


def test_models_lists_what_is_there_and_goes_on_after_a_broken_file(tmp_path):
    """Runs, checkpoints and archives with features and origin; what cannot be used, with its problem."""
    trained = {"datasets": [{"name": "shot"}], "step": 70, "origin": "Open Image Denoise 2.5"}
    write_checkpoint(tmp_path / "run" / "best.pt", checkpoint_of(PAPER, **trained))
    write_checkpoint(tmp_path / "z.pt", checkpoint_of(dataclasses.replace(OIDN, clean_guides=True), origin="elsewhere"))
    write_tza(tmp_path / "a.tza", tensors_of(checkpoint_of(OIDN)))
    (tmp_path / "broken.tza").write_bytes(b"no archive")
    (tmp_path / "broken.pt").write_bytes(b"no checkpoint")
    (tmp_path / "notes.txt").touch()
    (tmp_path / "empty").mkdir()
    listed = list_models([tmp_path, tmp_path / "nowhere"])
    assert [model.name for model in listed if model.name in BUILTIN and not model.problem] == list(BUILTIN)
    rest = {model.name.removeprefix(f"{tmp_path}/"): model for model in listed[len(BUILTIN) :]}
    assert list(rest) == ["a.tza", "broken.pt", "broken.tza", "run", "z.pt"]
    assert {name for name, model in rest.items() if model.problem} == {"broken.pt", "broken.tza"}
    assert "broken.tza" in rest["broken.tza"].problem
    assert rest["run"].origin == "trained on shot, step 70; started from Open Image Denoise 2.5"
    assert rest["z.pt"].features == ("albedo (prefiltered)", "normal (prefiltered)") and rest["z.pt"].origin == "elsewhere"
    assert rest["a.tza"].parameters == sum(tensor.numel() for tensor in checkpoint_of(OIDN).weights.values())


def two_taps(config):
    """A checkpoint whose filters have two taps of 0.5 and no bias: such a sum is the same in any order, so that equal
    functions give equal bits with any kernel. (With all taps the order depends on the number of channels.)
    """
    checkpoint = checkpoint_of(config)
    for name, tensor in checkpoint.tensors().items():
        if tensor.ndim == 4:
            taps = torch.rand_like(tensor).flatten(1).topk(2).indices
            checkpoint.weights[name] = torch.zeros_like(tensor).flatten(1).scatter(1, taps, 0.5).view_as(tensor)
        elif name.endswith("bias"):
            checkpoint.weights[name] = torch.zeros_like(tensor)
    return checkpoint


NARROW = [
    dataclasses.replace(config, features=features)
    for config in (OIDN, LARGE, PAPER)
    for features in ((), ("albedo", "normal"), ("albedo", "depth"), ("depth",))
]


@pytest.mark.parametrize("narrow", NARROW, ids=lambda config: "-".join([config.network.topology, *config.features]))
def test_a_wider_network_starts_as_the_same_function(narrow):
    """Guides added behind, before and between: whatever the new channels hold, not a bit of the output changes."""
    torch.manual_seed(5)
    x = torch.rand(2, 10, 33, 70)
    places = dataclasses.replace(narrow, features=FEATURES).layout.places()
    seen = [number for name in narrow.layout.names for number in range(places[name].start, places[name].stop)]
    other = torch.rand_like(x)
    other[:, seen] = x[:, seen]
    with torch.no_grad():
        exact, real = two_taps(narrow), checkpoint_of(narrow)
        wide = load_network(widen(exact, FEATURES))
        before = load_network(exact)(x[:, seen])
        assert wide.specification.features == FEATURES and before.std() > 0
        assert torch.equal(wide(x), before) and torch.equal(wide(other), before)
        torch.testing.assert_close(load_network(widen(real, FEATURES))(x), load_network(real)(x[:, seen]), rtol=1e-4, atol=1e-5)


def test_widening_keeps_where_the_weights_come_from_and_may_have_nothing_to_do():
    checkpoint = checkpoint_of(OIDN, origin="elsewhere")
    assert widen(checkpoint, OIDN.features) is checkpoint
    assert widen(checkpoint, FEATURES).provenance == Provenance(origin="elsewhere")


@pytest.mark.parametrize("features", [(), ("albedo",), ("normal", "depth")])
def test_leaving_out_a_feature_is_refused(features):
    with pytest.raises(N2NError, match="leaves out") as caught:
        widen(checkpoint_of(OIDN), features)
    assert "--features albedo,normal" in caught.value.hint


@pytest.mark.parametrize("topology, widths", [("oidn", (5, 6, 7, 8) * 3 + (5, 6, 7)), ("oidn_large", (5, 6, 7, 8, 9, 4) * 3)])
def test_widths_of_ones_own_run_at_any_size(topology, widths):
    """Each convolution has the width that it was given, under Open Image Denoise's name for it; any size comes out."""
    network = OidnUNet(dataclasses.replace(OIDN, features=FEATURES, network=OidnNetwork(topology, widths))).eval()
    down, bottom, up = OIDN_LAYERS[topology]
    convolutions = network.convolutions()
    assert list(convolutions) == [name for stage in (*down, bottom, *up) for name in stage]
    assert [conv.out_channels for conv in convolutions.values()] == [*widths, 3]
    for size in ((1, 1), (16, 31), (33, 70)):
        assert network(torch.rand(2, 10, *size)).shape == (2, 3, *size)


@pytest.mark.parametrize(
    "channels, name",
    [
        (("color", "albedo", "normal", "depth"), "oidn"),
        (("albedo", "color"), "oidn-albedo"),
        (("color", "normal"), "oidn-color"),
        ((), "oidn-color"),
    ],
)
def test_the_model_that_makes_the_most_of_a_file_is_chosen(channels, name):
    """It needs nothing that is not there."""
    assert choose(channels) == name
    assert set(open_model(name).model.features) <= set(channels)

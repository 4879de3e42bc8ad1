"""Checkpoints describe themselves, load weights-only and are whole or not there."""

import pytest
import torch

from n2n_render.errors import N2NError
from n2n_render.network.build import build_network
from n2n_render.network.checkpoint import Checkpoint, load_network, read_checkpoint, write_checkpoint
from n2n_render.network.paper import UNet
from n2n_render.network.provenance import Provenance
from n2n_render.network.specification import OIDN_NETWORKS, OidnNetwork, PaperNetwork, Specification, oidn_specification

CONFIG = Specification(
    features=("albedo",), network=PaperNetwork(levels=1, encoder_width=4, decoder_width=4, head_widths=(4, 4))
)


def test_a_checkpoint_says_how_to_build_its_network(tmp_path):
    network = UNet(CONFIG).eval()
    write_checkpoint(tmp_path / "a.pt", Checkpoint(CONFIG, network.state_dict(), Provenance(datasets=({"sha256": "abc"},))))
    found = read_checkpoint(tmp_path / "a.pt")
    assert found.model == CONFIG and found.provenance.datasets[0]["sha256"] == "abc"
    x = torch.rand(1, 6, 8, 8)
    torch.testing.assert_close(load_network(found)(x), network(x))


def test_a_run_folder_stands_for_its_best_checkpoint(tmp_path):
    for name, step in (("last.pt", 2), ("best.pt", 1)):
        write_checkpoint(tmp_path / name, Checkpoint(CONFIG, UNet(CONFIG).state_dict(), Provenance(step=step)))
    assert read_checkpoint(tmp_path).provenance.step == 1


class Evil:
    def __reduce__(self):
        return print, ("executed",)


def test_bad_files_are_errors_and_run_no_code(tmp_path, capsys):
    torch.save({"model": Evil(), "weights": {}}, tmp_path / "evil.pt")
    torch.save({"some": "thing"}, tmp_path / "other.pt")
    (tmp_path / "text.pt").write_text("no checkpoint")
    write_checkpoint(tmp_path / "good.pt", Checkpoint(CONFIG, UNet(CONFIG).state_dict()))
    (tmp_path / "short.pt").write_bytes((tmp_path / "good.pt").read_bytes()[:2000])
    for name in ("evil.pt", "other.pt", "text.pt", "short.pt", "missing.pt"):
        with pytest.raises(N2NError, match=name):
            read_checkpoint(tmp_path / name)
    assert "executed" not in capsys.readouterr().out


def test_weights_that_do_not_fit_are_refused():
    with pytest.raises(N2NError, match="do not fit"):
        load_network(Checkpoint(Specification(), UNet(CONFIG).state_dict()))


def test_unknown_settings_are_refused(tmp_path):
    content = {"format": 1, "model": {"features": [], "wings": 2}, "weights": {}, "provenance": {}, "training": None}
    torch.save(content, tmp_path / "a.pt")
    with pytest.raises(N2NError, match="wings"):
        read_checkpoint(tmp_path / "a.pt")


def test_networks_that_looked_at_neighbours_in_the_former_way_are_a_sentence(tmp_path):
    model = {"features": ["albedo", "normal", "neighbors"], "encoding": "pu", "output": "encoded", "topology": "oidn"}
    for version in (1, 2):
        content = {"format": version, "model": model, "weights": {}, "provenance": {}, "training": None}
        torch.save(content, tmp_path / "a.pt")
        with pytest.raises(N2NError, match="earlier version with --temporal") as caught:
            read_checkpoint(tmp_path / "a.pt")
        assert "again" in caught.value.hint


SHARED = {"features": ["albedo"], "subject": "color", "unit_normals": False, "clean_guides": True}
FORMER_MODELS = {
    "paper": (
        {
            **SHARED,
            "encoding": "log",
            "output": "radiance",
            "norm": "batch",
            "topology": "paper",
            "widths": [],
            "head": "direct",
            "levels": 2,
            "encoder_width": 4,
            "decoder_width": 6,
            "head_widths": [5, 3],
        },
        PaperNetwork("batch", "direct", 2, 4, 6, (5, 3)),
    ),
    "oidn": (
        {
            **SHARED,
            "encoding": "pu",
            "output": "encoded",
            "norm": "none",
            "topology": "oidn",
            "widths": [4] * 15,
            "head": "direct",
            "levels": 5,
            "encoder_width": 48,
            "decoder_width": 96,
            "head_widths": [64, 32],
        },
        OidnNetwork("oidn", (4,) * 15, "none"),
    ),
}


@pytest.mark.parametrize("model, network", FORMER_MODELS.values(), ids=FORMER_MODELS)
def test_checkpoints_of_format_1_can_be_read(tmp_path, model, network):
    """One flat description of all networks, how far it looks in the settings of the training, other names."""
    expected = Specification(("albedo",), model["encoding"], model["output"], clean_guides=True, network=network)
    provenance = {
        "config": {"temporal": 2, "init": "oidn"},
        "adapt_key": "abc",
        "share": 0.5,
        "step": 7,
        "seconds": 1.5,
        "checks": [[1, 0.5, 0.25]],
        "trained_on": ["shot/a"],
        "farm": {"host": "here"},
    }
    weights = build_network(expected).state_dict()
    content = {"format": 1, "n2n_render": "0.1", "model": model, "weights": weights, "provenance": provenance}
    torch.save({**content, "training": None}, tmp_path / "a.pt")
    found = read_checkpoint(tmp_path / "a.pt")
    assert found.model == expected
    told = found.provenance
    assert (told.options, told.key, told.blend_weight) == ({"temporal": 2, "init": "oidn"}, "abc", 0.5)
    assert (told.step, told.seconds, told.checks, told.trained_on) == (7, 1.5, ((1, 0.5, 0.25),), ("shot/a",))
    write_checkpoint(tmp_path / "b.pt", found)
    again = read_checkpoint(tmp_path / "b.pt")
    assert (again.model, again.provenance) == (found.model, told) and told.others == {"farm": {"host": "here"}}


@pytest.mark.parametrize(
    "values, says",
    [
        ([], "provenance"),
        ({"config": {"temporal": 99}}, "config: temporal"),
        ({"share": 2}, "share is 2"),
        ({"checks": [[1]]}, "checks"),
        ({"datasets": [{"name": 3}]}, "name"),
    ],
)
def test_a_damaged_provenance_is_told_of_by_its_name_in_the_file(values, says):
    with pytest.raises(N2NError, match=f"a.pt: provenance.*{says}|a.pt: {says}"):
        Provenance.from_dict(values, "a.pt: provenance", "Use another.", former=True)
    with pytest.raises(N2NError, match="key is missing"):
        Provenance(step=1).require(("step", "key"), "a.pt", "Use another.")


@pytest.mark.parametrize(
    "values, says",
    [
        ([], "not names"),
        ({"topology": "round"}, "topology"),
        ({"topology": "oidn", "output": "encoded", "levels": "five"}, "levels"),
        ({"widths": [8]}, "widths"),
        ({"network": {}}, "network"),
        ({"topology": "oidn"}, "output"),
    ],
)
def test_a_description_that_cannot_be_is_refused(values, says):
    with pytest.raises(N2NError, match=f"a.pt: .*{says}"):
        Specification.from_dict(values, "a.pt")


def test_a_specification_says_what_goes_in_and_out():
    albedo = oidn_specification(*OIDN_NETWORKS["oidn"], features=("normal",), subject="albedo")
    assert albedo.layout.names == ("color", "normal") and albedo.in_channels == 6
    assert (albedo.gives.name, albedo.gives.count, albedo.alignment) == ("albedo", 3, 16)
    assert Specification.from_dict(albedo.to_dict()) == albedo

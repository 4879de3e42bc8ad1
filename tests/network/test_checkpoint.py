"""Checkpoints describe themselves, load weights-only and are whole or not there."""

import pytest
import torch

from n2n_render.errors import N2NError
from n2n_render.network.checkpoint import Checkpoint, load_network, read_checkpoint, write_checkpoint
from n2n_render.network.model import ModelConfig
from n2n_render.network.unet import UNet

CONFIG = ModelConfig(features=("albedo",), levels=1, encoder_width=4, decoder_width=4, head_widths=(4, 4))


def test_a_checkpoint_says_how_to_build_its_network(tmp_path):
    network = UNet(CONFIG).eval()
    write_checkpoint(tmp_path / "a.pt", Checkpoint(CONFIG, network.state_dict(), {"datasets": [{"sha256": "abc"}]}))
    found = read_checkpoint(tmp_path / "a.pt")
    assert found.model == CONFIG and found.provenance["datasets"][0]["sha256"] == "abc"
    x = torch.rand(1, 6, 8, 8)
    torch.testing.assert_close(load_network(found)(x), network(x))


def test_a_run_folder_stands_for_its_best_checkpoint(tmp_path):
    for name, step in (("last.pt", 2), ("best.pt", 1)):
        write_checkpoint(tmp_path / name, Checkpoint(CONFIG, UNet(CONFIG).state_dict(), {"step": step}))
    assert read_checkpoint(tmp_path).provenance["step"] == 1


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
        load_network(Checkpoint(ModelConfig(), UNet(CONFIG).state_dict()))


def test_unknown_settings_are_refused(tmp_path):
    content = {"format": 1, "model": {"features": [], "wings": 2}, "weights": {}, "provenance": {}, "training": None}
    torch.save(content, tmp_path / "a.pt")
    with pytest.raises(N2NError, match="wings"):
        read_checkpoint(tmp_path / "a.pt")

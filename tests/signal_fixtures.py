"""Models of photographs and slices with random weights, which give a picture at once."""

import pytest

from n2n_render.network.build import build_network
from n2n_render.network.checkpoint import Checkpoint, write_checkpoint
from n2n_render.network.provenance import Provenance
from n2n_render.network.specification import PaperNetwork, signal_specification


@pytest.fixture
def signal_model(tmp_path):
    """signal_model(noise, channels, trained_on) → the path of a checkpoint."""

    def make(noise="gaussian:0-50", channels=3, trained_on=()):
        model = signal_specification(channels, PaperNetwork("none", "direct", 2, 8, 8))
        told = Provenance(options={"noise": noise}, datasets=({"name": "photos"},), step=7, trained_on=tuple(trained_on))
        path = tmp_path / f"{noise.partition(':')[0]}{channels}.pt"
        write_checkpoint(path, Checkpoint(model, build_network(model, seed=3).state_dict(), told))
        return str(path)

    return make

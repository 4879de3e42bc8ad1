"""What the tests of `adapt` share: a tiny network, a tiny shot, and the command."""

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from conftest import noisy_frame, true_frame

from n2n_render.cli.commands import main
from n2n_render.io.array_files import ArrayFile, save_array
from n2n_render.io.exr import write_frame
from n2n_render.learn.shot import ShotFrame
from n2n_render.network.checkpoint import Checkpoint, write_checkpoint
from n2n_render.network.paper import UNet
from n2n_render.network.provenance import Provenance
from n2n_render.network.specification import PaperNetwork, Specification

SIZE = (64, 96)
NAMES = ["v000_f0001.exr", "v001_f0001.exr", "v002_f0001.exr"]
COMBINED = [f"ViewLayer.Combined.{channel}" for channel in "RGB"]
ERROR = "ViewLayer.Error.V"


@pytest.fixture
def start(tmp_path):
    """A checkpoint of a tiny network that knows nothing yet."""
    torch.manual_seed(1)
    config = Specification(
        features=("albedo",), network=PaperNetwork(levels=2, encoder_width=8, decoder_width=8, head_widths=(8, 8), norm="none")
    )
    write_checkpoint(tmp_path / "start.pt", Checkpoint(config, UNet(config).state_dict(), Provenance(origin="a test")))
    return tmp_path / "start.pt"


@pytest.fixture
def shot(make_dataset):
    return make_dataset(views=3, size=SIZE)


def adapt(inputs, out, init, *more, steps=2):
    """The command, as fast as it can be; `more` comes last, so that it wins. Returns click's result."""
    quick = ["--device", "cpu", "--engine", "torch", "--average", "1", "--batch", "2", "--crop", "48", "--steps", steps]
    inputs = inputs if isinstance(inputs, list) else [inputs]
    return CliRunner().invoke(main, [*map(str, ["adapt", *inputs, "-o", out, "--init", init, *quick, *more])])


def adapted(*arguments, **changes):
    """The same where it must succeed."""
    result = adapt(*arguments, **changes)
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result


def report(out):
    """report.json, which must hold plain numbers only."""

    def refuse(name):
        raise AssertionError(f"{name} in {out}/report.json")

    return json.loads((out / "report.json").read_text(), parse_constant=refuse)


def times(out, pattern="*.exr"):
    return {path.name: path.stat().st_mtime_ns for path in out.glob(pattern)}


def assert_refused(result, says):
    """One sentence and a hint."""
    assert result.exit_code == 1 and "error:" in result.output and says in result.output
    assert len(result.output[result.output.index("error:") :].strip().splitlines()) == 2
    assert isinstance(result.exception, SystemExit)


@pytest.fixture
def loose(tmp_path):
    """Two frames of two seeds outside any dataset: a_0001.exr, a_0002.exr, b_0001.exr, b_0002.exr."""
    for frame in (1, 2):
        for seed, name in enumerate("ab"):
            write_frame(tmp_path / f"{name}_000{frame}.exr", noisy_frame(true_frame(*SIZE, frame), 10 * frame + seed))
    return tmp_path


def make_frame(folder, images, initial_estimate, index=0) -> ShotFrame:
    """images (seeds, H, W, 10), initial_estimate (H, W, 3)."""
    files = []
    for name, array in (("images", images), ("initial_estimate", initial_estimate)):
        save_array(folder / f"{name}{index}.npy", array.astype(np.float16))
        files.append(ArrayFile.of(folder / f"{name}{index}.npy"))
    return ShotFrame((), *files)

"""serve: `describe`, and what runs where only the runtime of the extension is."""

import json
import os

import pytest
from conftest import noisy_frame, true_frame
from serve_fixtures import denoise, write_moving

from n2n_render.export.files import write_checked
from n2n_render.io.exr import ExrImage, read_frame, write_frame
from n2n_render.network.checkpoint import Checkpoint, write_checkpoint
from n2n_render.network.provenance import Provenance
from n2n_render.network.registry import list_models, open_model, sidecar_path

BARE = """
import sys
for name in ("torch", "openvino", "click", "rich", "filelock", "PIL", "matplotlib"):
    sys.modules[name] = None
from n2n_render.serve.server import main
main()
"""  # what a Blender has besides: numpy, OpenEXR and pyoidn


@pytest.mark.slow
def test_describe_lists_engines_and_models(served, tmp_path):
    (tmp_path / "mine.tza").write_text("not a model")
    served.ask(id=1, do="describe", folders=[str(tmp_path)])
    found, _ = served.last(1)
    assert found["event"] == "done" and found["version"] and found["training"] is None
    assert "cpu" in {kind for devices in found["engines"].values() for kind in devices}
    models = {model["name"]: model for model in found["models"]}
    assert models["oidn-small"]["features"] and not models["oidn-small"]["problem"]
    assert models["oidn-small"]["title"] == "Open Image Denoise, small"
    assert models[str(tmp_path / "mine.tza")]["problem"] and models[str(tmp_path / "mine.tza")]["title"] == "mine"


@pytest.mark.slow
def test_describe_says_what_a_training_would_run_on(served):
    served.ask(id=1, do="describe", training=True)
    training = served.last(1)[0]["training"]
    assert training["version"].startswith("2.") and training["device"] in training["name"].lower()


@pytest.mark.slow
def test_a_model_is_titled_by_scene_day_and_gain_as_far_as_they_are_known(tmp_path):
    """In a checkpoint, and in what is exported of it."""
    model, frame = open_model("oidn-small"), noisy_frame(true_frame(48, 64), 1)
    titles = {
        "full": (Provenance(scene="attic", made="2026-11-26", gain_db=0.62), "attic, 2026-11-26, +0.6 dB"),
        "idle": (Provenance(scene="attic", made="2026-11-26", gain_db=0.0), "attic, 2026-11-26, no gain"),
        "trained": (Provenance(datasets=({"name": "d", "scene": "barn.blend"}, {"name": "e", "scene": "barn.blend"})), "barn"),
        "old": (Provenance(origin="long ago"), "old"),
    }
    for name, (told, _) in titles.items():
        checkpoint = Checkpoint(model.model, model.tensors(), told)
        write_checkpoint(tmp_path / f"{name}.pt", checkpoint)
        write_checked(checkpoint, "tza", tmp_path / f"{name}.tza", frame, "float16")
    found = {model.name: model.title for model in list_models([tmp_path])}
    for name, (_, title) in titles.items():
        assert found[str(tmp_path / f"{name}.pt")] == title
        if name != "trained":  # a description has no datasets
            assert found[str(tmp_path / f"{name}.tza")] == title
    beside = sidecar_path(tmp_path / "full.tza")
    beside.write_text(json.dumps({**json.loads(beside.read_text()), "gain_db": "much"}))
    listed = next(model for model in list_models([tmp_path]) if model.name.endswith("full.tza"))
    assert "gain_db" in listed.problem and listed.title == "full"


@pytest.fixture
def bare(start_serving):
    return start_serving("-c", BARE)


@pytest.mark.slow
def test_the_extensions_own_runtime_does_all_but_learning(bare, noisy_file, tmp_path):
    rendered, second = write_moving(tmp_path / "noisy", 1), write_moving(tmp_path / "second", 2)
    sharp = tmp_path / "sharp.exr"
    write_frame(sharp, read_frame(rendered / "f_0001.exr", ("vector",)))
    requests = [
        {"do": "describe", "training": True},
        {"do": "check", "model": "oidn-small", "inputs": [str(noisy_file)]},
        denoise(noisy_file, output=str(tmp_path / "out.exr"), average=2),
        {"do": "vectors", "source": str(sharp), "into": [str(rendered / "f_0001.exr")]},
        {
            "do": "frames",
            "model": "oidn-small",
            "inputs": [str(rendered)],
            "pairs": [str(second)],
            "temporal": 1,
            "output": str(tmp_path / "clean"),
        },
        {
            "do": "pictures",
            "input": str(tmp_path / "clean" / "f_0001.exr"),
            "rendered": str(rendered / "f_0001.exr"),
            "folder": str(tmp_path / "pictures"),
        },
    ]
    answers = []
    for identity, request in enumerate(requests):
        bare.ask(id=identity, **request)
        answers.append(bare.last(identity)[0])
        assert answers[-1]["event"] == "done", answers[-1]
    described, _, denoised, _, frames, pictures = answers
    assert described["training"] is None and "OIDN" in denoised["engine"] and "OIDN" in frames["engine"]
    assert pictures == {"id": 5, "event": "done", "layers": {"ViewLayer": 0}, "errors": []}
    for path in (tmp_path / "out.exr", *map(tmp_path.joinpath, frames["outputs"])):
        assert (ExrImage.open(path).frame().color >= 0).all()
    bare.ask(id="adapt", do="adapt", inputs=[str(rendered)], pairs=[str(second)], output=str(tmp_path / "shot"))
    found, _ = bare.last("adapt")
    assert found["event"] == "error" and "PyTorch" in found["what"] and "Install" in found["hint"]
    assert not (tmp_path / "shot").exists()


@pytest.mark.slow
def test_a_pytorch_that_cannot_be_loaded_is_told_of_and_all_else_works(noisy_file, start_serving, tmp_path, monkeypatch):
    """As where a library of its own is missing."""
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "torch.py").write_text("raise ImportError('c10.dll was not found')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "broken"), prepend=os.pathsep)
    served = start_serving()
    served.ask(id=1, do="describe", training=True)
    found, before = served.last(1)
    assert found["event"] == "done" and found["training"] is None, found
    assert found["engines"] and "torch" not in found["engines"]
    assert "c10.dll" in before[0]["message"]
    served.ask(id=2, **denoise(noisy_file, output=str(tmp_path / "out.exr")))
    assert served.last(2)[0]["event"] == "done"
    served.ask(id=3, do="adapt", inputs=[str(noisy_file)], pairs=[str(noisy_file)], output=str(tmp_path / "shot"))
    found, _ = served.last(3)
    assert found["event"] == "error" and "c10.dll" in found["what"] and "Install" in found["hint"]

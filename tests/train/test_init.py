"""Training that starts from a model: at step 0 it is that model; it says where it comes from; and it resumes exactly."""

import contextlib

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from test_training import config, interrupt_at

from n2n_render.cli.commands import main
from n2n_render.denoise import Denoiser
from n2n_render.engines.oidn import archive_tensors
from n2n_render.engines.options import EngineOptions
from n2n_render.errors import N2NError
from n2n_render.frame.channels import FEATURES
from n2n_render.frame.frame import mean_frame
from n2n_render.frame.transfer import exposure
from n2n_render.guides.prefilter import Prefilter
from n2n_render.io.exr import read_frame
from n2n_render.learn.arrays import split_exposed
from n2n_render.learn.running import denoise_array
from n2n_render.network.archive import write_tza
from n2n_render.network.build import fold
from n2n_render.network.checkpoint import load_network, read_checkpoint
from n2n_render.network.registry import open_model
from n2n_render.network.widen import widen
from n2n_render.train import ResumeOptions, resume, train
from n2n_render.train.training import Run

GUIDES = ("albedo", "normal")
OIDN = {"init": "oidn-small", "features": GUIDES, "steps": 6}


def make_prefilter(model):
    """As training does."""
    return Prefilter.open(model, EngineOptions("cpu"))


def assert_same(found, expected):
    assert list(found) == list(expected)
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor, rtol=0, atol=0, check_dtype=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    "features, prefilter, model",
    [
        (GUIDES, None, "oidn-small"),
        (GUIDES, False, "oidn-small-noisy-aux"),
        (FEATURES, None, "oidn-small"),
        (("albedo", "depth"), None, "oidn-small-albedo"),
        ((), None, "oidn-small"),
    ],
)
def test_step_0_is_open_image_denoise(make_dataset, tmp_path, open_run, features, prefilter, model):
    """With depth too: its weights are zero. The averaged network, which is what will be kept, starts there as well."""
    wanted = config(make_dataset(), tmp_path / "run", init="oidn-small", features=features, prefilter=prefilter)
    run = open_run(wanted)
    expected = widen(open_model(model), features or GUIDES)
    assert run.loop.model == expected.model and run.loop.steps == 0
    assert_same(run.loop.network.state_dict(), expected.tensors())
    assert_same(run.loop.average.state_dict(), expected.tensors())


@pytest.mark.slow
def test_a_run_says_where_its_weights_come_from(make_dataset, tmp_path):
    """After some steps: other weights, a checkpoint that opens and denoises, the origin and its licence in it."""
    folder = make_dataset()
    run = train(config(folder, tmp_path / "run", **{**OIDN, "features": FEATURES})).folder
    found = open_model(str(run))
    assert "Open Image Denoise" in found.provenance.origin and "Apache-2.0" in found.provenance.origin
    told = found.provenance
    assert told.describe().startswith(f"trained on data, step {told.step}; started from Open Image Denoise")
    start = widen(open_model("oidn-small"), FEATURES)
    changed = [name for name, tensor in start.tensors().items() if not torch.equal(tensor, found.tensors()[name])]
    assert len(changed) > 25 and found.tensors()["enc_conv0.0.weight"][:, 9].abs().max() > 0  # depth is being learnt
    frame = read_frame(sorted(folder.glob("*.exr"))[0], found.model.features)
    denoiser = Denoiser.open(found, EngineOptions("cpu", "torch"))
    assert denoiser.prefilter and np.isfinite(denoiser.denoise(frame)).all()


@pytest.mark.slow
@pytest.mark.nightly
def test_resumed_equals_uninterrupted(make_dataset, tmp_path, monkeypatch):
    folder = make_dataset()
    train(config(folder, tmp_path / "whole", **OIDN))
    interrupt_at(monkeypatch, 3, lambda: train(config(folder, tmp_path / "parts", **OIDN)))
    resume(ResumeOptions(str(tmp_path / "parts")))
    whole, parts = (read_checkpoint(tmp_path / name / "last.pt") for name in ("whole", "parts"))
    assert_same(parts.tensors(), whole.tensors())
    assert_same(parts.training["network"], whole.training["network"])
    assert parts.provenance.origin == whole.provenance.origin


@pytest.mark.slow
def test_a_run_of_ours_is_a_start(make_dataset, tmp_path, open_run):
    """Step 0 is its best checkpoint, whatever else the config says; BatchNorm keeps its statistics to the end."""
    folder = make_dataset()
    first = train(config(folder, tmp_path / "first", features=GUIDES, steps=12)).folder
    second = config(folder, tmp_path / "second", init=str(first), features=FEATURES, steps=4, levels=4, norm="none")
    run = open_run(second)
    expected = widen(read_checkpoint(first), FEATURES)
    assert run.loop.model == expected.model and run.loop.model.network.norm == "batch" and run.loop.model.network.levels == 2
    assert_same(run.loop.network.state_dict(), expected.tensors())
    run.train()
    found = read_checkpoint(tmp_path / "second" / "last.pt")
    assert f"trained on data, step {expected.provenance.step}" in found.provenance.origin
    buffers = [name for name, _ in load_network(found).named_buffers()]
    assert buffers and all(torch.equal(found.tensors()[name].float(), expected.tensors()[name].float()) for name in buffers)


@pytest.mark.slow
def test_an_archive_is_a_start(make_dataset, tmp_path, silent):
    tensors = archive_tensors(open_model("oidn-small-noisy-aux"), "float32")
    write_tza(tmp_path / "a.tza", tensors)
    wanted = config(make_dataset(), tmp_path / "run", init=str(tmp_path / "a.tza"), features=(), steps=2)
    with contextlib.ExitStack() as held:
        run = Run.open(wanted, silent, held)
        assert run.loop.model.features == GUIDES  # none asked for: those of the archive
        assert_same(run.loop.network.state_dict(), open_model("oidn-small-noisy-aux").tensors())
        run.train()
    (tmp_path / "a.tza").unlink()  # a run goes on without what it started from
    resume(ResumeOptions(str(tmp_path / "run"), steps=3))
    found = read_checkpoint(tmp_path / "run" / "last.pt")
    assert "a.tza" in found.provenance.origin and found.provenance.step == 3


@pytest.mark.slow
def test_a_model_for_clean_guides_is_trained_with_clean_ones(make_dataset, tmp_path, open_run):
    """Albedo and normal in the cache are the prefilter's; depth and another run's raw ones stay what they were."""
    folder = make_dataset(views=2)
    clean = open_run(config(folder, tmp_path / "clean", **{**OIDN, "features": FEATURES}))
    raw = open_run(config(folder, tmp_path / "raw", **{**OIDN, "features": FEATURES}, prefilter=False))
    assert clean.loop.model.clean_guides and not raw.loop.model.clean_guides
    pair = clean.loop.sampler.pairs[0].pair
    assert raw.loop.sampler.pairs[0].pair == pair
    for seed, path in enumerate(pair.noisy):
        frame = read_frame(path, GUIDES)
        cleaned = make_prefilter(clean.loop.model)(frame)
        for run, expected in ((clean, cleaned), (raw, frame)):
            guides = split_exposed(run.loop.sampler.pairs[0].images[seed])
            for feature in GUIDES:
                np.testing.assert_allclose(guides[feature], expected[feature], atol=2e-3)
        assert np.abs(cleaned.albedo - frame.albedo).mean() > 1e-4
    depths = [run.loop.sampler.pairs[0].images[..., -1] for run in (clean, raw)]
    np.testing.assert_array_equal(*depths)


@pytest.mark.slow
@pytest.mark.nightly
def test_another_prefilter_is_another_cache(make_dataset, tmp_path, open_run):
    """The large model has larger ones clean its guides: it is not given those that the small one left in the cache."""
    folder = make_dataset(views=2)
    for init in ("oidn-small", "oidn-large"):
        run = open_run(config(folder, tmp_path / init, init=init, features=GUIDES))
        cached = run.loop.sampler.pairs[0]
        expected = make_prefilter(run.loop.model)(read_frame(cached.pair.noisy[0], GUIDES)).normal
        found = split_exposed(cached.images[0])["normal"]
        np.testing.assert_allclose(found, expected, atol=1e-3)


@pytest.mark.slow
def test_training_sees_what_denoising_does(make_dataset, tmp_path, open_run):
    """From the cache (half floats, the pair's exposure) and from the file the same network makes the same picture."""
    run = open_run(config(make_dataset(views=2, size=(64, 64)), tmp_path / "run", **OIDN))
    cached = run.loop.sampler.pairs[0]
    frames = [read_frame(path, GUIDES) for path in cached.pair.noisy]
    exposed = denoise_array(run.loop.network, run.loop.model, cached.images[0], torch.device("cpu"))
    seen = exposed / exposure(mean_frame(frames).color)
    expected = Denoiser.open(open_model("oidn-small"), EngineOptions("cpu", "torch")).denoise(frames[0])
    assert np.abs(seen - expected).mean() < 0.01 * expected.mean()


@pytest.mark.slow
@pytest.mark.parametrize("network, steps", [("oidn-small", 120), ("oidn-large", 2)])
@pytest.mark.nightly
def test_open_image_denoises_topology_trains_from_nothing(make_dataset, tmp_path, open_run, network, steps):
    """With BatchNorm, which folds away: into tensors that its runtime can be given. The small one is let learn something."""
    wanted = config(make_dataset(views=3), tmp_path / "run", network=network, features=GUIDES, steps=steps, learning_rate=2e-3)
    run = open_run(wanted)
    run.train()
    assert steps == 2 or run.keeper.journal.records[-1]["pair_error"] < 0.9  # the noisy input's own is about 1
    found = read_checkpoint(tmp_path / "run" / "last.pt")
    assert found.model.network.norm == "batch" and found.provenance.origin is None
    trained, x = load_network(found), torch.rand(1, 9, 40, 56)
    assert any(isinstance(module, torch.nn.BatchNorm2d) for module in trained.modules())
    with torch.no_grad():
        torch.testing.assert_close(fold(trained)(x), trained(x), rtol=1e-3, atol=5e-4)
    tensors = archive_tensors(found)
    assert list(tensors) == list(archive_tensors(open_model(network)))
    assert all(np.isfinite(tensor).all() for tensor in tensors.values())


@pytest.mark.slow
def test_that_topology_trains_without_norms_too(make_dataset, tmp_path):
    data = make_dataset(views=2)
    result = CliRunner().invoke(
        main,
        [
            "train",
            "--hdr",
            "--features",
            "--data",
            str(data),
            "--network",
            "oidn-small",
            "--norm",
            "none",
            "--steps",
            "2",
            "--crop",
            "32",
            "--out",
            str(tmp_path / "run"),
        ],
    )
    assert result.exit_code == 0, result.output
    found = read_checkpoint(tmp_path / "run" / "last.pt")
    assert found.model.network.norm == "none" and found.model.network.topology == "oidn"
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in load_network(found).modules())


@pytest.mark.parametrize(
    "changes, says",
    [
        ({"init": "oidn-small-noisy-aux", "features": ("albedo", "depth")}, "leaves out"),
        ({"hdr": False}, "--ldr"),
        ({"init": "oidn-large", "features": ("albedo",)}, "oidn-large"),
        ({"init": "no such thing"}, "no such thing"),
        ({"init": None, "network": "oidn", "hdr": False}, "--ldr"),
    ],
)
def test_impossible_starts_are_refused_before_anything_is_made(make_dataset, tmp_path, changes, says):
    with pytest.raises(N2NError, match=says):
        train(config(make_dataset(), tmp_path / "run", **{**OIDN, **changes}))
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_models_of_another_kind_are_no_start(make_dataset, tmp_path):
    """A display-referred run for --hdr."""
    folder = make_dataset(views=2)
    run = train(config(folder, tmp_path / "display", steps=2, hdr=False, features=())).folder
    with pytest.raises(N2NError, match="--hdr"):
        train(config(folder, tmp_path / "run", init=str(run), features=(), steps=2))

"""Training: it learns, resumes exactly, keeps its promises about files, and BatchNorm has no train/evaluate gap."""

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from n2n_render.cli.commands import main
from n2n_render.errors import N2NError
from n2n_render.frame.channels import FEATURES
from n2n_render.io.exr import read_frame, write_frame, write_image
from n2n_render.learn.descent import learning_rate_factor
from n2n_render.learn.loop import Loop
from n2n_render.learn.norms import set_norms_fixed
from n2n_render.learn.running import denoise_array, encode_batch
from n2n_render.learn.validation import pair_error
from n2n_render.network.build import fold
from n2n_render.network.checkpoint import load_network, read_checkpoint
from n2n_render.renderers.cycles import written_as
from n2n_render.train import ResumeOptions, TrainOptions, resume, train
from n2n_render.train.earlier import Earlier
from n2n_render.train.pairs import features_of
from n2n_render.train.settled import settled

SMALL = {
    "hdr": True,
    "features": ("albedo", "normal", "depth"),
    "levels": 2,
    "encoder_width": 12,
    "decoder_width": 16,
    "batch": 4,
    "crop_px": 32,
    "precision": "float32",
    "device": "cpu",
    "warmup_steps": 10,
    "validations": 2,
}


def config(folder, out, **changes):
    return TrainOptions(data=(str(folder),), out=str(out), **{**SMALL, "steps": 40, **changes})


def weights(run, name="last.pt"):
    return read_checkpoint(run / name).weights


def records(run):
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.slow
def test_training_learns_from_noise_alone(make_dataset, tmp_path):
    """The held-out view gets much closer to its reference than the noisy input is."""
    folder = make_dataset(views=5, references=(2,), size=(64, 64))
    run = train(config(folder, tmp_path / "run", steps=250, learning_rate=2e-3)).folder
    first, last = records(run)[0], records(run)[-1]
    assert last["pair_error"] < 0.1 < 0.9  # the noisy input's own relative error is about 1
    assert last["psnr_db"] > 24 and last["relmse"] < 0.1, (first, last)


def interrupt_at(monkeypatch, step, begin):
    """Lets a training, which `begin` starts, run until Ctrl-C arrives after `step`."""
    train_step = Loop.step

    def interrupted(loop):
        train_step(loop)
        if loop.steps == step:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Loop, "step", interrupted)
        with pytest.raises(KeyboardInterrupt):
            begin()


@pytest.mark.slow
@pytest.mark.parametrize(
    "precision, step",
    [
        pytest.param("float32", 2, marks=pytest.mark.nightly),
        ("float32", 23),
        pytest.param("bfloat16", 23, marks=pytest.mark.nightly),
    ],
)
def test_resumed_equals_uninterrupted(make_dataset, tmp_path, monkeypatch, precision, step):
    """Interrupted before and after BatchNorm's statistics are fixed: bit for bit the same weights."""
    folder = make_dataset()
    train(config(folder, tmp_path / "whole", precision=precision))
    interrupt_at(monkeypatch, step, lambda: train(config(folder, tmp_path / "parts", precision=precision)))
    resume(ResumeOptions(str(tmp_path / "parts")))
    whole, parts = read_checkpoint(tmp_path / "whole" / "last.pt"), read_checkpoint(tmp_path / "parts" / "last.pt")
    for key, tensor in {**whole.weights, **whole.training["network"]}.items():
        other = {**parts.weights, **parts.training["network"]}[key]
        torch.testing.assert_close(other, tensor, rtol=0, atol=0)


@pytest.mark.slow
def test_a_run_of_an_earlier_version_goes_on(make_dataset, tmp_path):
    """Some of its settings had other names."""
    run = train(config(make_dataset(), tmp_path / "run", steps=3)).folder
    content = torch.load(run / "last.pt", weights_only=True)
    options = content["provenance"]["options"]
    for name, former in (("validation_fraction", "validation_share"), ("norm_batch_fraction", "norm_batch_share")):
        options[former] = options.pop(name)
    torch.save(content, run / "last.pt")
    assert resume(ResumeOptions(str(run), steps=5)).steps == 5
    assert "validation_fraction" in read_checkpoint(run / "last.pt").provenance.options


@pytest.mark.slow
def test_ctrl_c_saves_and_says_how_to_go_on(make_dataset, tmp_path, reporter, silent, monkeypatch):
    folder = make_dataset()
    interrupt_at(monkeypatch, 5, lambda: train(config(folder, tmp_path / "run", steps=1000), reporter))
    assert read_checkpoint(tmp_path / "run" / "last.pt").provenance.step == 5
    assert "--resume" in silent.notes[-1]


@pytest.mark.slow
def test_evaluation_has_no_gap_to_training(make_dataset, tmp_path, open_run):
    """What the optimiser saw at the end of the run is what inference does: same statistics, folded or not."""
    run = open_run(config(make_dataset(size=(64, 64)), tmp_path / "run", steps=60, learning_rate=2e-3))
    run.train()
    network = run.loop.network
    batch = {key: torch.from_numpy(value) for key, value in run.loop.sampler.make(0, stream=2).items()}
    x = encode_batch(run.loop.model, batch)
    network.train()
    set_norms_fixed(network)
    with torch.no_grad():
        training, evaluation = network(x), network.eval()(x)
        torch.testing.assert_close(evaluation, training, rtol=0, atol=0)
        torch.testing.assert_close(fold(network)(x), evaluation, rtol=1e-3, atol=1e-5)
    kept = load_network(read_checkpoint(tmp_path / "run" / "last.pt"))
    for ours, theirs in zip(kept.buffers(), network.buffers(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0, check_dtype=False)


@pytest.mark.slow
def test_a_run_folder_explains_itself(make_dataset, tmp_path):
    run = train(config(make_dataset(), tmp_path / "run", steps=10)).folder
    names = {path.name for path in run.iterdir()}
    assert {"best.pt", "last.pt", "config.json", "metrics.jsonl", "training.png", "previews", "events"} <= names
    found = read_checkpoint(run)
    assert found.model.features == ("albedo", "normal", "depth") and found.training is None
    assert len(found.provenance.datasets[0]["sha256"]) == 64
    assert found.provenance.trained_on == ("data/v000_f0001", "data/v001_f0001", "data/v003_f0001")
    assert {"loss", "learning_rate", "pair_error", "clamped_energy", "clipped_steps"} <= set(records(run)[-1])


@pytest.mark.slow
@pytest.mark.nightly
def test_fireflies_do_not_destroy_training(make_dataset, tmp_path):
    """Targets with outliers of a thousand times the mean: the loss of the run's second half never jumps."""
    folder = make_dataset(spread=6.0, size=(64, 64))
    run = train(config(folder, tmp_path / "run", steps=200, learning_rate=2e-3, validations=20)).folder
    errors = np.array([record["pair_error"] for record in records(run) if "pair_error" in record])
    assert np.isfinite(errors).all() and (np.diff(errors[10:]) < 0.5 * abs(errors[9])).all()
    assert all(torch.isfinite(tensor).all() for tensor in weights(run).values())


@pytest.mark.slow
def test_single_view_and_no_features_and_display_referred_work(make_dataset, tmp_path):
    folder = make_dataset(views=1)
    run = train(config(folder, tmp_path / "run", steps=10, features=(), hdr=False)).folder
    checkpoint = read_checkpoint(run)
    image = np.random.default_rng(1).random((48, 64, 10), np.float32)
    radiance = denoise_array(load_network(checkpoint), checkpoint.model, image, torch.device("cpu"))
    assert checkpoint.model.output == "display" and radiance.shape == (48, 64, 3) and (radiance >= 0).all()


@pytest.mark.slow
def test_the_last_record_is_a_validation_however_often_it_records(make_dataset, tmp_path, monkeypatch):
    monkeypatch.setattr("n2n_render.train.keeper.RECORD_EVERY_S", 0.0)
    found = records(train(config(make_dataset(views=2), tmp_path / "run", steps=6, validations=2)).folder)
    assert found[-1]["step"] == 6 and "pair_error" in found[-1]


@pytest.mark.slow
def test_frames_are_looked_at_in_tiles_without_a_seam(make_dataset, tmp_path):
    folder = make_dataset(views=1)
    checkpoint = read_checkpoint(train(config(folder, tmp_path / "run", steps=3)).best)
    image = np.random.default_rng(1).random((150, 210, 10), np.float32)
    network = load_network(checkpoint)
    whole, tiled = (denoise_array(network, checkpoint.model, image, torch.device("cpu"), tile_px=size) for size in (1000, 64))
    np.testing.assert_allclose(tiled, whole, atol=1e-4)


def test_noise_to_clean_needs_references(make_dataset, tmp_path):
    with pytest.raises(N2NError, match="references"):
        train(config(make_dataset(), tmp_path / "run", target="reference"))


@pytest.mark.slow
def test_without_options_it_learns_radiance_with_all_guides_that_every_render_holds(make_dataset, tmp_path, caplog):
    folder = make_dataset(views=3)
    (lacking,) = (path for path in folder.glob("*.exr") if path.name.startswith("v001") and "s0001" in path.name)
    write_frame(lacking, read_frame(lacking, ("albedo", "normal")))
    usual = config(folder, tmp_path / "run", steps=1, hdr=TrainOptions().hdr, features=TrainOptions().features)
    done = train(usual)
    found = read_checkpoint(done.last)
    assert found.model.features == ("albedo", "normal") and found.model.output == "radiance"
    assert found.provenance.options["features"] == ("albedo", "normal")
    assert resume(ResumeOptions(str(done.folder), steps=2)).steps == 2
    assert "depth is left out: 1 of 3 views lack it" in caplog.text


def test_of_files_with_layers_the_one_counts_that_holds_most(make_dataset, caplog):
    """It is the one that is read for these guides, too."""
    folder = make_dataset(views=2)
    for path in folder.glob("v001*.exr"):
        frame, channels = read_frame(path, FEATURES), {}
        for layer, features in (("Fog", ()), ("View", FEATURES)):
            for name in ("color", *features):
                passed, letters = written_as(name)
                pixels = np.ascontiguousarray(frame[name])
                channels |= {f"{layer}.{passed}.{letter}": pixels[..., at] for at, letter in enumerate(letters)}
        write_image(path, channels)
    assert features_of([str(folder)]) == FEATURES and not caplog.records


@pytest.mark.parametrize(
    "minutes, init, rate",
    [(20.0, None, 1e-3), (61.0, None, 3e-4), (20.0, "oidn", 1e-4)],
)
def test_the_learning_rate_fits_the_length_of_a_run(minutes, init, rate):
    assert settled(TrainOptions(minutes=minutes, init=init)).learning_rate == rate


@pytest.mark.parametrize(
    "changes, says",
    [({"loss": "l2_display"}, "--hdr"), ({"hdr": False, "loss": "l2"}, "is not for --ldr"), ({"device": "tpu"}, "tpu")],
)
def test_impossible_wishes_are_refused_before_anything_is_made(make_dataset, tmp_path, changes, says):
    with pytest.raises(N2NError, match=says):
        train(config(make_dataset(), tmp_path / "run", **changes))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("shape", [4.0, 0.2])
def test_pair_error_estimates_the_true_error_without_a_reference(shape):
    """Against the weighted squared error to a known truth, on a biased denoiser; also under heavy-tailed noise."""
    rng = np.random.default_rng(4)
    truth = np.full((512, 512, 3), 0.5, np.float32)
    a, b = (rng.gamma(shape, 0.5 / shape, truth.shape).astype(np.float32) for _ in range(2))
    assert pair_error(truth, a, b) == pytest.approx(0, abs=0.05 / shape)
    assert pair_error(truth * 2, a, b) == pytest.approx(0.5**2 / 0.51**2, rel=0.1 / shape)


def test_a_crop_too_small_for_batchnorm_is_refused(make_dataset, tmp_path):
    config = TrainOptions(data=(str(make_dataset()),), out=str(tmp_path / "run"), hdr=True, batch=1, crop_px=32, steps=1)
    with pytest.raises(N2NError, match="too little for BatchNorm"):
        train(config)


@pytest.mark.slow
@pytest.mark.nightly
def test_nothing_of_the_process_is_changed(make_dataset, tmp_path):
    """Threads, random numbers and what float32 means are as before, also after an error."""

    def state():
        return torch.get_num_threads(), torch.get_rng_state().tolist(), torch.backends.cudnn.allow_tf32, torch.initial_seed()

    before = state()
    train(config(make_dataset(), tmp_path / "run", steps=2, threads=torch.get_num_threads() + 1, seed=77))
    assert state() == before
    with pytest.raises(N2NError):
        train(config(tmp_path / "nowhere", tmp_path / "run", threads=torch.get_num_threads() + 1))
    assert state() == before


@pytest.mark.slow
def test_no_warm_up_is_no_division_by_zero(make_dataset, tmp_path):
    assert learning_rate_factor("constant", 0.0, 0, 0) == 1.0
    assert learning_rate_factor("constant", 0.0, 0, 4) == 0.25
    train(config(make_dataset(), tmp_path / "run", steps=2, warmup_steps=0))


@pytest.mark.slow
def test_steps_and_minutes_are_one_too_many(make_dataset, tmp_path):
    """Neither is dropped silently, in a new run or a resumed one; each by itself decides."""
    data = make_dataset()
    run = train(config(data, tmp_path / "run", steps=2)).folder
    for more in (["--resume", str(run)], ["--data", str(data), "--out", str(tmp_path / "new")]):
        result = CliRunner().invoke(main, ["train", *more, "--steps", "500", "--minutes", "3"])
        assert result.exit_code == 1 and "--steps and --minutes" in result.output
    assert not (tmp_path / "new").exists()
    with pytest.raises(N2NError, match="both"):
        ResumeOptions(str(run), steps=500, minutes=3.0)
    assert Earlier.open(run).options(ResumeOptions(str(run), minutes=3.0)).steps is None
    assert Earlier.open(run).options(ResumeOptions(str(run), steps=500)).steps == 500


@pytest.mark.slow
def test_what_cannot_be_written_for_a_while_is_written_later(make_dataset, tmp_path, open_run, silent, monkeypatch):
    """A checkpoint that fails once is a warning, and is there in the end."""
    run = open_run(config(make_dataset(), tmp_path / "run", steps=6, validations=3))
    (tmp_path / "run" / "last.pt").mkdir()
    (tmp_path / "run" / "training.png").mkdir()
    look = Loop.look

    def then(loop, *arguments):
        verdict = look(loop, *arguments)
        if loop.steps >= 4 and (tmp_path / "run" / "last.pt").is_dir():
            (tmp_path / "run" / "last.pt").rmdir()
        return verdict

    monkeypatch.setattr(Loop, "look", then)
    run.train()
    assert read_checkpoint(tmp_path / "run" / "last.pt").provenance.step == 6
    assert len([text for text in silent.warnings if "last.pt" in text]) == 1
    assert len([text for text in silent.warnings if "training.png" in text]) == 1


@pytest.mark.slow
def test_tensorboard_reads_the_events(make_dataset, tmp_path):
    loading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run = train(config(make_dataset(), tmp_path / "run", steps=6)).folder
    found = loading.EventAccumulator(str(run / "events"))
    found.Reload()
    for name in ("loss", "pair_error"):
        expected = [(record["step"], record[name]) for record in records(run) if name in record]
        assert [(event.step, pytest.approx(event.value)) for event in found.Scalars(name)] == expected

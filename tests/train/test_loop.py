"""Training: it learns, resumes exactly, keeps its promises about files, and BatchNorm has no train/evaluate gap."""

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from n2n_render.cli.commands import main
from n2n_render.errors import N2NError
from n2n_render.network.build import fold
from n2n_render.network.checkpoint import load_network, read_checkpoint
from n2n_render.train.descent import learning_rate_factor
from n2n_render.train.loop import Trainer, resumed_config, train
from n2n_render.train.options import TrainOptions
from n2n_render.train.validate import denoise_array, encode_input, pair_error, set_norms_fixed

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


def test_training_learns_from_noise_alone(make_dataset, tmp_path, silent):
    """The held-out view gets much closer to its reference than the noisy input is."""
    folder = make_dataset(views=5, references=(2,), size=(64, 64))
    run = train(config(folder, tmp_path / "run", steps=250, learning_rate=2e-3), silent)
    first, last = records(run)[0], records(run)[-1]
    assert last["pair_error"] < 0.1 < 0.9  # the noisy input's own relative error is about 1
    assert last["psnr_db"] > 24 and last["relmse"] < 0.1, (first, last)


def interrupt_at(trainer, step, monkeypatch):
    """Lets the trainer run until Ctrl-C arrives after `step`."""
    train_step = trainer._train_step

    def interrupted():
        train_step()
        if trainer.step == step:
            raise KeyboardInterrupt

    monkeypatch.setattr(trainer, "_train_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        trainer.run()


@pytest.mark.parametrize("precision, step", [("float32", 2), ("float32", 23), ("bfloat16", 23)])
def test_resumed_equals_uninterrupted(make_dataset, tmp_path, silent, monkeypatch, precision, step):
    """Interrupted before and after BatchNorm's statistics are fixed: bit for bit the same weights."""
    folder = make_dataset()
    train(config(folder, tmp_path / "whole", precision=precision), silent)
    interrupt_at(Trainer(config(folder, tmp_path / "parts", precision=precision), silent, None), step, monkeypatch)
    train(resumed_config(tmp_path / "parts"), silent, resume=str(tmp_path / "parts"))
    whole, parts = read_checkpoint(tmp_path / "whole" / "last.pt"), read_checkpoint(tmp_path / "parts" / "last.pt")
    for key, tensor in {**whole.weights, **whole.training["network"]}.items():
        other = {**parts.weights, **parts.training["network"]}[key]
        torch.testing.assert_close(other, tensor, rtol=0, atol=0)


def test_ctrl_c_saves_and_says_how_to_go_on(make_dataset, tmp_path, silent, monkeypatch):
    interrupt_at(Trainer(config(make_dataset(), tmp_path / "run", steps=1000), silent, None), 5, monkeypatch)
    assert read_checkpoint(tmp_path / "run" / "last.pt").provenance.step == 5
    assert "--resume" in silent.notes[-1]


def test_evaluation_has_no_gap_to_training(make_dataset, tmp_path, silent):
    """What the optimiser saw at the end of the run is what inference does: same statistics, folded or not."""
    trainer = Trainer(config(make_dataset(size=(64, 64)), tmp_path / "run", steps=60, learning_rate=2e-3), silent, None)
    trainer.run()
    batch = {key: torch.from_numpy(value) for key, value in trainer.batches.make(0, stream=2).items()}
    x = encode_input(trainer.model, batch["noisy"], batch["guides"])
    trainer.network.train()
    set_norms_fixed(trainer.network)
    with torch.no_grad():
        training, evaluation = trainer.network(x), trainer.network.eval()(x)
        torch.testing.assert_close(evaluation, training, rtol=0, atol=0)
        torch.testing.assert_close(fold(trainer.network)(x), evaluation, rtol=1e-3, atol=1e-5)
    kept = load_network(read_checkpoint(tmp_path / "run" / "last.pt"))
    for ours, theirs in zip(kept.buffers(), trainer.network.buffers(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0, check_dtype=False)


def test_a_run_folder_explains_itself(make_dataset, tmp_path, silent):
    run = train(config(make_dataset(), tmp_path / "run", steps=10), silent)
    names = {path.name for path in run.iterdir()}
    assert {"best.pt", "last.pt", "config.json", "metrics.jsonl", "training.png", "previews", "events"} <= names
    found = read_checkpoint(run)
    assert found.model.features == ("albedo", "normal", "depth") and found.training is None
    assert len(found.provenance.datasets[0]["sha256"]) == 64
    assert found.provenance.trained_on == ("data/v000_f0001", "data/v001_f0001", "data/v003_f0001")
    assert {"loss", "learning_rate", "pair_error", "clamped_energy", "clipped_steps"} <= set(records(run)[-1])


def test_fireflies_do_not_destroy_training(make_dataset, tmp_path, silent):
    """Targets with outliers of a thousand times the mean: the loss of the run's second half never jumps."""
    folder = make_dataset(spread=6.0, size=(64, 64))
    run = train(config(folder, tmp_path / "run", steps=200, learning_rate=2e-3, validations=20), silent)
    errors = np.array([record["pair_error"] for record in records(run) if "pair_error" in record])
    assert np.isfinite(errors).all() and (np.diff(errors[10:]) < 0.5 * abs(errors[9])).all()
    assert all(torch.isfinite(tensor).all() for tensor in weights(run).values())


def test_single_view_and_no_features_and_display_referred_work(make_dataset, tmp_path, silent):
    folder = make_dataset(views=1)
    run = train(config(folder, tmp_path / "run", steps=10, features=(), hdr=False), silent)
    checkpoint = read_checkpoint(run)
    image = np.random.default_rng(1).random((48, 64, 10), np.float32)
    radiance = denoise_array(load_network(checkpoint), image, torch.device("cpu"))
    assert checkpoint.model.output == "display" and radiance.shape == (48, 64, 3) and (radiance >= 0).all()


def test_the_last_record_is_a_validation_however_often_it_records(make_dataset, tmp_path, silent, monkeypatch):
    monkeypatch.setattr("n2n_render.train.loop.RECORD_EVERY_S", 0.0)
    found = records(train(config(make_dataset(views=2), tmp_path / "run", steps=6, validations=2), silent))
    assert found[-1]["step"] == 6 and "pair_error" in found[-1]


def test_frames_are_looked_at_in_tiles_without_a_seam(make_dataset, tmp_path, silent):
    folder = make_dataset(views=1)
    network = load_network(read_checkpoint(train(config(folder, tmp_path / "run", steps=3), silent)))
    image = np.random.default_rng(1).random((150, 210, 10), np.float32)
    whole, tiled = (denoise_array(network, image, torch.device("cpu"), tile_px=size) for size in (1000, 64))
    np.testing.assert_allclose(tiled, whole, atol=1e-4)


def test_noise_to_clean_needs_references(make_dataset, tmp_path, silent):
    with pytest.raises(N2NError, match="references"):
        train(config(make_dataset(), tmp_path / "run", target="reference"), silent)


@pytest.mark.parametrize(
    "changes, says",
    [({"loss": "l2_display"}, "--hdr"), ({"hdr": False, "loss": "l2"}, "needs --hdr"), ({"device": "tpu"}, "tpu")],
)
def test_impossible_wishes_are_refused_before_anything_is_made(make_dataset, tmp_path, silent, changes, says):
    with pytest.raises(N2NError, match=says):
        train(config(make_dataset(), tmp_path / "run", **changes), silent)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("shape", [4.0, 0.2])
def test_pair_error_estimates_the_true_error_without_a_reference(shape):
    """Against the weighted squared error to a known truth, on a biased denoiser; also under heavy-tailed noise."""
    rng = np.random.default_rng(4)
    truth = np.full((512, 512, 3), 0.5, np.float32)
    a, b = (rng.gamma(shape, 0.5 / shape, truth.shape).astype(np.float32) for _ in range(2))
    assert pair_error(truth, a, b) == pytest.approx(0, abs=0.05 / shape)
    assert pair_error(truth * 2, a, b) == pytest.approx(0.5**2 / 0.51**2, rel=0.1 / shape)


def test_a_crop_too_small_for_batchnorm_is_refused(make_dataset, tmp_path, silent):
    config = TrainOptions(data=(str(make_dataset()),), out=str(tmp_path / "run"), hdr=True, batch=1, crop_px=32, steps=1)
    with pytest.raises(N2NError, match="too little for BatchNorm"):
        train(config, silent)


def test_nothing_of_the_process_is_changed(make_dataset, tmp_path, silent):
    """Threads, random numbers and what float32 means are as before, also after an error."""

    def state():
        return torch.get_num_threads(), torch.get_rng_state().tolist(), torch.backends.cudnn.allow_tf32, torch.initial_seed()

    before = state()
    train(config(make_dataset(), tmp_path / "run", steps=2, threads=torch.get_num_threads() + 1, seed=77), silent)
    assert state() == before
    with pytest.raises(N2NError):
        train(config(tmp_path / "nowhere", tmp_path / "run", threads=torch.get_num_threads() + 1), silent)
    assert state() == before


def test_no_warm_up_is_no_division_by_zero(make_dataset, tmp_path, silent):
    assert learning_rate_factor("constant", 0.0, 0, 0) == 1.0
    assert learning_rate_factor("constant", 0.0, 0, 4) == 0.25
    train(config(make_dataset(), tmp_path / "run", steps=2, warmup_steps=0), silent)


def test_steps_and_minutes_are_one_too_many(make_dataset, tmp_path, silent):
    """Neither is dropped silently, in a new run or a resumed one; each by itself decides."""
    data = make_dataset()
    run = train(config(data, tmp_path / "run", steps=2), silent)
    for more in (["--resume", str(run)], ["--data", str(data), "--out", str(tmp_path / "new")]):
        result = CliRunner().invoke(main, ["train", *more, "--steps", "500", "--minutes", "3"])
        assert result.exit_code == 1 and "--steps and --minutes" in result.output
    assert not (tmp_path / "new").exists()
    with pytest.raises(N2NError, match="both"):
        resumed_config(str(run), steps=500, minutes=3.0)
    assert resumed_config(str(run), minutes=3.0).steps is None and resumed_config(str(run), steps=500).steps == 500


def test_what_cannot_be_written_for_a_while_is_written_later(make_dataset, tmp_path, silent):
    """A checkpoint that fails once is a warning, and is there in the end."""
    trainer = Trainer(config(make_dataset(), tmp_path / "run", steps=6, validations=3), silent)
    (tmp_path / "run" / "last.pt").mkdir()
    (tmp_path / "run" / "training.png").mkdir()
    validate = trainer._validate

    def then(*_):
        validate()
        if trainer.step >= 4 and (tmp_path / "run" / "last.pt").is_dir():
            (tmp_path / "run" / "last.pt").rmdir()

    trainer._validate = then
    trainer.run()
    assert read_checkpoint(tmp_path / "run" / "last.pt").provenance.step == 6
    assert len([text for text in silent.warnings if "last.pt" in text]) == 1
    assert len([text for text in silent.warnings if "training.png" in text]) == 1


def test_tensorboard_reads_the_events(make_dataset, tmp_path, silent):
    loading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run = train(config(make_dataset(), tmp_path / "run", steps=6), silent)
    found = loading.EventAccumulator(str(run / "events"))
    found.Reload()
    for name in ("loss", "pair_error"):
        expected = [(record["step"], record[name]) for record in records(run) if name in record]
        assert [(event.step, pytest.approx(event.value)) for event in found.Scalars(name)] == expected

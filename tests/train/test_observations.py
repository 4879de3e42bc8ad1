"""Training on images under a noise, and on bursts: the same loop, folders and files as on renders."""

import json
import sys
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from nightly_fixtures import nightly

from n2n_render.cli.commands import main
from n2n_render.errors import N2NError
from n2n_render.io.collection import open_collection
from n2n_render.learn.observations import ObservationSampler
from n2n_render.learn.samplers import Crops
from n2n_render.network.checkpoint import read_checkpoint
from n2n_render.noise import text
from n2n_render.noise.table import Noise
from n2n_render.progress import Silent
from n2n_render.train import ResumeOptions, TrainOptions, resume, train

SMALL = {"levels": 2, "encoder_width": 8, "decoder_width": 8, "crop_px": 32, "batch": 2, "device": "cpu", "threads": 1}
SMALL |= {"precision": "float32", "validations": 2, "warmup_steps": 0}


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Three crops of a photograph as arrays of 8 bits, one of them grey and one smaller than a crop."""
    from skimage.data import astronaut

    folder = tmp_path_factory.mktemp("photographs")
    image = astronaut()
    np.save(folder / "face.npy", image[:96, 160:288])
    np.save(folder / "grey.npy", image[200:264, 200:280, :1])
    np.save(folder / "small.npy", image[300:320, 300:340])
    return folder


def options(folder, out, **changes):
    return TrainOptions(data=(str(folder),), out=str(out), **{**SMALL, "steps": 4, **changes})


@pytest.mark.slow
@pytest.mark.parametrize("noise", ["gaussian", "brown", "poisson:5-30", "bernoulli", "text", "impulse", "mri:0.3"])
def test_every_noise_trains_and_says_what_it_learned(photographs, tmp_path, noise):
    done = train(options(photographs, tmp_path / "run", noise=noise))
    checkpoint = read_checkpoint(done.best)
    assert checkpoint.model.gives.count == (1 if noise.startswith("mri") else 3)
    assert checkpoint.model.is_signal and checkpoint.provenance.options["noise"] == str(Noise.parse(noise))
    assert len(checkpoint.provenance.trained_on) == 2 and np.isfinite(done.error)
    assert {"squared_error", "psnr_db"} <= set(records(done)[-1])
    assert list((done.folder / "previews").iterdir())


def records(done):
    return [json.loads(line) for line in (done.folder / "metrics.jsonl").read_text().splitlines()]


class Telling(Silent):
    def __init__(self):
        self.notes = []

    def note(self, message):
        self.notes.append(message)


@pytest.mark.slow
def test_a_run_folder_says_what_was_settled(photographs, tmp_path):
    told = Telling()
    done = train(options(photographs, tmp_path / "run", noise="text"), lambda title: nullcontext(told))
    kept = json.loads((done.folder / "config.json").read_text())
    assert kept["schedule"] == "ramp_down" and kept["loss"] == "l1" and kept["noise"] == "text:0-0.5"
    assert read_checkpoint(done.last).provenance.options["schedule"] == "ramp_down"
    assert "schedule ramp_down" in told.notes[0] and "firefly_clamp" not in told.notes[0]


def test_noise_that_cannot_be_made_is_refused_before_there_is_a_folder(photographs, tmp_path, monkeypatch):
    for cached in (text._font, text._string):
        cached.cache_clear()
    monkeypatch.setitem(sys.modules, "PIL", None)  # as where it is not installed
    with pytest.raises(N2NError, match="text noise needs Pillow"):
        train(options(photographs, tmp_path / "run", noise="text:0.5"))
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_noisy_targets_teach_to_take_the_noise_away(photographs, tmp_path):
    noise = Noise.parse("gaussian:50")
    wanted = options(photographs, tmp_path / "run", noise=str(noise), steps=300, learning_rate=3e-3)
    errors = [record["squared_error"] for record in records(train(wanted)) if "squared_error" in record]
    assert errors[-1] < 0.3 * (50 / 255) ** 2  # what a held-out image has


@pytest.mark.parametrize("noise", ["gaussian", "bernoulli", "mri:0.3"])
def test_clean_targets_are_the_images_and_noisy_ones_are_not(photographs, noise):
    items = open_collection(photographs).items
    clean, noisy = (
        ObservationSampler(items[:1], Noise.parse(noise), 1, Crops(1, 33, 5), clean).make(3) for clean in (True, False)
    )
    np.testing.assert_array_equal(clean["noisy"], noisy["noisy"])
    assert abs(clean["target"]).max() <= 0.5 and not np.array_equal(clean["target"], noisy["target"])
    if noise == "bernoulli":
        assert clean["target_measured"].all() and not noisy["target_measured"].all()
        assert not np.array_equal(noisy["target_measured"], noisy["noisy_measured"])


def test_a_batch_is_a_function_of_its_step(photographs):
    sampler = ObservationSampler(open_collection(photographs).items, Noise.parse("text"), 3, Crops(2, 48, 1))
    first, again, other = sampler.make(7), sampler.make(7), sampler.make(8)
    assert first["noisy"].shape == (2, 3, 48, 48) and first["guides"].shape == (2, 0, 48, 48)
    np.testing.assert_array_equal(first["target"], again["target"])
    assert not np.array_equal(first["target"], other["target"])


def test_slices_of_several_sizes_are_cut_alike(photographs):
    sampler = ObservationSampler(open_collection(photographs).items, Noise.parse("mri:0.3"), 1, Crops(8, 64, 1))
    assert sampler.make(0)["noisy"].shape == (8, 1, 20, 20)  # the smallest one's height


@pytest.mark.slow
def test_a_resumed_run_is_the_same_as_an_uninterrupted_one(photographs, tmp_path):
    whole = train(options(photographs, tmp_path / "whole", noise="gaussian", steps=6, schedule="constant"))
    half = train(options(photographs, tmp_path / "half", noise="gaussian", steps=3, schedule="constant"))
    resumed = resume(ResumeOptions(str(half.folder), steps=6))
    for name, weight in read_checkpoint(whole.last).weights.items():
        np.testing.assert_allclose(read_checkpoint(resumed.last).weights[name], weight, rtol=1e-5, atol=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize("noise, inputs", [("gaussian", "IMAGES"), ("mri:0.3", "KSPACE")])
def test_what_comes_next_is_said_of_resumed_runs_too(photographs, tmp_path, noise, inputs):
    half = train(options(photographs, tmp_path / "half", noise=noise, steps=1))
    told = CliRunner().invoke(main, ["train", "--resume", str(half.folder), "--steps", "2"])
    assert f"next: n2n-render denoise {inputs} --model" in told.output


@pytest.mark.slow
def test_a_run_starts_from_another(photographs, tmp_path):
    first = train(options(photographs, tmp_path / "first", noise="gaussian"))
    wanted = options(photographs, tmp_path / "second", noise="poisson", init=str(first.folder), learning_rate=1e-9)
    second = train(wanted)
    for name, weight in read_checkpoint(first.best).weights.items():
        np.testing.assert_allclose(read_checkpoint(second.best).weights[name], weight, atol=1e-6)
    assert "photographs" in read_checkpoint(second.best).provenance.origin


@pytest.mark.slow
def test_a_single_image_is_divided(tmp_path):
    from skimage.data import chelsea

    folder = tmp_path / "one"
    folder.mkdir()
    np.save(folder / "cat.npy", chelsea()[:80, :200])
    done = train(options(folder, tmp_path / "run", noise="gaussian"))
    assert read_checkpoint(done.best).provenance.trained_on == ("one/cat",)


@pytest.mark.slow
def test_a_folder_that_is_named_twice_counts_once(tmp_path):
    folder = saved(tmp_path / "one", (40, 60, 3))
    wanted = options(folder, tmp_path / "run", noise="gaussian", steps=1)
    wanted = replace(wanted, data=(str(folder), str(folder / ".." / "one")))
    assert read_checkpoint(train(wanted).best).provenance.trained_on == ("one/0",)


@pytest.mark.slow
def test_images_that_are_too_small_are_left_out_and_told(tmp_path, caplog):
    wanted = options(saved(tmp_path / "some", (40, 60, 3), (3, 500, 3)), tmp_path / "run", noise="gaussian", steps=1)
    assert read_checkpoint(train(wanted).best).provenance.trained_on == ("some/0",)
    assert "some/1: has 500×3 pixels, too few to learn from; left out" in caplog.text
    with pytest.raises(N2NError, match="one/0: has 1×1 pixels, too few to learn from"):
        train(options(saved(tmp_path / "one", (1, 1, 3)), tmp_path / "none", noise="gaussian"))
    assert not (tmp_path / "none").exists()


def test_crops_are_no_larger_than_the_images(tmp_path):
    items = open_collection(saved(tmp_path / "some", (40, 60, 3), (20, 50, 3))).items
    batch = ObservationSampler(items, Noise.parse("gaussian"), 3, Crops(2, 4096, 1)).make(0)
    assert batch["noisy"].shape == (2, 3, 60, 60)  # the smaller side goes on as in a mirror


@pytest.mark.slow
def test_slices_of_several_sizes_are_cut_to_the_smallest_and_that_is_told(tmp_path, caplog):
    folder = saved(tmp_path / "slices", (40, 60, 1), (30, 30, 1), (30, 32, 1), (40, 40, 1))
    train(options(folder, tmp_path / "run", noise="mri:0.3", crop_px=64, steps=1))
    assert "crops have 30 pixels in width and height" in caplog.text


@pytest.mark.slow
def test_slices_do_not_start_from_a_network_of_colours(photographs, tmp_path):
    colors = train(options(photographs, tmp_path / "colors", noise="gaussian", steps=1))
    with pytest.raises(N2NError, match="this one has 3"):
        train(TrainOptions(data=(str(photographs),), noise="mri:0.3", init=str(colors.folder), out=str(tmp_path / "run")))
    assert not (tmp_path / "run").exists()


def saved(folder, *shapes):
    """Arrays of 8 bits of these shapes, named by their number."""
    folder.mkdir()
    for index, shape in enumerate(shapes):
        np.save(folder / f"{index}.npy", np.random.default_rng(index).integers(0, 256, shape).astype(np.uint8))
    return folder


@pytest.mark.slow
def test_grey_images_alone_train_a_grey_network(tmp_path):
    folder = tmp_path / "grey"
    folder.mkdir()
    rng = np.random.default_rng(1)
    for name in "ab":
        np.save(folder / f"{name}.npy", rng.integers(0, 65536, (40, 44, 1)).astype(np.uint16))
    assert read_checkpoint(train(options(folder, tmp_path / "run", noise="gaussian")).best).model.subject == "grey"
    wanted = options(folder, tmp_path / "color", noise="gaussian", channels=3)
    assert read_checkpoint(train(wanted).best).model.subject == "photograph"


@pytest.mark.parametrize(
    "changes, sentence",
    [
        ({"noise": "salt"}, "unknown noise 'salt'"),
        ({"noise": "gaussian:-3"}, "no strength of gaussian"),
        ({"noise": "gaussian", "hdr": False}, "hdr is for renders"),
        ({"noise": "gaussian", "features": ("albedo",)}, "features is for renders"),
        ({"noise": "gaussian", "target": "reference"}, "target is 'reference'"),
        ({"target": "clean"}, "target 'clean' is for noise"),
        ({"channels": 1}, "channels 1 is for noise"),
        ({"noise": "gaussian", "loss": "relative_l2"}, "--loss relative_l2 is not for --noise gaussian"),
        ({"noise": "gaussian", "loss": "data_consistency"}, "--loss data_consistency is not for --noise gaussian"),
        ({"noise": "pairs", "target": "clean"}, "bursts hold no clean images"),
        ({"noise": "gaussian", "init": "oidn-small"}, "is a model of renders"),
        ({"noise": "gaussian", "head": "gated"}, "head is 'gated'"),
        ({"noise": "mri", "channels": 3}, "networks of 1 channel"),
        ({"noise": "mri:0.01", "crop_px": 8}, "of 8 × 8 frequencies cannot be measured"),
    ],
)
def test_what_does_not_go_together_is_said_before_there_is_a_folder(photographs, tmp_path, changes, sentence):
    with pytest.raises(N2NError, match=sentence):
        train(options(photographs, tmp_path / "run", **changes))
    assert not (tmp_path / "run").exists()


def test_signal_losses_are_not_for_renders(make_dataset, tmp_path):
    with pytest.raises(N2NError, match="annealed_l0"):
        train(TrainOptions(data=(str(make_dataset()),), out=str(tmp_path / "run"), loss="annealed_l0", **SMALL, steps=1))


@pytest.fixture
def bursts(tmp_path):
    """Two folders of three shots of one thing each, and one whose second shot was moved."""
    from skimage.data import astronaut, coffee

    rng = np.random.default_rng(2)
    for name, image in (
        ("face", astronaut()[:160, 120:300]),
        ("cup", coffee()[:150, 100:260]),
        ("moved", coffee()[200:, :200]),
    ):
        folder = tmp_path / "bursts" / name
        folder.mkdir(parents=True)
        for shot in range(3):
            still = np.roll(image, 4, axis=1) if (name, shot) == ("moved", 1) else image
            np.save(folder / f"{shot}.npy", np.clip(still + rng.normal(0, 12, still.shape), 0, 255).round().astype(np.uint8))
    return tmp_path / "bursts"


@pytest.mark.slow
@pytest.mark.parametrize("prepared", [False, *nightly(True)])
def test_bursts_train_without_any_truth(bursts, tmp_path, caplog, prepared):
    from n2n_render.prepare import PrepareOptions, prepare

    if prepared:
        prepare(PrepareOptions((str(bursts),), str(tmp_path / "prepared"), bursts=True))
    folder = tmp_path / "prepared" if prepared else bursts
    wanted = options(folder, tmp_path / "run", noise="pairs", steps=200, learning_rate=3e-3, crop_px=48)
    found = [record["squared_error"] for record in records(train(wanted)) if "squared_error" in record]
    assert found[-1] < 0.8 * (12 / 255) ** 2
    told = read_checkpoint(tmp_path / "run" / "best.pt").provenance
    assert len(told.trained_on) == 2 and told.datasets[0]["kind"] == "bursts"
    assert any("moved" in record.getMessage() and "shot 2" in record.getMessage() for record in caplog.records)


def test_single_photographs_are_no_bursts(photographs, tmp_path):
    from n2n_render.prepare import PrepareOptions, prepare

    prepare(PrepareOptions((str(photographs),), str(tmp_path / "prepared")))
    with pytest.raises(N2NError, match="is a dataset of single images"):
        train(options(tmp_path / "prepared", tmp_path / "run", noise="pairs"))
    with pytest.raises(N2NError, match="holds no burst"):
        train(options(photographs, tmp_path / "run", noise="pairs"))

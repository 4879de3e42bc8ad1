"""Images with noise that is made: every method gets the same, and is judged by the paper's rule."""

import json

import numpy as np
import pytest

from n2n_render.errors import N2NError
from n2n_render.evaluate import EvaluateOptions, evaluate
from n2n_render.evaluate.cases import BurstCase, make_case
from n2n_render.evaluate.classical import NLM, TV, least_variation, non_local_means, non_local_means_of_counts
from n2n_render.frame.signal import from_signal, psnr_8bit, to_signal
from n2n_render.io.collection import open_collection
from n2n_render.io.photographs import Photograph, write_photograph
from n2n_render.noise.kspace import put_back, undersample
from n2n_render.noise.photographic import add_gaussian, count_photons
from n2n_render.noise.table import Noise

data = pytest.importorskip("skimage.data")
pytest.importorskip("PIL.Image")


def signal_of(image):
    return to_signal(image, image.shape[-1])


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    write_photograph(folder / "face.png", Photograph(data.astronaut()[60:141, 180:261]))
    write_photograph(folder / "cat.png", Photograph(data.chelsea()[100:164, 150:220]))
    return folder


def run(images, reporter, tmp_path, **options):
    return evaluate(EvaluateOptions(data=(str(images),), out=str(tmp_path / "out"), device="cpu", **options), reporter)


def test_images_of_one_name_have_a_picture_each(images, reporter, tmp_path):
    other = tmp_path / "more" / images.name
    other.mkdir(parents=True)
    write_photograph(other / "cat.png", Photograph(data.coffee()[:40, :44]))
    wanted = EvaluateOptions(
        data=(str(images), str(other)), out=str(tmp_path / "out"), device="cpu", noise="gaussian", classical=False
    )
    done = evaluate(wanted, reporter)
    assert [image.name for image in done.images] == ["images/cat", "images/face", "images/cat"]
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"images_cat.png", "images_face.png", "images_cat-3.png"}


def test_numbers_are_those_of_the_rule(images, signal_model, reporter, tmp_path):
    model = signal_model(trained_on=["images/cat"])
    done = run(images, reporter, tmp_path, noise="gaussian", models=(model,), json=str(tmp_path / "a.json"), engine="torch")
    assert done.noise == "gaussian:25" and [image.name for image in done.images] == ["images/cat", "images/face"]
    assert [image.held_out for image in done.images] == [False, True]
    assert set(done.mean) == {"noisy", "ours", NLM}
    case = make_case(open_collection(images).items[1], Noise.parse("gaussian:25"), 3, seed=1)
    clean = signal_of(data.astronaut()[60:141, 180:261])
    assert done.images[1].scores["noisy"]["psnr_db"] == psnr_8bit(case.shown["noisy"], clean)
    assert np.std(case.shown["noisy"] - clean) == pytest.approx(25 / 255, rel=0.02)
    psnrs = [image.scores["noisy"]["psnr_db"] for image in done.images]
    assert done.mean["noisy"]["psnr_db"] == pytest.approx(np.mean(psnrs))
    assert done.mean[NLM]["psnr_db"] > done.mean["noisy"]["psnr_db"] + 4
    written = json.loads((tmp_path / "a.json").read_text())
    assert written["noise"] == "gaussian:25" and written["mean"] == done.mean and len(written["images"]) == 2
    assert sorted(path.name for path in done.pictures.iterdir()) == ["images_cat.png", "images_face.png"]


def test_the_noise_is_the_same_whatever_else_is_there(images, reporter, tmp_path):
    first = run(images, reporter, tmp_path, noise="poisson:30", classical=False)
    (images / "cat.png").unlink()
    again = run(images, reporter, tmp_path, noise="poisson:30", classical=False)
    other = run(images, reporter, tmp_path, noise="poisson:30", classical=False, seed=2)
    assert first.images[1].scores == again.images[0].scores != other.images[0].scores
    assert set(again.mean) == {"noisy"} and again.classical is None


@pytest.mark.parametrize("noise", ["bernoulli", "text", "impulse", "brown", "gaussian:0"])
def test_every_noise_has_its_numbers(images, reporter, tmp_path, noise):
    done = run(images, reporter, tmp_path, noise=noise)
    assert ("not made for" in done.classical) == (noise != "gaussian:0")
    assert np.isfinite(done.mean[NLM]["psnr_db"]) == (noise != "gaussian:0")  # where there is no noise, nothing differs


@pytest.mark.slow
def test_slices_are_reconstructed_beside_total_variation(images, signal_model, reporter, silent, tmp_path):
    done = run(images, reporter, tmp_path, noise="mri:0.3", models=(signal_model("mri:0.3", 1),))
    assert set(done.mean) == {"zero-filled", "zero-filled, not weighted", "ours", TV}
    assert done.mean[TV]["psnr_db"] > done.mean["zero-filled, not weighted"]["psnr_db"] + 2
    assert "of 2 image(s) with colours the luminance is taken" in silent.warnings


@pytest.mark.slow
def test_least_variation_keeps_what_was_measured_and_finds_flat_images():
    """An image of few edges is found exactly from a part of its frequencies (Candès, Romberg and Tao 2006)."""
    image = np.full((48, 47, 1), -0.4, np.float32)
    image[10:30, 12:35] = 0.3
    image[18:25, 20:28] = -0.1
    facts = undersample(image, 0.4, np.random.default_rng(1)).facts
    found = least_variation(facts["spectrum"], facts["measured"])
    transform = np.fft.fft2(found[..., 0], norm="ortho")
    kept = facts["measured"][..., 0] > 0
    np.testing.assert_allclose(transform[kept].real, facts["spectrum"][..., 0][kept], atol=1e-5)
    unweighted = put_back(np.zeros_like(image), facts["spectrum"], facts["measured"], np)
    assert psnr_8bit(found, image) > 35 > psnr_8bit(unweighted, image) + 5


def test_non_local_means_without_bias():
    clean = signal_of(data.astronaut()[60:160, 180:280])
    noisy = add_gaussian(clean, 25, np.random.default_rng(1)).signal
    assert psnr_8bit(non_local_means(noisy, 25 / 255), clean) > psnr_8bit(noisy, clean) + 6
    flat = np.full((64, 64, 3), -0.3, np.float32)  # 0.2: six events
    counted = count_photons(flat, 30, np.random.default_rng(1)).signal
    found = non_local_means_of_counts(counted, 30)
    assert found.mean() == pytest.approx(-0.3, abs=0.005) and found.std() < counted.std() / 3


def test_bursts_judge_themselves():
    """The expected error of a known picture is its true one."""
    clean = signal_of(data.chelsea()[:200, :300])
    rng = np.random.default_rng(1)
    case = BurstCase(tuple(add_gaussian(clean, 25, rng).signal for _ in range(2)))
    assert case.score(case.shots[0])["psnr_db"] == pytest.approx(20 * np.log10(255 / 25), abs=0.1)
    blurred = (clean + np.roll(clean, 3, axis=0)) / 2
    true_db = -10 * np.log10(np.mean((blurred - clean) ** 2))
    assert case.score(blurred)["psnr_db"] == pytest.approx(true_db, abs=0.5)
    assert np.isnan(case.score(clean)["ssim"])


@pytest.mark.parametrize("sigmas", [(25, 25), (15, 25), (25, 15), (5, 5)])
def test_a_noisier_shot_does_not_count_as_an_error_of_the_other(sigmas):
    rng, clean = np.random.default_rng(2), signal_of(data.astronaut()[:256, 100:356])
    case = BurstCase(tuple(add_gaussian(clean, sigma, rng).signal for sigma in sigmas))
    assert case.score(case.shots[0])["psnr_db"] == pytest.approx(20 * np.log10(255 / sigmas[0]), abs=0.2)
    picture = clean + np.float32(0.04) * np.sign(clean)  # by half the noise's difference it would be 3 dB off, or unknown
    assert case.score(picture)["psnr_db"] == pytest.approx(20 * np.log10(1 / 0.04), abs=0.7)


@pytest.mark.slow
def test_bursts_are_read_from_folders(reporter, tmp_path, signal_model):
    rng = np.random.default_rng(1)
    clean = signal_of(data.chelsea()[100:228, 150:278])
    for index in range(2):
        path = tmp_path / "bursts" / "cat" / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_photograph(path, Photograph(from_signal(add_gaussian(clean, 10, rng).signal, np.uint8)))
    done = run(tmp_path / "bursts", reporter, tmp_path, noise="pairs", models=(signal_model("pairs"),))
    assert done.mean["noisy"]["psnr_db"] == pytest.approx(20 * np.log10(255 / 10), abs=0.3)
    assert done.mean[NLM]["psnr_db"] > done.mean["noisy"]["psnr_db"] + 3
    with pytest.raises(N2NError, match="nothing: no such folder"):
        run(tmp_path / "nothing", reporter, tmp_path, noise="pairs")


@pytest.mark.slow
def test_the_command_shows_tables_and_marks_what_was_trained_on(images, signal_model, tmp_path):
    from click.testing import CliRunner

    from n2n_render.cli.commands import main

    model = signal_model(trained_on=["images/cat"])
    options = ["--noise", "gaussian:25", "--data", images, "--model", model, "--out", tmp_path / "out", "--no-classical"]
    result = CliRunner().invoke(main, ["evaluate", *map(str, options)])
    assert result.exit_code == 0, result.output
    for text in ("images/cat (a model was trained on this image)", "gaussian:25, mean of 2", "rounded to 8 bits", "ours"):
        assert text in " ".join(result.output.split())


@pytest.mark.parametrize(
    "options, says",
    [
        ({"noise": "gaussian:0-50"}, "gaussian:0-50 is a range"),
        ({"noise": "fog"}, "unknown noise 'fog'"),
        ({"noise": "pairs"}, "images: .*burst"),
        ({"noise": "gaussian", "models": ("oidn",)}, "oidn: is a model of renders"),
        ({"noise": "mri", "models": ("photographs",)}, "is a model of photographs, gaussian:0-50, which says nothing of"),
        ({"noise": "gaussian", "models": ("photographs", "grey")}, "some models are of colours"),
        ({"noise": "gaussian", "frames": ("clean",)}, "frames is for renders"),
        ({"models": ("photographs",)}, "is a model of photographs, gaussian:0-50, and not of renders"),
    ],
)
def test_what_does_not_go_together_is_one_sentence(images, signal_model, reporter, tmp_path, options, says):
    models = {"photographs": signal_model(), "grey": signal_model(channels=1)}
    options = {**options, "models": tuple(models.get(name, name) for name in options.get("models", ()))}
    with pytest.raises(N2NError, match=says) as caught:
        run(images, reporter, tmp_path, **{"oidn": False, **options} if "noise" not in options else options)
    assert caught.value.hint

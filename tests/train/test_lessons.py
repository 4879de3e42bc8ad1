"""What `train` learns before it begins: options settled, what is trained on, what is held out, and how that is judged."""

import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from n2n_render.noise.table import Noise
from n2n_render.train import TrainOptions
from n2n_render.train.observations import open_observations
from n2n_render.train.settled import settled

SMALL = {"levels": 2, "encoder_width": 8, "decoder_width": 8, "crop_px": 32, "batch": 2}


@pytest.fixture
def photographs(tmp_path):
    folder = tmp_path / "photographs"
    folder.mkdir()
    for index, name in enumerate("abc"):
        np.save(folder / f"{name}.npy", np.random.default_rng(index).integers(0, 256, (40, 48, 3)).astype(np.uint8))
    return folder


def lesson_on(*folders, **changes):
    return open_observations(settled(TrainOptions(data=tuple(map(str, folders)), **{**SMALL, **changes})), None)


@pytest.mark.parametrize(
    "noise, usual",
    [
        ("impulse", {"loss": "annealed_l0", "crop_px": 128, "noise": "impulse:0-0.95"}),
        ("mri", {"loss": "data_consistency", "crop_px": 256, "noise": "mri:0.1"}),
        (None, {"learning_rate": 1e-3, "schedule": "cosine", "norm": "batch", "head": "gated", "crop_px": 128, "loss": "auto"}),
    ],
)
def test_what_is_left_open_is_settled_once_for_a_run(noise, usual):
    of_noise = {"learning_rate": 1e-3, "schedule": "ramp_down", "norm": "none", "head": "direct"} if noise else {}
    assert {**of_noise, **usual}.items() <= vars(settled(TrainOptions(noise=noise))).items()
    asked = {"loss": "l2", "crop_px": 64, "schedule": "constant", "learning_rate": 0.5}
    assert asked.items() <= vars(settled(TrainOptions(noise=noise, **asked))).items()


@pytest.mark.parametrize("noise, judged_at", [("gaussian:0-3", 3), ("gaussian:40-50", 40), ("gaussian", 25), ("mri:0.3", 0.3)])
def test_a_network_is_judged_within_the_range_that_it_is_trained_in(photographs, noise, judged_at):
    """A model of little noise knows nothing of the usual test's."""
    lesson = lesson_on(photographs, noise=noise)
    loop = SimpleNamespace(device=torch.device("cpu"), precision="float32")
    assert lesson.open_judge(loop).noise == Noise.parse(f"{noise.split(':')[0]}:{judged_at}")


@pytest.fixture
def heads(tmp_path):
    """Datasets of slices: "several", of four volumes, and "one"."""
    from n2n_render.prepare import PrepareOptions, prepare

    nibabel = pytest.importorskip("nibabel")
    rng = np.random.default_rng(1)
    for name in "abcd":
        nibabel.Nifti1Image(rng.random((40, 40, 10), np.float32), np.eye(4)).to_filename(tmp_path / f"{name}.nii")
    prepare(PrepareOptions(tuple(str(tmp_path / f"{name}.nii") for name in "abcd"), str(tmp_path / "several"), size=40))
    prepare(PrepareOptions((str(tmp_path / "a.nii"),), str(tmp_path / "one"), size=40))
    return tmp_path


def test_slices_of_one_head_are_not_on_both_sides(heads):
    lesson = lesson_on(heads / "several", noise="mri:0.3")
    assert {name.split("/")[1] for name in lesson.trained_on} == {"a", "b", "d"} and len(lesson.trained_on) == 30
    lesson = lesson_on(heads / "one", noise="mri:0.3", validation_fraction=0.3)
    assert [int(name[-3:]) for name in lesson.trained_on] == [0, 1, 2, 6, 7, 8, 9]  # the middle ones are held out


def test_images_of_one_name_in_two_folders_are_two(photographs, tmp_path):
    shutil.copytree(photographs, tmp_path / "other" / photographs.name)
    assert len(lesson_on(photographs, tmp_path / "other" / photographs.name, noise="gaussian").trained_on) == 5


@pytest.mark.parametrize("fraction", [0.0, 1.0])
def test_something_is_always_trained_on_and_something_held_out(photographs, fraction):
    assert len(lesson_on(photographs, noise="gaussian", validation_fraction=fraction).trained_on) == (1 if fraction else 2)

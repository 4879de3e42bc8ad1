"""Evaluation: every method on every view with references, equal samples for all."""
import json

import numpy as np
import pytest
import torch
from conftest import true_frame

from n2n_render.denoise import Denoiser
from n2n_render.engines import oidn
from n2n_render.errors import N2NError
from n2n_render.evaluate import METRICS, evaluate_view, find_views, means
from n2n_render.frame.exr import read_frame
from n2n_render.frame.frame import mean_frame
from n2n_render.network.checkpoint import Checkpoint
from n2n_render.network.unet import ModelConfig, UNet
from n2n_render.report import comparison, table_rows, write_json


@pytest.fixture
def result(make_dataset):
    torch.manual_seed(1)
    config = ModelConfig(features=("albedo",), levels=2, encoder_width=6, decoder_width=6, head_widths=(6, 6))
    denoiser = Denoiser(Checkpoint(config, UNet(config).state_dict()), "cpu")
    view = find_views([make_dataset(views=2, references=(1,), size=(64, 80))])[0]
    return evaluate_view(view, {"ours": denoiser}, with_oidn=True)


def test_all_methods_are_scored_and_the_mean_of_seeds_beats_one(result):
    assert set(result.scores) == {"noisy, one seed", "noisy, mean of 2", "ours", "OIDN"}
    assert all(set(scores) == set(METRICS) for scores in result.scores.values())
    one, two = result.scores["noisy, one seed"], result.scores["noisy, mean of 2"]
    assert two["psnr_db"] > one["psnr_db"] + 1.5 and two["relmse"] < one["relmse"]
    assert result.scores["OIDN"]["psnr_db"] > two["psnr_db"] + 5


def test_open_image_denoise_gets_the_mean_of_the_seeds(make_dataset):
    pair = find_views([make_dataset(views=1, references=(0,), size=(64, 80))])[0]
    mean = mean_frame([read_frame(path, ("albedo", "normal")) for path in pair.noisy])
    result = evaluate_view(pair, {}, with_oidn=True)
    expected = oidn.denoise_best(mean)
    ratio = result.images["OIDN"] / np.maximum(expected, 1e-6)
    np.testing.assert_allclose(ratio, np.median(ratio), rtol=1e-3)


def test_pictures_tables_and_json_hold_all_of_it(result, tmp_path):
    picture = comparison(result)
    assert picture.size == (80 * 4, 2 * 64 + 18)
    assert [row[0] for row in table_rows(result.scores)] == list(result.scores)
    write_json([result], means([result]), tmp_path / "a.json")
    assert json.loads((tmp_path / "a.json").read_text())["mean"]["OIDN"] == result.scores["OIDN"]


def test_no_references_is_a_clear_error(make_dataset):
    with pytest.raises(N2NError, match="has references") as error:
        find_views([make_dataset()])
    assert "--reference-spp" in error.value.hint


def test_oidn_leaves_a_clean_picture_nearly_alone():
    frame = true_frame(64, 64)
    assert np.abs(oidn.denoise_best(frame) - frame.color).mean() < 0.02

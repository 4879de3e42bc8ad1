"""Previews of a run of renders: through the view of the scene, or the one that is asked for."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import noisy_frame, true_frame

from n2n_render.cli.commands import main
from n2n_render.errors import N2NError
from n2n_render.frame.display import TONE_MAP
from n2n_render.frame.transfer import exposure
from n2n_render.io.images import pillow
from n2n_render.io.view_transform import open_view
from n2n_render.network.checkpoint import read_checkpoint
from n2n_render.train import ResumeOptions, TrainOptions, resume, train

CG = "ocio://cg-config-v1.0.0_aces-v1.3_ocio-v2.1"
PLAIN = "Un-tone-mapped"
TINY = {"levels": 1, "encoder_width": 4, "decoder_width": 4, "hdr": True, "batch": 1, "crop_px": 16, "device": "cpu"}


def options(folder, out, **changes):
    usual = {"steps": 2, "warmup_steps": 0, "validations": 1, "norm": "none", "ocio": CG, "view": PLAIN}
    return TrainOptions(data=(str(folder),), out=str(out), **{**TINY, **usual, **changes})


def preview(run):
    (newest,) = sorted((run / "previews").iterdir())[-1:]
    return np.asarray(pillow()[0].open(newest)).astype(int)


def held_out_noisy(size):
    """The first seed of the view that is held out of four, and the mean of both."""
    truth = true_frame(*size, seed=2)
    seeds = [noisy_frame(truth, 200 + seed).color for seed in (1, 2)]
    return seeds[0], (seeds[0] + seeds[1]) / 2


@pytest.mark.slow
def test_previews_are_as_rendered_through_the_view_and_it_is_no_setting(make_dataset, tmp_path, silent, reporter):
    folder = make_dataset(views=4)
    run = train(options(folder, tmp_path / "run"), reporter).folder
    noisy, mean = held_out_noisy((48, 64))
    shown = preview(run)[:, :64]
    assert np.abs(shown - open_view(CG, PLAIN).pixels(noisy)).max() <= 1
    on_t = TONE_MAP.pixels(noisy * np.float32(exposure(mean)))
    assert np.abs(shown - on_t).mean() > 10
    assert f"previews through {PLAIN} ({CG})" in silent.notes
    kept = json.loads((run / "config.json").read_text())
    assert not {"ocio", "view"} & {*kept, *read_checkpoint(run / "last.pt").provenance.options}

    resume(ResumeOptions(str(run), steps=4, view="T"))
    assert np.abs(preview(run)[:, :64] - on_t).max() <= 1


def test_what_cannot_be_shown_is_refused_before_a_run_folder_is_made(make_dataset, tmp_path):
    folder = make_dataset(views=3)
    with pytest.raises(N2NError, match="no view 'AgX'"):
        train(options(folder, tmp_path / "run", view="AgX"))
    assert not (tmp_path / "run").exists()
    with pytest.raises(N2NError, match="view is for renders"):
        TrainOptions(data=(str(folder),), noise="gaussian", view="AgX")
    done = CliRunner().invoke(main, ["train", "--data", str(folder), "--noise", "gaussian", "--ocio", CG])
    assert done.exit_code == 1 and "--ocio is for renders" in done.stderr

"""The preview of an adaptation: through the view that is asked for, which is no setting of the result."""

import numpy as np
import pytest
from adapt_fixtures import adapt, adapted, times

from n2n_render.io.images import pillow

CG = "ocio://cg-config-v1.0.0_aces-v1.3_ocio-v2.1"


def preview(out):
    return np.asarray(pillow()[0].open(out / "preview.png")).astype(int)


@pytest.mark.slow
def test_the_preview_is_shown_through_the_view_and_nothing_else_changes(shot, start, tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    said = adapted(shot, one, start, "--view", "T").stderr
    assert "previews through T(v)" in said
    said = adapted(shot, other, start, "--ocio", CG, "--view", "Un-tone-mapped").stderr
    assert f"previews through Un-tone-mapped ({CG})" in said
    assert np.abs(preview(one) - preview(other)).mean() > 5
    before = times(other, "*.exr")  # the page is made again: its view is another one
    again = adapted(shot, other, start, "--ocio", CG)
    assert "training on" not in again.output and times(other, "*.exr") == before


def test_a_view_that_is_not_there_is_refused_before_anything_is_made(shot, start, tmp_path):
    result = adapt(shot, tmp_path / "out", start, "--ocio", CG, "--view", "AgX")
    assert result.exit_code == 1 and "no view 'AgX'" in result.stderr and "Un-tone-mapped" in result.stderr
    assert not (tmp_path / "out").exists()

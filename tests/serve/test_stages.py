"""What `adapt` calls its stages, and what answers call them."""

import re
from pathlib import Path

import n2n_render.adapt
from n2n_render.serve.shot_work import STAGES


def test_every_stage_of_adapting_has_a_name_in_answers():
    folder = Path(n2n_render.adapt.__file__).parent
    texts = [(folder / f"{name}.py").read_text() for name in ("adaptation", "model", "shot")]
    titles = {title for text in texts for title in re.findall(r'reporter\("([^"]+)"\)', text)}
    assert titles == set(STAGES)

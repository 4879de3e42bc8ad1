"""The pages that tell how to add something show the code of examples/plugin, and what they name is there."""

import re
import tomllib
from pathlib import Path

import numpy as np
import pytest

from n2n_render import plugins

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "plugin"
PAGES = ROOT / "docs" / "develop"
SUBJECTS = {"renderer": plugins.RENDERERS, "channel": plugins.CHANNELS, "noise": plugins.NOISE, "engine": plugins.ENGINES}


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", (PAGES / f"{page}.md").read_text(), re.M | re.S)


@pytest.mark.parametrize("subject, group", SUBJECTS.items())
def test_a_page_shows_the_module_and_the_entry_point_of_the_example(subject, group):
    assert blocks(subject, "python")[0] == (EXAMPLE / "n2n_toytracer" / f"{subject}.py").read_text()
    shown = tomllib.loads(blocks(subject, "toml")[0])["project"]["entry-points"]
    whole = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]["entry-points"]
    assert shown == {group: whole[group]} and len(whole) == len(SUBJECTS)


def test_the_noise_of_the_page_has_the_mean_that_it_says(monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLE)
    from n2n_toytracer.noise import SPECKLE

    exec(blocks("noise", "python")[1], {"np": np, "SPECKLE": SPECKLE, "rng": np.random.default_rng(1)})


@pytest.mark.parametrize("page", ["house", *SUBJECTS])
def test_what_a_page_names_in_a_module_is_there(page):
    """ "`KINDS` in `engines/choice.py`": the module has that name."""
    text = " ".join((PAGES / f"{page}.md").read_text().split())
    named = re.findall(r"`(\w+)`(?: there)?(?: goes up by one)? in `([\w/]+\.py)`", text)
    for name, module in named:
        places = [start / module for start in (ROOT, ROOT / "n2n_render")]
        code = next(place for place in places if place.exists()).read_text()
        assert re.search(rf"\b{name}\b", code), f"{name} in {module}"
    assert named or page == "house"


@pytest.mark.parametrize("page, most", [("CONTRIBUTING.md", 120), *((f"docs/develop/{page}.md", 130) for page in SUBJECTS)])
def test_a_page_is_a_page(page, most):
    lines = (ROOT / page).read_text().splitlines()
    assert len(lines) <= most and max(map(len, lines)) <= 140

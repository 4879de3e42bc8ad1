"""The documents become a site, without a warning."""

import subprocess
import sys

import pytest
from documented import ROOT

pytestmark = pytest.mark.slow
BUILD = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-n", "-q", "-b", "html"]


def build(source, out):
    return subprocess.run([*BUILD, "-c", ROOT / "docs", source, out], capture_output=True, text=True, cwd=ROOT)


def test_the_site_is_built_without_a_warning(tmp_path):
    done = build(ROOT / "docs", tmp_path)
    assert done.returncode == 0, done.stderr
    pages = {path.name: path.read_text() for path in tmp_path.glob("*.html")}
    assert "--learning-rate" in pages["options.html"] and "load_model" in pages["api.html"]
    assert "<strong>firefly_clamp</strong>" in pages["api.html"]  # fields of options, from the comments beside them
    assert "_downloads" in pages["python.html"]  # a link to a file that is no page
    assert (tmp_path / "_images/ladder.svg").exists()


@pytest.mark.parametrize("text", ["[gone](nowhere.md)", "[gone](../nowhere.py)", "[gone](#nowhere)"])
def test_a_link_to_nothing_is_a_warning(text, tmp_path):
    (tmp_path / "source").mkdir()
    (tmp_path / "source/index.md").write_text(f"# Page\n\n{text}\n")
    done = build(tmp_path / "source", tmp_path / "out")
    assert done.returncode != 0 and "nowhere" in done.stderr

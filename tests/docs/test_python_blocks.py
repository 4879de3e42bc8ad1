"""The Python of the documents runs, with short limits."""

import shutil
import traceback
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from documented import ROOT, blocks

import n2n_render as n2n

pytestmark = [pytest.mark.blender, pytest.mark.slow]
# All that is changed, so that it takes seconds.
SHORTER = {
    "spp=8, views=16, reference_spp=256": 'spp=1, views=2, reference_spp=2, size=(64, 36), device="cpu"',
    "minutes=20": "steps=2, levels=1, encoder_width=8, decoder_width=8, crop_px=32, batch=1",
}
# Interfaces of other programs, which are not here.
FOREIGN = ("from outline import", "import tractor")


def shortened(code):
    for old, new in SHORTER.items():
        code = code.replace(old, new)
    return code


@pytest.fixture
def files(documented_files, tmp_path, monkeypatch):
    shutil.copytree(documented_files, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    shutil.rmtree("datasets/shot")  # is made here


@pytest.mark.parametrize("document", ["docs/python.md", "docs/start/researchers.md", "docs/farm.md", "docs/api.md"])
def test_the_python_of_a_document_runs(document, files, capsys):
    out = Path("out")
    known = {"n2n": n2n, "np": np, "PIL": PIL, "kspace": np.load("kspace.npy"), "paths": [Path("frame.exr")], "out": out}
    found = [code for code in blocks(ROOT / document, "python") if not any(word in code for word in FOREIGN)]
    assert found
    for code in found:
        if code.startswith(">>> "):  # one call, and the error that it ends in
            call, said = code[4:].split("\n", 1)
            with pytest.raises(n2n.N2NError) as error:
                eval(call, known)
            assert "".join(traceback.format_exception_only(error.value)).strip() == said.strip()
        else:
            exec(compile(shortened(code), document, "exec"), known)
    assert document != "docs/python.md" or (out / "frame.exr").exists()
    capsys.readouterr()


def test_the_limits_are_those_of_the_document():
    code = "".join(blocks(ROOT / "docs/python.md", "python"))
    assert all(old in code for old in SHORTER)

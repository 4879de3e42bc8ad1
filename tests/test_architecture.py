"""The arrows of the design: which folder may import what, function-level imports included."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "n2n_render"
FREE = {"errors", "libraries", "progress", "schema", "config", "lazy", "version", "plugins"}
# Folder or module → which of our own folders or modules it may import.
ALLOWED = {
    "libraries": set(),
    "errors": {"libraries"},
    "progress": set(),
    "schema": {"errors"},
    "lazy": set(),
    "version": set(),
    "plugins": {"errors"},
    "config": {"schema", "plugins"},
    "frame": FREE | {"frame"},
    "noise": FREE | {"frame", "noise"},
    "renderers": {"frame", "renderers", "plugins"},  # names only: what lies where, for io/ to read
    "io": FREE | {"frame", "renderers", "io"},
    "sample": FREE | {"frame", "renderers", "io", "sample"},
    "network": FREE | {"frame", "io", "network"},
    "engines": FREE | {"frame", "io", "network", "engines"},
    "ladder": FREE | {"frame", "network", "engines", "ladder"},
    "guides": FREE | {"frame", "io", "network", "engines", "ladder", "judge", "guides"},
    "judge": FREE | {"frame", "judge"},
    # which of several pictures is best where, it asks the judge
    "denoise": FREE | {"frame", "io", "noise", "network", "engines", "ladder", "guides", "judge", "denoise"},
    # it learns from what denoising makes of the guides: a model that wants them clean must never see others
    "learn": FREE | {"frame", "io", "network", "engines", "ladder", "denoise", "guides", "judge", "noise", "learn"},
    "report": FREE | {"frame", "io", "report"},  # a page of pictures and numbers, for the verbs that make them
    # verbs
    "prepare": FREE | {"frame", "io", "noise", "prepare"},
    "train": FREE | {"frame", "io", "noise", "network", "engines", "denoise", "guides", "judge", "learn", "train"},
    "adapt": FREE | {"frame", "io", "network", "engines", "denoise", "guides", "judge", "learn", "report", "adapt"},
    "export": FREE | {"frame", "io", "network", "engines", "ladder", "denoise", "export"},
    "farm": FREE | {"frame", "io", "network", "engines", "denoise", "farm"},
    "watch": FREE | {"frame", "io", "network", "engines", "denoise", "guides", "ladder", "watch"},
    "evaluate": FREE | {"frame", "io", "noise", "network", "engines", "denoise", "report", "evaluate"},
    # verbs that put others together: it renders while it learns; it shows all of them
    "online": FREE | {"frame", "io", "network", "engines", "denoise", "guides", "judge", "learn", "sample", "online"},
    "doctor": FREE | {"frame", "io", "network", "engines", "sample", "doctor"},
    "demo": FREE | {"frame", "io", "denoise", "sample", "train", "adapt", "evaluate", "report", "demo"},
    # callers
    "serve": FREE | {"frame", "io", "network", "engines", "denoise", "adapt", "sample", "export", "serve"},
    "cli": None,
    "api": None,
    "parts": None,
    "loaded": {"errors", "schema", "config", "frame", "engines", "denoise"},
    "__init__": None,
    "__main__": None,
}  # None: all of them
VERBS = {"sample", "prepare", "train", "adapt", "export", "evaluate", "farm", "watch", "online", "demo", "doctor"}
TOGETHER = {"online": {"sample"}, "demo": {"sample", "train", "adapt", "evaluate"}, "doctor": {"sample"}}
CALLERS = {"serve"}  # beside those that may import everything
DENOISE_VERB = {"verb", "denoise", "DenoiseOptions", "Denoised"}  # all else in denoise/ is a station
# Heavy neighbour → where it may be imported.
DOORS = {
    "bpy": {"sample/worker"},
    "mathutils": {"sample/worker"},
    "OpenEXR": {"io/exr_parts.py"},
    "rich": {"cli/console.py"},
    "click": {"cli"},
    "torch": {"network", "learn", "engines/torch_engine.py", "engines/openvino_engine.py", "export/formats.py"},
    "pyoidn": {"engines/runtime.py"},
    "openvino": {"engines/openvino_engine.py"},
    "filelock": {"io/atomic.py"},
    "PIL": {"io/images.py", "io/photograph_tags.py", "noise/text.py", "train/journal.py"},
    "OpenImageIO": {"io/sixteen_bits.py"},
    "nibabel": {"io/volumes.py"},
    "pydicom": {"io/volumes.py"},
    "PyOpenColorIO": {"io/view_transform.py"},
    "safetensors": {"network"},
    "matplotlib": {"train/journal.py", "online/curve.py"},
}
FILES = sorted(PACKAGE.rglob("*.py"))


def named(path):
    """Full dotted names of all that a file imports, inside functions too: ("n2n_render.frame.frame.Frame", "os.path", …)."""
    package = ("n2n_render", *path.relative_to(PACKAGE).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else ()
            yield from (".".join((*start, *filter(None, [node.module]), alias.name)) for alias in node.names)


def imports(path):
    """(our own station or None, outside module or None) for every name that a file imports."""
    for name in named(path):
        first, *rest = name.split(".")
        yield (rest[0] if rest else "__init__", None) if first == "n2n_render" else (None, first)


def is_behind(place, door):
    return place == Path(door) or Path(door) in place.parents


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_import_follows_the_arrows(path):
    place = path.relative_to(PACKAGE)
    station = place.parts[0].removesuffix(".py")
    allowed = ALLOWED[station]
    for own, outside in imports(path):
        if own and own != station and allowed is not None:
            assert own in allowed, f"{place} imports {own}"
        if outside in DOORS:
            assert any(is_behind(place, door) for door in DOORS[outside]), f"{place} imports {outside}"


@pytest.mark.parametrize(
    "text, names",
    [
        ("import n2n_render.train.training", ["n2n_render.train.training"]),
        ("import torch.nn as nn, os", ["torch.nn", "os"]),
        ("from n2n_render import train", ["n2n_render.train"]),
        ("def f():\n    from n2n_render.train import pairs", ["n2n_render.train.pairs"]),
        ("from .. import __version__, train", ["n2n_render.__version__", "n2n_render.train"]),
        ("from ..train.pairs import load_pairs", ["n2n_render.train.pairs.load_pairs"]),
        ("from .files import export", ["n2n_render.judge.files.export"]),
    ],
)
def test_every_way_to_write_an_import_is_seen(tmp_path, monkeypatch, text, names):
    monkeypatch.setitem(globals(), "PACKAGE", tmp_path)
    path = tmp_path / "judge" / "blend.py"
    path.parent.mkdir()
    path.write_text(text)
    assert list(named(path)) == names


@pytest.mark.slow
def test_no_verb_imports_another():
    """Two put others together. Of denoise, which is a station too, nobody but callers takes the verb."""
    assert {
        name: allowed & VERBS - {name} for name, allowed in ALLOWED.items() if name in VERBS and allowed & VERBS - {name}
    } == (TOGETHER)
    for path in FILES:
        station = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        taken = {tuple(name.split(".")[2:4]) for name in named(path) if name.startswith("n2n_render.denoise.")}
        if ALLOWED[station] is not None and station not in {"denoise", *CALLERS}:
            assert not {part for parts in taken for part in parts} & DENOISE_VERB, path


@pytest.mark.slow
def test_the_worker_uses_only_bpy_and_the_standard_library():
    import sys

    folder = PACKAGE / "sample" / "worker"
    own = {path.stem for path in folder.glob("*.py")}
    used = {outside for path in folder.glob("*.py") for _, outside in imports(path) if outside}
    assert not [name for path in folder.glob("*.py") for name in named(path) if name.startswith("n2n_render")]
    assert used - own - {"bpy", "mathutils"} <= set(sys.stdlib_module_names)


@pytest.mark.slow
def test_processes_meet_in_one_place():
    users = {path for path in FILES if any(name.startswith("torch.distributed") for name in named(path))}
    assert users == {PACKAGE / "learn" / "team.py"}


@pytest.mark.slow
def test_help_and_sample_import_no_torch():
    import subprocess
    import sys

    code = (
        "import sys, n2n_render.cli.commands, n2n_render.sample.sampling; print('torch' in sys.modules, 'bpy' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["False", "False"]


@pytest.mark.slow
def test_only_the_console_prints():
    for path in FILES:
        calls = [
            node.func.id
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        ]
        assert not {"print", "exit", "quit"} & set(calls), path


@pytest.mark.slow
def test_the_options_of_every_verb_are_there_without_torch_and_every_other_name_when_it_is_asked_for():
    import subprocess
    import sys

    code = (
        "import importlib, sys\n"
        f"verbs = [importlib.import_module(f'n2n_render.{{name}}') for name in {sorted(VERBS | {'denoise'})}]\n"
        "options = [getattr(verb, name) for verb in verbs for name in verb.__all__ if name.endswith('Options')]\n"
        "print(len(options) >= len(verbs), 'torch' in sys.modules)\n"
        "print([name for verb in verbs for name in verb.__all__ if getattr(verb, name).__name__ != name])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines() == ["True False", "[]"]

"""The arrows of the design: which folder may import what, function-level imports included."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "n2n_render"
FREE = {"errors", "progress", "schema", "config"}
# Folder or module → which of our own folders or modules it may import.
ALLOWED = {
    "errors": set(),
    "progress": set(),
    "schema": {"errors"},
    "config": {"schema"},
    "frame": FREE | {"frame"},
    "renderers": {"frame", "renderers"},  # names only: what lies where, for io/ to read
    "io": FREE | {"frame", "renderers", "io"},
    "sample": FREE | {"frame", "renderers", "io", "sample"},
    "network": FREE | {"frame", "io", "network"},
    "engines": FREE | {"frame", "io", "network", "engines"},
    "guides": FREE | {"frame", "io", "network", "engines", "denoise", "guides"},  # of denoise: the ladder, see below
    "denoise": FREE | {"frame", "io", "network", "engines", "guides", "denoise"},
    "judge": FREE | {"frame", "judge"},
    # it learns from what denoising makes of the guides: a model that wants them clean must never see others
    "learn": FREE | {"frame", "io", "network", "engines", "denoise", "guides", "judge", "learn"},
    "train": FREE | {"frame", "io", "network", "engines", "denoise", "guides", "judge", "learn", "train"},
    "adapt": FREE | {"frame", "io", "network", "engines", "denoise", "guides", "judge", "learn", "adapt"},
    "export": FREE | {"frame", "io", "network", "engines", "denoise"},
    "evaluate": FREE | {"frame", "io", "network", "engines", "denoise", "evaluate"},
    "serve": FREE | {"frame", "io", "network", "engines", "denoise", "serve"},
}
COMPOSERS = {"__init__", "api", "cli", "demo", "online", "__main__"}  # these put stations together
# Heavy neighbour → where it may be imported.
DOORS = {
    "bpy": {"sample/worker"},
    "mathutils": {"sample/worker"},
    "OpenEXR": {"io/exr_parts.py"},
    "rich": {"cli/console.py"},
    "click": {"cli"},
    "torch": {"network", "learn", "engines", "export"},
    "pyoidn": {"engines/runtime.py"},
    "openvino": {"engines/openvino_engine.py"},
    "filelock": {"io/atomic.py"},
    "PIL": {"io/images.py", "train/journal.py"},
    "matplotlib": {"train/journal.py", "online/curve.py"},
}
FILES = sorted(PACKAGE.rglob("*.py"))


def imports(path):
    """(our own station or None, outside module or None) for every import statement of a file."""
    depth = len(path.relative_to(PACKAGE).parts)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((None, alias.name.split(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield None, node.module.split(".")[0]
        elif isinstance(node, ast.ImportFrom) and node.level == depth:
            yield from (
                (name, None) for name in ([node.module.split(".")[0]] if node.module else [alias.name for alias in node.names])
            )


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_import_follows_the_arrows(path):
    place = path.relative_to(PACKAGE)
    station = place.parts[0].removesuffix(".py")
    for own, outside in imports(path):
        if own and own != "__version__" and station not in COMPOSERS:
            assert own in ALLOWED[station], f"{place} imports {own}"
        if outside in DOORS:
            assert any(str(place).startswith(door) for door in DOORS[outside]), f"{place} imports {outside}"


def test_the_ladder_knows_no_guides_and_guides_know_only_the_ladder():
    """Both are made of the ladder; what denoises files is made of them."""
    ladder = {"ladder.py", "memory.py"}
    for path in (PACKAGE / "guides").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level == 2 and (node.module or "").startswith("denoise"):
                assert f"{node.module.removeprefix('denoise.')}.py" in ladder, f"{path.name} imports {node.module}"
    for name in ladder:
        assert "guides" not in {own for own, _ in imports(PACKAGE / "denoise" / name)}, name


def test_the_worker_uses_only_bpy_and_the_standard_library():
    import sys

    folder = PACKAGE / "sample" / "worker"
    own = {path.stem for path in folder.glob("*.py")}
    used = {outside for path in folder.glob("*.py") for _, outside in imports(path) if outside}
    assert used - own - {"bpy", "mathutils"} <= set(sys.stdlib_module_names)


def test_help_and_sample_import_no_torch():
    import subprocess
    import sys

    code = (
        "import sys, n2n_render.cli.commands, n2n_render.sample.sampling; print('torch' in sys.modules, 'bpy' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == ["False", "False"]


def test_only_the_console_prints():
    for path in FILES:
        calls = [
            node.func.id
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        ]
        assert not {"print", "exit", "quit"} & set(calls), path

"""Packages with entry points, written into a folder that Python looks through."""

import itertools
import shutil
import sys

import pytest

from n2n_render import plugins

NUMBERS = itertools.count()


@pytest.fixture
def bring(tmp_path, monkeypatch):
    """bring(group, name, code) installs a package whose module is `code` and holds `row`; bring.take_away() removes all."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    modules = []

    def write(group, name, code, row="ROW", package="n2n-brought"):
        module = f"brought_{next(NUMBERS)}"
        modules.append(module)
        (folder / f"{module}.py").write_text(code)
        told = folder / f"{package.replace('-', '_')}-2.5.dist-info"
        told.mkdir(exist_ok=True)
        (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 2.5\n")
        with open(told / "entry_points.txt", "a") as file:
            file.write(f"[{group}]\n{name} = {module}:{row}\n")
        plugins.forget()
        return module

    def take_away():
        """As `pip uninstall` of all of them."""
        for told in folder.glob("*.dist-info"):
            shutil.rmtree(told)
        plugins.forget()

    write.take_away = take_away
    plugins.forget()
    yield write
    plugins.forget()
    for module in modules:
        sys.modules.pop(module, None)

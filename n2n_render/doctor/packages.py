"""Which packages are there, in which version, and whether they can be imported."""

import importlib.metadata
import importlib.util
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ..libraries import MODULES
from ..progress import Progress
from .child import ask

OK, MISSING, BROKEN = "ok", "missing", "broken"
MOST_AT_ONCE = 4  # processes that import


def look_at_packages(progress: Progress) -> dict[str, dict[str, Any]]:
    """Package → "extra" that brings it, "version", "state", and of a broken one "problem" and "hint"."""

    def look(module: str) -> tuple[str, dict[str, Any]]:
        package, extra = MODULES[module]
        found = {"extra": extra, **_look_at(module, package)}
        progress.advance(1, package)
        return package, found

    with ThreadPoolExecutor(min(MOST_AT_ONCE, os.cpu_count() or 1)) as pool:
        return dict(pool.map(look, MODULES))


def _look_at(module: str, package: str) -> dict[str, Any]:
    version = version_of(package)
    try:
        there = importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        there = False
    if not there:
        if version is None:
            return {"version": None, "state": MISSING}
        problem = f"is listed as installed, and has no module {module}"
        return {"version": version, "state": BROKEN, "problem": problem, "hint": _again(package)}
    answer = ask("package", module)
    if "problem" in answer:
        hint = answer.get("hint") or _again(package)
        return {"version": version, "state": BROKEN, "problem": answer["problem"], "hint": hint}
    said = answer["version"]  # PyTorch tells more there: 2.13.0+cpu
    return {"version": said if version is None or said.startswith(f"{version}+") else version, "state": OK}


def _again(package: str) -> str:
    return f"Install it again: pip install --force-reinstall --no-deps {package}."


def version_of(package: str) -> str | None:
    """Of an installed package, as pip says it; None: it is not installed, or not by pip."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None

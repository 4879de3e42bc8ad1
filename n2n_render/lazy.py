"""Names of a package → where they are defined, imported when they are first asked for.

A verb's options are quick to import; what it runs with (PyTorch, OpenEXR) is not.
"""

import importlib
from collections.abc import Callable, Mapping
from typing import Any


def names_from(package: str, places: Mapping[str, str]) -> Callable[[str], Any]:
    """The `__getattr__` of a package.

    Args:
        package: its `__name__`.
        places: name → module of the package that defines it.
    """

    def get(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{package}.{places[name]}"), name)

    return get

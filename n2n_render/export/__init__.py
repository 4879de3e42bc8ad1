"""A model → a file for other programs: `export(ExportOptions(…)) → Exported`."""

from typing import TYPE_CHECKING, Any

from .options import Exported, ExportOptions

if TYPE_CHECKING:
    from .files import export

__all__ = ["ExportOptions", "Exported", "export"]


def __getattr__(name: str) -> Any:
    if name == "export":  # needs torch
        from .files import export

        return export
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

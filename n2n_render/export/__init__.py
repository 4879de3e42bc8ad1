"""A model → a file for other programs: `export(ExportOptions(…)) → Exported`."""

from typing import TYPE_CHECKING

from ..lazy import names_from
from .options import Exported, ExportOptions

if TYPE_CHECKING:
    from .files import export as export

__all__ = ["ExportOptions", "Exported", "export"]

__getattr__ = names_from(__name__, {"export": "files"})

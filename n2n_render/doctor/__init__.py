"""This machine and some files → what a bug report needs to say: `doctor(DoctorOptions(…)) → Diagnosis`."""

from typing import TYPE_CHECKING

from ..lazy import names_from
from .options import Diagnosis, DoctorOptions

if TYPE_CHECKING:
    from .verb import doctor as doctor

__all__ = ["Diagnosis", "DoctorOptions", "doctor"]

__getattr__ = names_from(__name__, {"doctor": "verb"})

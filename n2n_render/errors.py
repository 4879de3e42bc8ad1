"""What users are meant to read: the one exception, and doubts that do not stop the work."""
import logging

LOGGER = logging.getLogger("n2n_render")


class N2NError(Exception):
    """What went wrong and in which file, with the next step as `hint`."""

    def __init__(self, what: str, hint: str = ""):
        super().__init__(what)
        self.what = what
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.what}\n{self.hint}" if self.hint else self.what


class UnreadableFile(N2NError):
    """A file that is missing, damaged or of another kind: work on many files goes on with the others."""


def doubt(message: str):
    """Something about the input that the user should know although the work goes on: which file, what, what was done about it.

    A warning of the logger "n2n_render". The command line shows each sentence once; a program may attach a handler.
    """
    LOGGER.warning(message)

"""What users are meant to read: the one exception, and doubts that do not stop the work."""

import errno
import logging

from .libraries import lacks, not_installed

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


class UnwritableFile(N2NError):
    """An output that the disk did not take: the same again may do it later."""


def doubt(message: str) -> None:
    """Something about the input that the user should know although the work goes on: which file, what, what was done about it.

    A warning of the logger "n2n_render". The command line shows each sentence once; a program may attach a handler.
    """
    LOGGER.warning(message)


# What an OSError of the disk means, and what to do about it; by name, as no system has all of them.
_DISK = {
    "ENOSPC": ("the disk is full", "Free some space, or name a place on another disk."),
    "EDQUOT": ("your share of the disk is full", "Free some space, or name a place on another disk."),
    "EFBIG": ("the file is too large for this file system", "Name a place on another disk."),
    "EROFS": ("the file system is read-only", "Name a place that can be written."),
    "EACCES": ("may not be read or written", "Check who owns it."),
    "EPERM": ("may not be read or written", "Check who owns it."),
    "ENOENT": ("no such file or folder", "Check the path."),
    "EISDIR": ("is a folder, and a file is needed", "Check the path."),
    "ENOTDIR": ("a part of the path is a file, and a folder is needed", "Check the path."),
    "EEXIST": ("is there already", "Name another place, or move it away."),
    "ENOTEMPTY": ("the folder is not empty", "Name another place, or move away what it holds."),
    "ELOOP": ("its links lead in a circle", "Mend the links, or name the file itself."),
    "EMLINK": ("has too many links", "Name another folder."),
    "ENAMETOOLONG": ("the name is too long for this file system", "Name a shorter one."),
    "EINVAL": ("the system does not take this name or kind of file", "Name another one."),
    "EBUSY": ("is in use by another program", "Close that program, and run the command again."),
    "ETXTBSY": ("is in use by another program", "Close that program, and run the command again."),
    "ESTALE": ("the network drive has lost it (stale file handle)", "Mount the drive again, and run the command again."),
    "EIO": ("the disk or network drive fails (input/output error)", "Check the drive, and run the command again."),
    "EMFILE": ("too many files are open", "Raise the limit (ulimit -n), and run the command again."),
    "ENFILE": ("too many files are open", "Close other programs, and run the command again."),
}
_OTHERWISE = ("cannot be read or written", "Check the path and the drive, and run the command again.")


def missing_library(error: BaseException) -> N2NError | None:
    """Where a package is there and cannot be loaded: the library of the system that it lacks; None for any other error."""
    told = lacks(error)
    return N2NError(*told) if told else None


def sentence_of(error: BaseException) -> N2NError | None:
    """What a disk, the memory or a library of the system cannot do, as a sentence with a hint; None for what only a mistake of
    ours explains.
    """
    if isinstance(error, N2NError):
        return error
    if told := lacks(error) or not_installed(error):
        return N2NError(*told)
    if isinstance(error, MemoryError):
        return N2NError(
            f"the memory is full{f' ({error})' if str(error) else ''}",
            "Close other programs, or take smaller or fewer frames, or a smaller --tile.",
        )
    if isinstance(error, OSError):
        what, hint = _DISK.get(errno.errorcode.get(error.errno or 0, ""), _OTHERWISE)
        if (what, hint) == _OTHERWISE:
            what = f"{what} ({error.strerror or error})"
        places = [str(place) for place in (error.filename, error.filename2) if place is not None]
        return N2NError(f"{' → '.join(places) or 'a file that was being read or written'}: {what}", hint)
    return None

"""Files that are whole or not there at all."""
import contextlib
import os
from pathlib import Path

from .errors import N2NError


def write_beside(path: str | os.PathLike, write) -> None:
    """Calls `write(temporary path)` and moves the result to `path`; a failure leaves `path` as it was."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(str(temporary))
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:
        raise N2NError(f"{path}: cannot be written ({first_line(error)})",
                       "Check that the folder is writable and the disk is not full.") from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]

"""A program for test_damaged_files.py: reads the files that it is told, and says what came of each.

    python read_damaged.py MODEL < file names, one a line

Lines of its own: `begin NAME`, then `end OUTCOME`, with an outcome of read, refused: SENTENCE, or WRONG: WHY. A process of its
own, so that a crash is seen, and with an end to its memory.
"""

import sys
import traceback
from pathlib import Path

import numpy as np
from click.testing import CliRunner

from n2n_render.cli.commands import main
from n2n_render.errors import N2NError
from n2n_render.io.exr import ExrImage
from n2n_render.io.numbering import frame_of_header, place_files

FEATURES = ("albedo", "normal", "depth")
MORE_MEMORY = 2**29  # bytes that the reading of a small file may take at most
DENOISED = 2  # of all files, every so manyth also goes through the command


def limit_memory():
    """To what the process has now and MORE_MEMORY; where the system can do that."""
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except (ImportError, OSError):
        return
    limit = pages * resource.getpagesize() + MORE_MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def check_finite(frame):
    for feature in ("color", *FEATURES[:2]):
        assert feature not in frame or np.isfinite(frame[feature]).all(), f"{feature} is not finite"


def outcome_of(read) -> str:
    try:
        read()
    except N2NError as error:
        assert error.what.strip() and error.hint.strip() and "\n" not in error.what, f"no sentence: {error!r}"
        return f"refused: {error.what}"
    return "read"


def read_image(path):
    image = ExrImage.open(path)
    image.layer(None, FEATURES)
    check_finite(image.frame())
    check_finite(image.frame(None, FEATURES))


def denoise(path, model):
    """The command gives a whole file or one sentence, and no part of a file."""
    output = path.with_name("denoised") / path.name
    result = CliRunner().invoke(
        main, ["denoise", str(path), "--model", model, "-o", str(output), "--device", "cpu", "--engine", "torch"]
    )
    assert result.exit_code in (0, 1), f"exit code {result.exit_code}: {result.exception!r}"
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    assert (result.exit_code == 0) == output.is_file(), f"exit code {result.exit_code}, output there: {output.is_file()}"
    assert not output.parent.exists() or not list(output.parent.glob(".*")), "a part of a file is left behind"
    if result.exit_code:
        assert "error:" in result.output and "Traceback" not in result.output, result.output
        return
    check_finite(ExrImage.open(output).frame())
    output.unlink()


def read_all(paths: list[Path], model: str):
    for path in paths:
        print("begin", path, flush=True)
        try:
            place_files([path])
            frame_of_header(path)
            outcome_of(lambda path=path: ExrImage.open(path, header_only=True).layers)
            outcome = outcome_of(lambda path=path: read_image(path))
            if int(path.stem.split("_")[0]) % DENOISED == 0:
                denoise(path, model)
        except BaseException as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            outcome = f"WRONG: {type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})".replace("\n", " ")
        print("end", outcome, flush=True)


if __name__ == "__main__":
    names = sys.stdin.read().splitlines()
    CliRunner().invoke(main, ["engines"])  # what is imported late is imported before memory is counted
    whole = Path(sys.argv[2])
    denoise(whole, sys.argv[1])
    limit_memory()
    read_all([Path(name) for name in names], sys.argv[1])

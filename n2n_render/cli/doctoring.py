"""The command `doctor`. Like commands.py: no logic here."""

from typing import Any

import click

from .ending import EXIT_CODE
from .options import Command, make_reporter


@click.command(cls=Command, example="n2n-render doctor frame.exr")
@click.argument("files", nargs=-1, metavar="[FILE.exr…]")
@click.option("--json", "path", metavar="FILE", help="Write the same as data, too.")
@click.option("--blender", metavar="PATH", help="Blender 4.2 or newer.  [default: the bpy wheel, else blender on PATH]")
@click.pass_context
def doctor(ctx: click.Context, /, files: tuple[str, ...], path: str | None, blender: str | None) -> dict[str, Any]:
    """Tell what a bug report needs: versions, packages, devices, engines, and what EXR files hold.

    The text can be pasted as it is. Your home folder is ~ in it, files are called by their names, and only the environment
    variables that matter are told. The exit code is 1 where something that is installed is broken.
    """
    import json

    from ..doctor import DoctorOptions
    from ..doctor import doctor as run
    from ..doctor.text import as_markdown
    from ..errors import doubt
    from ..io.atomic import write_text
    from . import console

    done = run(DoctorOptions(files, blender), make_reporter(ctx))
    console.result(as_markdown(done))
    if path:
        write_text(path, json.dumps(done.to_dict(), indent=1) + "\n")
    if done.problems:
        what, hint = done.problems[0]
        doubt(f"{what}. {hint}")
    return {**done.to_dict(), EXIT_CODE: int(bool(done.problems))}

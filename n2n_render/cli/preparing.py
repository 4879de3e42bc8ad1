"""The command that makes datasets of images that no renderer made."""

from typing import Any

import click

from ..errors import N2NError
from .options import Command, make_reporter

FOLLOWING = {"photographs": "gaussian", "slices": "mri:0.1", "bursts": "pairs"}  # --noise


@click.command(cls=Command, example="n2n-render prepare PHOTOS/ -o datasets/photos")
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT…")
@click.option("--output", "-o", required=True, metavar="FOLDER", help="Dataset folder, a new one.")
@click.option("--bursts", is_flag=True, help="Each folder holds shots of the same thing, two or more: their noise is real.")
@click.option(
    "--shrink",
    type=click.IntRange(1, 16),
    default=1,
    metavar="N",
    help="The mean of N×N pixels becomes one: 2 takes out sensor noise and JPEG's traces.",
)
@click.option("--slices", metavar="25-124", help="Of volumes: the first and the last, counted from 0.  [default: all]")
@click.option("--planes", metavar="axial,…", default="axial", help="Of volumes: axial, coronal, sagittal.")
@click.option("--size", type=click.IntRange(32, 65536), metavar="PX", help="Of slices: cut or filled to PX×PX.  [default: 256]")
@click.pass_context
def prepare(ctx: click.Context, /, slices: str | None, planes: str, **options: Any) -> dict[str, Any]:
    """Make a dataset of photographs, MRI volumes or bursts: PNG, JPEG, TIFF, WebP, .npy, NIfTI, DICOM folders, TFRecords."""
    from ..prepare import PrepareOptions
    from ..prepare import prepare as run
    from . import console

    wanted = PrepareOptions(
        **options,
        planes=tuple(part.strip() for part in planes.split(",") if part.strip()),
        slices=_first_and_last(slices) if slices else None,
    )
    done = run(wanted, make_reporter(ctx))
    left = f", {len(done.left_out)} file(s) left out" if done.left_out else ""
    kind = done.kind if done.images != 1 else done.kind.removesuffix("s")
    console.result(f"{done.folder}: {done.images} {kind}{left}")
    console.say(f"next: n2n-render train --noise {FOLLOWING[done.kind]} --data {done.folder}")
    return {"folder": done.folder, "kind": done.kind, "images": done.images, "left_out": list(done.left_out)}


def _first_and_last(text: str) -> tuple[int, int]:
    """ "25-124" → (25, 124)."""
    parts = [part.strip() for part in text.split("-")]
    if len(parts) != 2 or not all(part.isdigit() for part in parts):
        raise N2NError(f"cannot read --slices {text!r}", "It takes the first and the last one, like 25-124.")
    return int(parts[0]), int(parts[1])

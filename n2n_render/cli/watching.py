"""The command `watch`. Like commands.py: no logic here."""

from typing import TYPE_CHECKING, Any

import click

from .options import (
    Command,
    engine_options,
    exact_sums_option,
    folder_name,
    make_reporter,
    passes_option,
    source_options,
    strength_option,
)

if TYPE_CHECKING:
    from ..denoise.options import Strengths


@click.command(cls=Command, example="n2n-render watch renders/ -o clean/ --frames 1-48 --model oidn-large")
@click.argument("folder", metavar="FOLDER")
@click.option("--output", "-o", required=True, callback=folder_name, metavar="OUT", help="A folder outside of FOLDER.")
@click.option("--model", default="auto", metavar="MODEL", help="As of `denoise`.")
@click.option("--pair", multiple=True, metavar="FOLDER", help="Where the same frames come with another seed: as of `denoise`.")
@click.option("--frames", metavar="1-250", help="The frames that will come: it ends when all of them are done.")
@click.option(
    "--until-idle",
    type=click.FloatRange(min=0),
    metavar="MINUTES",
    help="It ends when no file came or changed for so long.  [default: at Ctrl-C, or when --frames are done]",
)
@click.option(
    "--settle",
    type=click.FloatRange(min=0),
    default=2.0,
    metavar="SECONDS",
    help="A file is complete when it has not changed for so long and can be read.",
)
@click.option("--shared", is_flag=True, help="Other processes do the same; each takes the next frame.")
@click.option(
    "--temporal",
    type=click.IntRange(0, 8),
    metavar="K",
    help="Animations with a Vector pass: take in the samples of K frames before and after each one, when they have come.  "
    "[default: as the model]",
)
@click.option("--shots", metavar="1-48,49-120", help="With --temporal: first and last frame of each shot.")
@click.option(
    "--prefilter/--no-prefilter", default=None, help="Clean albedo and normal first.  [default: if the model wants them clean]"
)
@click.option("--layer", metavar="NAME", help="Only this view layer (LAYER.VIEW: one view).  [default: all with the passes]")
@click.option("--keep-noisy", is_flag=True, help="Add the noisy picture as the pass <layer>.Noisy.")
@passes_option
@exact_sums_option
@strength_option
@source_options
@click.option("--fast", is_flag=True, help="With a model of `adapt` and --pair: no Error pass, a little worse, 4 passes of 10.")
@engine_options(average=None, several=True, usual="  [default: 1; with a model of `adapt` and --pair 2]")
@click.option("--tile", type=click.IntRange(32), metavar="PX", help="Tile size; smaller takes less memory.")
@click.pass_context
def watch(
    ctx: click.Context,
    /,
    pair: tuple[str, ...],
    frames: str | None,
    shots: str | None,
    keep_noisy: bool,
    strength: tuple[float, "Strengths"],
    exact_sums: bool,
    passes: tuple[str, ...],
    engine: str,
    device: str,
    precision: str,
    tile: int | None,
    **others: Any,
) -> dict[str, Any]:
    """Denoise the frames in FOLDER as a renderer writes them, until the last one is done."""
    from ..denoise import PictureOptions
    from ..engines.options import EngineOptions
    from ..io.ranges import parse_frames
    from ..io.sequence import parse_shots
    from ..watch import WatchOptions
    from ..watch import watch as run
    from . import console

    everywhere, strengths = strength
    options = WatchOptions(
        **others,
        pairs=pair,
        frames=tuple(parse_frames(frames)) if frames else None,
        shots=tuple(parse_shots(shots)),
        picture=PictureOptions(keep_noisy, everywhere, passes, strengths, exact_sums),
        engine=EngineOptions(device, engine, precision, tile),
    )
    done = run(options, make_reporter(ctx))
    kept = f", {done.kept} were there already" if done.kept else ""
    again = f", {done.again} time(s) one again" if done.again else ""
    console.result(f"wrote {len(done.outputs)} frame(s) to {options.output}{kept}{again}")
    told = {"outputs": list(done.outputs), "kept": done.kept, "again": done.again}
    return {**told, "expected_psnr_db": list(done.expected_psnr_db)} if done.expected_psnr_db else told

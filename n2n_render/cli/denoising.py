"""The command `denoise`. Like commands.py: no logic here."""

from typing import TYPE_CHECKING, Any

import click

from .options import (
    Command,
    engine_options,
    exact_sums_option,
    make_reporter,
    parse_share,
    passes_option,
    share_options,
    source_options,
    strength_option,
)

if TYPE_CHECKING:
    from ..denoise.options import Strengths


@click.command(
    cls=Command,
    example=(
        "n2n-render denoise frame.exr -o clean.exr\nn2n-render denoise 'a/frame_####.exr' --pair 'b/frame_####.exr' -o clean/"
    ),
)
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT…")
@click.option(
    "--model",
    default="auto",
    metavar="MODEL",
    help="oidn, oidn-small, oidn-large (see `n2n-render models`), a run folder, a checkpoint, a .safetensors or .tza file; "
    "auto: Open Image Denoise's, for what each file has.",
)
@click.option("--output", "-o", required=True, metavar="OUT", help="A file for one input, else a folder.")
@click.option("--pair", multiple=True, metavar="FILE", help="The same frames with another seed: averaged before denoising.")
@click.option(
    "--prefilter/--no-prefilter", default=None, help="Clean albedo and normal first.  [default: if the model wants them clean]"
)
@share_options()
@click.option("--skip-existing", is_flag=True, help="Outputs that are newer than all that they are made of stay.")
@click.option("--layer", metavar="NAME", help="Only this view layer (LAYER.VIEW: one view).  [default: all with the passes]")
@click.option("--keep-noisy", is_flag=True, help="Add the noisy picture as the pass <layer>.Noisy.")
@passes_option
@exact_sums_option
@strength_option
@click.option(
    "--temporal",
    type=click.IntRange(0, 8),
    metavar="K",
    help="Animations with a Vector pass: take in the samples of K frames before and after each one.  [default: as the model]",
)
@click.option("--shots", metavar="1-48,49-120", help="With --temporal: first and last frame of each shot.")
@source_options
@click.option("--fast", is_flag=True, help="With a model of `adapt` and --pair: no Error pass, a little worse, 4 passes of 10.")
@engine_options(average=None, several=True, usual="  [default: 1; with a model of `adapt` and --pair 2]")
@click.option("--tile", type=click.IntRange(32), metavar="PX", help="Tile size; smaller takes less memory.")
@click.pass_context
def denoise(
    ctx: click.Context,
    /,
    pair: tuple[str, ...],
    keep_noisy: bool,
    strength: tuple[float, "Strengths"],
    passes: tuple[str, ...],
    exact_sums: bool,
    shots: str | None,
    frames: str | None,
    chunk: str,
    sources: Any,
    engine: str,
    device: str,
    precision: str,
    tile: int | None,
    **others: Any,
) -> dict[str, Any]:
    """Denoise EXR files of any renderer, folders of them, or frame_####.exr patterns; with a model of `train --noise`,
    photographs (PNG, JPEG, TIFF, WebP, .npy) or k-space (.npy).
    """
    from ..denoise import DenoiseOptions, PictureOptions
    from ..denoise import denoise as run
    from ..engines.options import EngineOptions
    from ..io.sequence import parse_shots
    from . import console

    everywhere, strengths = strength
    options = DenoiseOptions(
        **others,
        **parse_share(frames, chunk),
        pairs=pair,
        shots=tuple(parse_shots(shots)),
        picture=PictureOptions(keep_noisy, everywhere, passes, strengths, exact_sums),
        sources=sources,
        engine=EngineOptions(device, engine, precision, tile),
    )
    done = run(options, make_reporter(ctx))
    count = len(done.outputs)
    known = [psnr for psnr in done.expected_psnr_db if psnr is not None]
    expected = f", expected PSNR on T {sum(known) / len(known):.1f} dB{' in the mean' * (count > 1)}" if known else ""
    kept = f", {done.kept} were there already" if done.kept else ""
    console.result((f"wrote {done.outputs[0]}" if count == 1 else f"wrote {count} files to {options.output}") + expected + kept)
    told = {"outputs": list(done.outputs), "engine": done.engine, "prefiltered": done.prefiltered, "models": list(done.models)}
    told |= {"kept": done.kept} if done.kept else {}
    return {**told, "expected_psnr_db": list(done.expected_psnr_db)} if known else told

"""The command `evaluate`. Like commands.py: no logic here."""

from typing import TYPE_CHECKING, Any

import click

from .options import Command, engine_options, folder_name, make_reporter, refuse_given, view_options

if TYPE_CHECKING:
    from ..evaluate import EvaluatedChunk, EvaluatedImages
    from ..evaluate.passes import ViewPasses


@click.command(cls=Command, example="n2n-render evaluate --model oidn-large --frames clean/ --data datasets/shot")
@click.option("--model", "models", multiple=True, metavar="MODEL", help="A model as in `denoise`; repeatable.")
@click.option(
    "--frames",
    multiple=True,
    metavar="FOLDER",
    help="Frames of these views that are denoised already, as `adapt` writes them; repeatable.",
)
@click.option("--data", multiple=True, default=["datasets"], metavar="FOLDER", help="Datasets with reference halves.")
@click.option(
    "--more",
    multiple=True,
    metavar="FOLDER",
    help="The same views with more samples: what is each method worth in samples of Open Image Denoise? Repeatable.",
)
@click.option(
    "--passes",
    metavar="all|KIND|NAME,…",
    help="Score passes of light too, each and what they add up to: all, light-groups, light-passes, aovs, or names.",
)
@click.option("--out", default="evaluation", callback=folder_name, metavar="FOLDER", help="Where the comparison pictures go.")
@click.option("--json", "json_path", metavar="FILE", help="Also write all numbers as JSON.")
@click.option("--report/--no-report", default=True, help="Write OUT/report.html, which shows all pictures and numbers.")
@click.option("--oidn/--no-oidn", default=True, help="Compare with Open Image Denoise.")
@click.option(
    "--noise",
    metavar="KIND[:VALUE]",
    help="Compare models of `train --noise` on images of --data with this noise: gaussian:25, or gaussian at its usual test "
    "value; pairs: on bursts, whose shots judge each other.",
)
@click.option("--seed", type=click.IntRange(0), default=1, help="Of that noise.")
@click.option("--classical/--no-classical", default=True, help="With --noise: compare with what needs no training.")
@click.option(
    "--chunk",
    metavar="I/N",
    help="Compare only this machine's share of the views; their numbers are kept in OUT/.views.",
)
@click.option("--merge", is_flag=True, help="Compare nothing: put together what all chunks of the same options found.")
@view_options
@engine_options(average="1")
@click.pass_context
def evaluate(
    ctx: click.Context, /, json_path: str | None, chunk: str | None, passes: str | None, **options: Any
) -> dict[str, Any]:
    """Compare denoised frames with references: PSNR, SSIM, relMSE, SMAPE, FLIP; or images of which the noise is made."""
    from ..evaluate import EvaluatedChunk, EvaluatedImages, EvaluateOptions
    from ..evaluate import evaluate as run
    from ..io.light import parse_passes
    from ..io.ranges import parse_chunk
    from . import console, tables

    if options["noise"] is None:
        refuse_given(ctx, ("seed", "classical"), "is for --noise, which was not given", "Leave it out, or pass --noise.")
    else:
        refuse_given(ctx, ("oidn",), "is for renders, and --noise for images", "Leave it out; or pass --no-classical.")
        refuse_given(ctx, ("report", "ocio", "view"), "is for renders, and --noise for images", "Leave it out.")
    share = parse_chunk(chunk) if chunk else None
    wanted = EvaluateOptions(**options, json=json_path, chunk=share, passes=parse_passes(passes))
    done = run(wanted, make_reporter(ctx))
    if isinstance(done, EvaluatedImages):
        return _show_images(done, json_path)
    headings = tables.headings(done.shown["view"])
    for view in done.views:
        title = view.name + ("" if view.held_out else " (a model was trained on this view)")
        console.show_table(title, headings, tables.score_rows(view.scores))
    if isinstance(done, EvaluatedChunk):
        return _show_chunk(done, chunk)
    console.show_table(f"mean of {len(done.views)} view(s)", headings, tables.score_rows(done.mean))
    if done.mean_passes:
        _show_passes(done.mean_passes, len(done.views))
    for line in [*tables.samples_lines(done.oidn_psnr_db, done.mean), *tables.flicker_lines(done.changes)]:
        console.result(line)
    for line in tables.rival_lines(done.missing_rival):
        console.say(line)
    console.result(
        "PSNR and SSIM on T(v) = (v/(1+v))^(1/2.2); relMSE with ε = 0.01; all after the reference's exposure; "
        f"squared errors with two independent reference halves of {done.reference_spp} spp"
    )
    if headings != tables.HEADINGS:
        console.result(tables.shown_line(done.shown["view"]))
    if done.unwritten:
        raise done.unwritten[0]
    console.result(f"pictures in {options['out']}")
    if done.report:
        console.result(f"to look at: {done.report}")
    return {
        "views": len(done.views),
        "means": done.mean,
        "oidn_psnr_db": done.oidn_psnr_db,
        **({"passes": vars(done.mean_passes)} if done.mean_passes else {}),
        "pictures": options["out"],
        "report": done.report.path if done.report else None,
        "shown": done.shown,
        "json": json_path,
    }


def _show_passes(mean: "ViewPasses", count: int) -> None:
    from . import console, pass_tables

    title = f"passes of light: PSNR on T in dB, and relMSE; mean of {count} view(s)"
    console.show_table(title, pass_tables.headings(mean), pass_tables.score_rows(mean))
    if mean.sums:
        console.show_table("what the passes add up to", pass_tables.SUM_HEADINGS, pass_tables.sum_rows(mean))
    for line in pass_tables.lines(mean):
        console.result(line)


def _show_chunk(done: "EvaluatedChunk", chunk: str | None) -> dict[str, Any]:
    from . import console

    if done.unwritten:
        raise done.unwritten[0]
    console.result(f"chunk {chunk}: {len(done.views)} of {done.count} view(s), numbers in {done.folder}")
    console.say("when all chunks are done: the same command with --merge instead of --chunk")
    return {"chunk": chunk, "views": len(done.views), "of": done.count, "numbers": done.folder, "pictures": done.pictures}


def _show_images(done: "EvaluatedImages", json_path: str | None) -> dict[str, Any]:
    from . import console, tables

    for image in done.images:
        title = image.name + ("" if image.held_out else " (a model was trained on this image)")
        console.show_table(title, tables.IMAGE_HEADINGS, tables.image_rows(image.scores))
    title = f"{done.noise}, mean of {len(done.images)} image(s)"
    console.show_table(title, tables.IMAGE_HEADINGS, tables.image_rows(done.mean))
    for line in tables.image_lines(done):
        console.result(line)
    if done.unwritten:
        raise done.unwritten[0]
    console.result(f"pictures in {done.pictures}")
    return {
        "noise": done.noise,
        "images": len(done.images),
        "means": done.mean,
        "pictures": done.pictures,
        "json": json_path,
    }

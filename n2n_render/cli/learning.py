"""The commands that learn from the very frames: adapt, online. Like commands.py: no logic here."""

from typing import TYPE_CHECKING, Any

import click

from ..errors import N2NError
from .options import (
    Command,
    check_shots,
    engine_options,
    exact_sums_option,
    folder_name,
    make_reporter,
    parse_share,
    passes_option,
    pick_stage,
    share_options,
    source_options,
    strength_option,
    temporal_options,
    view_options,
)

if TYPE_CHECKING:
    from ..adapt import Adapted
    from ..denoise.options import Strengths


@click.command(
    cls=Command,
    example=(
        "n2n-render adapt datasets/shot -o clean/\nn2n-render adapt 'a/frame_####.exr' --pair 'b/frame_####.exr' -o clean/"
    ),
)
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT…")
@click.option(
    "--output",
    "-o",
    "out",
    required=True,
    callback=folder_name,
    metavar="FOLDER",
    help="Denoised frames, error maps, adapted model.",
)
@click.option(
    "--pair",
    multiple=True,
    metavar="FILE",
    help="The same frames with another seed; repeatable. Datasets of `sample` need none.",
)
@click.option(
    "--learn-from",
    multiple=True,
    metavar="DATASET",
    help="Of `sample`: other views of the shot, trained on and not denoised; repeatable.",
)
@click.option(
    "--init",
    default="oidn-large",
    metavar="MODEL",
    help="What to start from: oidn-large, oidn, oidn-small, a checkpoint, a run, a .safetensors or .tza file; or nothing.",
)
@click.option(
    "--minutes", type=click.FloatRange(min=0, min_open=True), help="Time to train at most.  [default: 20 on a CPU, 5 on a GPU]"
)
@click.option("--steps", type=click.IntRange(1), help="Optimiser steps at most, instead of --minutes.")
@click.option(
    "--patience",
    type=click.IntRange(0),
    default=2,
    help="End the training after so many checks on held-out tiles without progress; 0: never.",
)
@temporal_options
@click.option(
    "--learning-rate", type=click.FloatRange(min=0, min_open=True), help="Of Adam.  [default: 3e-5; from nothing 1e-3]"
)
@click.option("--batch", type=click.IntRange(1), default=4, help="Crops in a step; under torchrun, of each process.")
@click.option("--crop", "crop_px", type=click.IntRange(32), default=128, help="Size of a crop in pixels.")
@click.option("--train-frames", type=click.IntRange(1), default=48, help="Train on at most so many frames, evenly spaced.")
@click.option("--layer", metavar="NAME", help="Only this view layer (LAYER.VIEW: one view).  [default: all with the passes]")
@click.option("--keep-noisy", is_flag=True, help="Add the noisy picture as the pass <layer>.Noisy.")
@passes_option
@exact_sums_option
@strength_option
@source_options
@click.option("--report/--no-report", default=True, help="Write FOLDER/report.html, which shows frames and numbers.")
@click.option("--train-only", is_flag=True, help="Train and keep the model; paint no frame: other machines do.")
@click.option("--paint", is_flag=True, help="Paint frames by the model that --train-only left in FOLDER.")
@click.option("--merge", is_flag=True, help="Check that every frame is painted, and write report.json and report.html.")
@share_options("With --paint: ")
@click.option("--threads", type=click.IntRange(1), help="CPU threads for training.")
@click.option("--seed", type=click.IntRange(0), default=1, help="Same seed, frames and --steps: same weights.")
@view_options
@click.option("--fast", is_flag=True, help="Paint with 4 passes a frame instead of 10: no Error pass, a little worse.")
@engine_options(average="2", several=True)
@click.pass_context
def adapt(
    ctx: click.Context,
    /,
    inputs: tuple[str, ...],
    pair: tuple[str, ...],
    out: str,
    shots: str | None,
    strength: tuple[float, "Strengths"],
    frames: str | None,
    chunk: str,
    train_only: bool,
    paint: bool,
    merge: bool,
    **options: Any,
) -> dict[str, Any]:
    """Train on the very frames that are to be denoised, then denoise them: from two noisy renders of each to a clean one."""
    from ..adapt import AdaptOptions, Pictures
    from ..adapt import adapt as run
    from ..io.images import pillow, write_error_map, write_strip
    from ..io.scene_view import open_shown_view
    from ..io.sequence import parse_shots
    from . import console

    if options["steps"] and options["minutes"]:
        raise N2NError("--steps and --minutes both say when to stop", "Pass one of them.")
    check_shots(options["temporal"], shots)
    pillow()
    stage = pick_stage(train=train_only, paint=paint, merge=merge)
    share = parse_share(frames, chunk)
    everywhere, strengths = strength
    wanted = AdaptOptions(
        inputs,
        out,
        pair,
        **options,
        **share,
        stage=stage,
        shots=tuple(parse_shots(shots)),
        strength=everywhere,
        strengths=strengths,
    )
    view = open_shown_view(wanted.ocio, wanted.view, inputs)
    pictures = Pictures(
        lambda path, error: write_error_map(path.with_suffix(".error.png"), error),
        lambda path, images, exposure: write_strip(path, images, view, exposure),
    )
    if stage in ("all", "train"):  # which draw previews
        console.say(f"previews through {view.described}")
    done = run(wanted, make_reporter(ctx), pictures)
    _tell_learned(done, options["init"])
    (_tell_model if stage == "train" else _tell_frames)(done, stage)
    return _made(done)


def _tell_learned(done: "Adapted", init: str) -> None:
    from . import console

    learned = done.learned
    if not learned or not learned.now:
        return
    if not learned.anything:
        console.result("training made nothing better on the held-out tiles: the pictures and the model are the start's")
        return
    way = f": {learned.blend_weight:.0%} of the way from the start to it is best for the shot" if init != "nothing" else ""
    console.result(f"best on held-out tiles after {learned.steps} steps, {learned.gain_db:+.1f} dB{way}")


def _tell_model(done: "Adapted", stage: str) -> None:
    from . import console

    if done.model:
        console.result(f"model: {done.model}")
    else:
        console.result("no frame holds any noise, so that nothing was learned: painting leaves them as they are")
    console.say(f"next, on any machine: the same inputs and -o {done.folder} with --paint, and at the end with --merge")


def _tell_frames(done: "Adapted", stage: str) -> None:
    from . import console

    count, worst = len(done.frames), done.worst
    wrote = f"all {count} frame(s) are in {done.folder}" if stage == "merge" else f"wrote {count} frame(s) to {done.folder}"
    if done.learned is None:
        console.result(f"{wrote}; none holds any noise, so they are as they were")
        return
    numbers = "" if stage == "paint" else ", numbers in report.json"
    expected = ", fast: nothing is known of their error"
    if worst:
        expected = (
            f", expected PSNR on T {done.expected_psnr_db:.1f} dB in the mean, least {worst.psnr_db:.1f} dB in "
            f"{worst.output.name}; error maps beside them{numbers}"
        )
    console.result(wrote + (expected if count else ""))
    if done.report:
        console.result(f"to look at: {done.report}")
    if stage == "all":
        console.result(f"model for other frames of this shot: {done.model}")


def _made(done: "Adapted") -> dict[str, Any]:
    """What programs are told."""
    learned, worst = done.learned, done.worst
    made = {
        "folder": done.folder,
        "outputs": [frame.output for frame in done.frames],
        "frames": len(done.frames),
        "model": done.model,
        "report": done.report.path if done.report else None,
    }
    if learned is None:
        return {**made, "learned": False}
    return {
        **made,
        "expected_psnr_db": done.expected_psnr_db,
        "least_psnr_db": worst.psnr_db if worst else None,
        "least": worst.output if worst else None,
        "steps": learned.steps,
        "share": learned.blend_weight,
        "learned": learned.anything,
        "gain_db": learned.gain_db,
        "seconds": learned.seconds,
    }


@click.command(cls=Command, example="n2n-render online --scene shot.blend --frames 1-100 --spp 8 -o fly-through/")
@click.option("--scene", required=True, metavar="FILE.blend", help="The scene; it is never changed.")
@click.option("--frames", required=True, metavar="1-100", help="Frames of the fly-through: 1-100 or 1-100x2.")
@click.option("--spp", required=True, type=click.IntRange(1), help="Samples per pixel of each of the two renders.")
@click.option(
    "--output",
    "-o",
    "out",
    required=True,
    callback=folder_name,
    metavar="FOLDER",
    help="Renders, denoised frames, model and curve.",
)
@click.option("--size", metavar="WxH|P%", help="960x540, or 50% of the full resolution.  [default: as authored]")
@click.option("--camera", metavar="NAME", help="Another camera than the scene's own.")
@click.option("--init", default="oidn", metavar="MODEL", help="What to start from, as in `adapt`; or nothing.")
@click.option(
    "--temporal", type=click.IntRange(0, 8), default=4, metavar="K", help="Take in the K frames before each one; 0: none."
)
@click.option("--steps-per-frame", type=click.IntRange(1), default=8, help="Training steps after each frame.")
@click.option("--newest", type=click.IntRange(1), default=4, help="Learn from so many newest frames.")
@click.option("--batch", type=click.IntRange(1), default=4, help="Crops in a step.")
@click.option("--crop", "crop_px", type=click.IntRange(32), default=128, help="Size of a crop in pixels.")
@click.option(
    "--learning-rate", type=click.FloatRange(min=0, min_open=True), help="Of Adam.  [default: 3e-5; from nothing 1e-3]"
)
@click.option(
    "--reference-spp",
    type=click.IntRange(1),
    metavar="N",
    help="Afterwards render references too, two halves of N spp for every frame, and draw the true curve.",
)
@click.option("--blender", metavar="PATH", help="Blender 4.2 or newer.  [default: the bpy wheel, else blender on PATH]")
@click.option(
    "--render-device",
    type=click.Choice(["auto", "cpu", "cuda", "optix", "hip", "oneapi", "metal"]),
    default="auto",
    help="What Cycles computes on.",
)
@click.option("--device", default="auto", metavar="NAME", help="What the network trains on: auto, cpu, cuda, mps.")
@click.option("--seed", type=click.IntRange(0), default=1, help="Of the crops that it learns from.")
@click.pass_context
def online(ctx: click.Context, /, frames: str, size: str | None, **options: Any) -> dict[str, Any]:
    """Render a fly-through and denoise it as it comes, with a network that learns from every frame."""
    from ..io.images import pillow
    from ..io.ranges import parse_frames
    from ..online import OnlineOptions
    from ..online import online as run
    from ..online.curve import check_matplotlib, write_fly_through
    from ..sample import plan
    from . import console

    pillow()
    check_matplotlib()
    wanted = OnlineOptions(**options, frames=tuple(parse_frames(frames)), size=plan.parse_size(size) if size else None)
    done = run(wanted, make_reporter(ctx))
    curve, means = done.folder / "curve.png", done.means
    write_fly_through(done.points, curve)
    model = "online.pt, " if done.model else ""  # none where no frame held any noise
    console.result(f"wrote {len(done.points)} frame(s), {model}curve.png and report.json to {done.folder}")
    for name, title in (
        ("noisy_expected", "noisy, expected"),
        ("expected", "denoised, expected"),
        ("noisy_true", "noisy"),
        ("true", "denoised"),
    ):
        if name in means:
            console.result(
                f"{title}: {means[name].whole:.2f} dB in the mean; first third {means[name].first_third:.2f} dB, last third "
                f"{means[name].last_third:.2f} dB"
            )
    told = {f"{name}_psnr_db": mean.whole for name, mean in means.items()}
    return {"folder": done.folder, "frames": len(done.points), "model": done.model, "curve": curve, **told}

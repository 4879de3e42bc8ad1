"""The command `train`. Like commands.py: no logic here."""

from typing import Any

import click

from ..config import LOSSES
from ..errors import N2NError
from .options import (
    Command,
    check_shots,
    folder_name,
    is_given,
    make_reporter,
    parse_features,
    parse_numbers,
    refuse_given,
    temporal_options,
    view_options,
)


@click.command(
    cls=Command, example="n2n-render train --data datasets/shot\nn2n-render train --noise gaussian:0-50 --data PHOTOS/"
)
@click.option("--data", multiple=True, default=["datasets"], metavar="FOLDER", help="Datasets, or folders of datasets.")
@click.option("--out", callback=folder_name, metavar="FOLDER", help="Run folder.  [default: runs/<date>-<name>]")
@click.option("--name", help="Name of the run.  [default: the dataset's]")
@click.option(
    "--noise",
    metavar="KIND[:RANGE]",
    help="Learn from images, not renders: gaussian:0-50, poisson, bernoulli, text, impulse, brown, mri:0.1; pairs: bursts.",
)
@click.option("--channels", type=click.IntRange(1, 3), help="With --noise: 3 or 1.  [default: as the images and the noise]")
@click.option("--hdr/--ldr", default=True, help="Relative L2 on linear radiance; or L2 on display-referred images.")
@click.option(
    "--features",
    is_flag=False,
    flag_value="albedo,normal,depth",
    metavar="[LIST]",
    help="Guides: any of albedo,normal,depth; bare: all three; none.  [default: all that the renders hold]",
)
@click.option(
    "--init",
    metavar="MODEL",
    help="Start from oidn, oidn-small, oidn-large (Open Image Denoise's), a checkpoint, a run, a .safetensors or .tza file.",
)
@click.option(
    "--network",
    type=click.Choice(["paper", "oidn-small", "oidn", "oidn-large"]),
    default="paper",
    help="Topology of a network from nothing.",
)
@temporal_options
@click.option("--prefilter/--no-prefilter", default=None, help="Clean albedo and normal first.  [default: as --init wants it]")
@click.option(
    "--norm", type=click.Choice(["batch", "none"]), help="After each convolution.  [default: batch; with --noise none]"
)
@click.option(
    "--head",
    type=click.Choice(["gated", "direct"]),
    help="gated: colours are blended with the input by learned gates; direct: as in the paper.  "
    "[default: gated; with --noise direct]",
)
@click.option("--encoding", type=click.Choice(["log", "tonemap", "linear"]), default="log", help="Curve on the input.")
@click.option(
    "--loss",
    type=click.Choice(LOSSES),
    default="auto",
    help="auto: relative_l2, l2_display with --ldr; with --noise its own.",
)
@click.option(
    "--target",
    type=click.Choice(["noisy", "reference", "clean"]),
    default="noisy",
    help="Noise-to-clean, for comparison: reference, of renders; clean, with --noise.",
)
@click.option("--levels", type=click.IntRange(1, 7), default=5, help="Max-pools of the U-Net.")
@click.option("--widths", default="48,96", metavar="E,D", help="Channels of the encoder and the decoder.")
@click.option("--steps", type=click.IntRange(1), help="Optimiser steps, instead of --minutes.")
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), help="Time to train.  [default: 20]")
@click.option("--batch", type=click.IntRange(1), default=4, help="Crops a step; under torchrun, of each process.")
@click.option(
    "--crop", "crop_px", type=click.IntRange(8), metavar="PX", help="Width and height of a crop.  [default: 128; of mri 256]"
)
@click.option(
    "--learning-rate",
    type=click.FloatRange(0, min_open=True),
    help="Of Adam.  [default: 1e-3, beyond an hour 3e-4; 1e-4 with --init; with --noise its own]",
)
@click.option(
    "--schedule",
    type=click.Choice(["cosine", "step", "ramp_down", "constant"]),
    help="Of the learning rate.  [default: cosine; with --noise ramp_down]",
)
@click.option(
    "--firefly-clamp",
    type=click.FloatRange(0),
    default=16.0,
    help="Limit of noisy targets, times the other seed's local mean; 0: off.",
)
@click.option("--device", default="auto", metavar="NAME", help="auto, cpu, cuda, cuda:1, mps.")
@click.option(
    "--precision",
    type=click.Choice(["auto", "float32", "bfloat16"]),
    default="auto",
    help="What steps are computed in; auto: the faster one here.",
)
@click.option("--threads", type=click.IntRange(1), help="CPU threads.")
@click.option("--seed", type=click.IntRange(0), default=1, help="Same seed, data, --steps and --precision: same weights.")
@view_options
@click.option("--resume", metavar="RUN", help="Go on with this run folder, with its settings.")
@click.pass_context
def train(
    ctx: click.Context,
    /,
    resume: str | None,
    features: str | None,
    widths: str,
    minutes: float | None,
    data: tuple[str, ...],
    shots: str | None,
    **options: Any,
) -> dict[str, Any]:
    """Train a denoiser on noisy pairs of renders, or on photographs, slices or bursts (--noise)."""
    from ..io.sequence import parse_shots
    from ..train import ResumeOptions, TrainOptions
    from ..train import resume as go_on
    from ..train import train as run
    from ..train.options import OF_RENDERS
    from . import console

    if options["steps"] and minutes:
        raise N2NError("--steps and --minutes both say when to stop", "Pass one of them.")
    if resume:
        refuse_given(
            ctx,
            set(ctx.params) - {"resume", "steps", "minutes", "threads", "device", "ocio", "view"},
            "cannot be changed when a run is resumed",
            "Only --steps, --minutes, --threads, --device, --ocio and --view can; start a new run for anything else.",
        )
        device = options["device"] if is_given(ctx, "device") else None
        changes = ResumeOptions(resume, options["steps"], minutes, device, options["threads"], options["ocio"], options["view"])
        done = go_on(changes, make_reporter(ctx))
    else:
        encoder, decoder = parse_numbers("--widths", widths, 2)
        if options["init"]:
            refuse_given(
                ctx,
                {"network", "norm", "head", "encoding", "levels", "widths"},
                "cannot be chosen with --init",
                "The model to start from decides it.",
            )
        if options["noise"]:
            refuse_given(
                ctx,
                OF_RENDERS,
                "is for renders, and not for --noise",
                "Leave it out.",
            )
        if options["network"] != "paper":
            refuse_given(
                ctx,
                {"head", "encoding", "levels", "widths"},
                f"is not for --network {options['network']}",
                "Open Image Denoise's topology decides it; leave it out, or use --network paper.",
            )
        check_shots(options["temporal"], shots)
        wanted = TrainOptions(
            **options,
            data=data,
            features=None if features is None else parse_features(features),
            minutes=minutes or 20.0,
            encoder_width=encoder,
            decoder_width=decoder,
            shots=tuple(parse_shots(shots)),
        )
        done = run(wanted, make_reporter(ctx))
    console.result(f"{done.folder}: best.pt, last.pt, training.png, metrics.jsonl")
    inputs = "FRAMES" if done.noise is None else "KSPACE" if done.noise.startswith("mri") else "IMAGES"
    console.say(f"next: n2n-render denoise {inputs} --model {done.folder} -o OUT")
    if done.noise is None:
        console.say("better on frames with two seeds: n2n-render adapt DATASET -o OUT")
    return {"folder": done.folder, "model": done.best, "last": done.last}

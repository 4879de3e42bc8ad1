"""The command line. No logic here: texts become options, verbs do the work, errors become one red line."""

from pathlib import Path
from typing import Any

import click

from ..version import __version__
from .ending import Commands
from .evaluating import evaluate
from .farming import farm
from .learning import adapt, online
from .options import (
    engine_options,
    folder_name,
    make_reporter,
    parse_share,
    precision_word,
    share_options,
    source_options,
)
from .preparing import prepare
from .training import train
from .watching import watch


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(__version__)
@click.option("--progress", type=click.Choice(["bar", "json", "openjd"]), default="bar", help="For people, programs or farms.")
def main(progress: str) -> None:
    """Learn to denoise path-traced images from noisy renders only."""
    from . import console

    console.show_doubts(progress)


for command in (train, adapt, online, prepare, evaluate, watch, farm):
    main.add_command(command)


@main.command()
@click.option("--scene", required=True, metavar="FILE.blend", help="The scene; it is never changed.")
@click.option("--spp", required=True, type=click.IntRange(1), help="Samples per pixel of each noisy frame.")
@click.option("--out", callback=folder_name, metavar="FOLDER", help="Dataset folder.  [default: datasets/<scene>]")
@click.option(
    "--seeds",
    type=click.IntRange(1),
    default=2,
    help="Renders of each frame; any two are a pair, and one alone is for `evaluate --more`.",
)
@click.option(
    "--independent",
    is_flag=True,
    help="With --views: the authored view, too, has seeds of its own. Else its renders are parts of one: that denoises better, "
    "and the other views are for training.",
)
@click.option("--frames", metavar="1-100x5", help="Frames of an animation: 1-100, 1-100x5 or 1,7,20.")
@click.option("--views", type=click.IntRange(1), default=1, help="Cameras around the authored one (view 0) of a still.")
@click.option("--size", metavar="WxH|P%", help="960x540, or 50% of the full resolution.  [default: as authored]")
@click.option("--camera", metavar="NAME", help="Another camera than the scene's own.")
@click.option("--scene-name", metavar="NAME", help="Another scene of the file than its active one.")
@click.option("--view-layer", metavar="NAME", help="Another view layer than the first that is used for rendering.")
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda", "optix", "hip", "oneapi", "metal"]),
    default="auto",
    help="What Cycles computes on.",
)
@click.option("--reference-spp", type=click.IntRange(1), metavar="N", help="Also write two reference halves of N spp.")
@click.option("--reference-frames", metavar="1,7", help="Frames (or view numbers) with references.  [default: the first]")
@click.option("--blender", metavar="PATH", help="Blender 4.2 or newer.  [default: the bpy wheel, else blender on PATH]")
@click.option("--chunk", default="1/1", metavar="I/N", help="Render only this machine's share.")
@click.option("--only", metavar="5-9", help="Of --frames render only these: this machine's share of the dataset.")
@click.option("--dry-run", is_flag=True, help="Show the plan and an estimate of time and disk; render nothing.")
@click.pass_context
def sample(
    ctx: click.Context,
    /,
    dry_run: bool,
    frames: str | None,
    size: str | None,
    chunk: str,
    only: str | None,
    reference_frames: str | None,
    **options: Any,
) -> dict[str, Any]:
    """Render noisy pairs with albedo, normal and depth from a .blend file."""
    from ..io.ranges import parse_chunk, parse_frames
    from ..sample import SampleOptions, plan
    from ..sample import sample as run
    from . import console

    wanted = SampleOptions(
        **options,
        dry_run=dry_run,
        chunk=parse_chunk(chunk),
        only=tuple(parse_frames(only)) if only else None,
        size=plan.parse_size(size) if size else None,
        frames=tuple(parse_frames(frames)) if frames else None,
        reference_frames=tuple(parse_frames(reference_frames)) if reference_frames else None,
    )
    done = run(wanted, make_reporter(ctx))
    console.result(
        f"{done.folder}: {done.views} view(s) × {done.frames} frame(s) × {wanted.seeds} seeds, "
        f"{done.size[0]}×{done.size[1]}, {wanted.spp} spp, Blender {done.blender}, {done.device}"
    )
    if dry_run:
        console.result(
            f"would render {done.jobs} file(s), {done.present} there already; "
            f"about {(done.seconds or 0) / 60:.1f} minutes and {done.disk_bytes / 2**20:,.0f} MiB"
        )
    else:
        console.result(f"rendered {done.jobs} file(s), {done.present} were there already")
        following = f"train --hdr --features --data {done.folder}" if wanted.seeds > 1 else f"evaluate … --more {done.folder}"
        console.say(f"next: n2n-render {following}")
    return {
        "folder": done.folder,
        "files": done.jobs + done.present,
        "to_render" if dry_run else "rendered": done.jobs,
        "present": done.present,
        "views": done.views,
        "frames": done.frames,
        "seeds": wanted.seeds,
        "size": done.size,
        "spp": wanted.spp,
        "blender": done.blender,
        "device": done.device,
        **({"seconds": done.seconds, "disk_bytes": done.disk_bytes} if dry_run else {}),
    }


@main.command()
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT…")
@click.option(
    "--model",
    default="auto",
    metavar="MODEL",
    help="oidn, oidn-small, oidn-large (see `n2n-render models`), a run folder, a checkpoint, or a .tza file; auto: "
    "Open Image Denoise's, for what each file has.",
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
@click.option("--strength", type=click.FloatRange(0, 1), default=1.0, help="0: noisy, 1: denoised.")
@click.option(
    "--temporal",
    type=click.IntRange(0, 8),
    metavar="K",
    help="Animations with a Vector pass: take in the samples of K frames before and after each one.  [default: as the model]",
)
@click.option("--shots", metavar="1-48,49-120", help="With --temporal: first and last frame of each shot.")
@source_options
@click.option("--fast", is_flag=True, help="With a model of `adapt` and --pair: no Error pass, a little worse, 4 passes of 10.")
@engine_options(average=None, usual="  [default: 1; with a model of `adapt` and --pair 2]")
@click.option("--tile", type=click.IntRange(32), metavar="PX", help="Tile size; smaller takes less memory.")
@click.pass_context
def denoise(
    ctx: click.Context,
    /,
    pair: tuple[str, ...],
    keep_noisy: bool,
    strength: float,
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

    options = DenoiseOptions(
        **others,
        **parse_share(frames, chunk),
        pairs=pair,
        shots=tuple(parse_shots(shots)),
        picture=PictureOptions(keep_noisy, strength),
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


@main.command()
@click.argument("folders", nargs=-1, metavar="[FOLDER…]")
def models(folders: tuple[str, ...]) -> dict[str, Any]:
    """List the models that can be used: built-in, runs and files in FOLDER…  [default: runs]"""
    from ..network.registry import list_models
    from . import console

    listed = list_models([Path(folder) for folder in folders or ("runs",)])
    rows = [
        [model.name, _suits(model), f"{model.parameters / 1e6:.2f} M", model.origin]
        if not model.problem
        else [model.name, "", "", f"cannot be used: {model.problem}"]
        for model in listed
    ]
    console.show_table("models", ["--model", "for", "parameters", "origin"], rows, numbers=False)
    return {"models": [vars(model) for model in listed]}


def _suits(model: Any) -> str:
    """What a model takes: of one for renders its guides."""
    return ", ".join(model.features) or "color only" if model.purpose == "renders" else str(model.purpose)


@main.command()
def engines() -> dict[str, Any]:
    """List what can run a network on this machine."""
    from ..engines.choice import list_engines
    from . import console

    listed = list_engines()
    rows = [
        [name, "\n".join(f"{kind}: {text}" for kind, text in devices.items()) or "not installed", suits]
        for name, devices, suits in listed
    ]
    console.show_table("engines", ["--engine", "--device", "runs"], rows, numbers=False)
    return {"engines": {name: devices for name, devices, _ in listed if devices}}


@main.command()
def serve() -> None:
    """Answer requests of another program, JSON lines on stdin and stdout: the Blender extension uses this."""
    from ..serve.server import main as run

    run()


@main.command()
@click.argument("model", metavar="MODEL")
@click.option("--format", "kind", required=True, type=click.Choice(["tza", "onnx", "torchscript"]), help="Kind of file.")
@click.option("--output", "-o", required=True, metavar="FILE", help="Where to write; FILE.json beside it describes it.")
@click.option(
    "--precision",
    type=click.Choice(["auto", "half", "single"]),
    default="auto",
    callback=precision_word,
    help="auto: half for tza, which Open Image Denoise's runtime needs, else single.",
)
@click.option("--check", metavar="FRAME.exr", help="Frame (or photograph) to compare on.  [default: one of datasets/]")
def export(model: str, kind: str, output: str, precision: str, check: str | None) -> dict[str, Any]:
    """Write a model for other programs; the file is read back and compared on a real frame."""
    from ..export import ExportOptions
    from ..export import export as run
    from . import console

    done = run(ExportOptions(model, kind, output, precision, check))
    console.result(
        f"wrote {output} and {output}.json; on {done.frame or 'noise'} it differs from {model} by {done.difference:.2e} of the "
        "mean"
    )
    half = done.precision == "float16"
    if kind == "tza" and not half:
        console.say("Open Image Denoise's own runtime reads archives in half precision only")
    return {
        "path": output,
        "sidecar": f"{output}.json",
        "format": kind,
        "half": half,
        "difference": done.difference,
        "frame": done.frame,
    }


@main.command()
@click.option(
    "--minutes", type=click.FloatRange(min=0, min_open=True), default=5.0, help="Time to train, of which 3/5 to adapt."
)
@click.option(
    "--out",
    default="demo",
    callback=folder_name,
    metavar="FOLDER",
    help="Where everything goes; sampled frames there are used again.",
)
@click.option("--blender", metavar="PATH", help="Blender 4.2 or newer.  [default: the bpy wheel, else blender on PATH]")
@click.pass_context
def demo(ctx: click.Context, /, minutes: float, out: str, blender: str | None) -> dict[str, Any]:
    """The whole road in ten minutes, on a scene of our own: sample, adapt, train from nothing, compare."""
    from ..demo import DemoOptions
    from ..demo import demo as run
    from . import console, tables

    done = run(DemoOptions(out, minutes, blender), make_reporter(ctx))
    console.show_table(
        f"one view, {minutes:g} minute(s) of training; adapted: to its noisy renders too; from scratch: it was not trained on",
        tables.HEADINGS,
        tables.score_rows(done.view.scores),
    )
    console.result(f"picture: {done.picture}")
    console.say(
        "next, your own scene: n2n-render sample --scene x.blend --spp 8 --views 16, then n2n-render adapt datasets/x -o clean"
    )
    return {"scores": done.view.scores, "picture": done.picture, "adapted": done.adapted, "run": done.run}

"""The command line. No logic here: texts become options, verbs do the work, errors become one red line."""

from pathlib import Path
from typing import Any

import click

from ..version import __version__
from .denoising import denoise
from .doctoring import doctor
from .ending import Commands
from .evaluating import evaluate
from .farming import farm
from .learning import adapt, online
from .options import folder_name, make_reporter, precision_word, view_options
from .preparing import prepare
from .sampling import sample
from .training import train
from .watching import watch


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(__version__)
@click.option("--progress", type=click.Choice(["bar", "json", "openjd"]), default="bar", help="For people, programs or farms.")
def main(progress: str) -> None:
    """Learn to denoise path-traced images from noisy renders only."""
    from . import console

    console.show_doubts(progress)


for command in (sample, denoise, train, adapt, online, prepare, evaluate, watch, farm, doctor):
    main.add_command(command)


@main.command(example="n2n-render models runs/")
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


@main.command(example="n2n-render engines")
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


@main.command(example="n2n-render serve")
def serve() -> None:
    """Answer requests of another program, JSON lines on stdin and stdout: the Blender extension uses this."""
    from ..serve.server import main as run

    run()


@main.command(example="n2n-render export runs/shot --format onnx -o shot.onnx")
@click.argument("model", metavar="MODEL")
@click.option(
    "--format",
    "kind",
    required=True,
    type=click.Choice(["tza", "onnx", "torchscript", "safetensors"]),
    help="Kind of file; safetensors: to share, n2n-render itself reads it.",
)
@click.option(
    "--output",
    "-o",
    required=True,
    metavar="FILE",
    help="Where to write; FILE.json beside it describes it (a safetensors file describes itself).",
)
@click.option(
    "--precision",
    type=click.Choice(["auto", "half", "single"]),
    default="auto",
    callback=precision_word,
    help="auto: half for tza, which Open Image Denoise's runtime needs, else single.",
)
@click.option("--check", metavar="FRAME.exr", help="Frame (or photograph) to compare on.  [default: one of datasets/]")
def export(model: str, kind: str, output: str, precision: str, check: str | None) -> dict[str, Any]:
    """Write a model for other programs, or (safetensors) to share; the file is read back and compared on a real frame."""
    from ..export import ExportOptions
    from ..export import export as run
    from . import console

    done = run(ExportOptions(model, kind, output, precision, check))
    beside = f" and {done.sidecar}" if done.sidecar else ""
    difference = f"it differs from {model} by {done.difference:.2e} of the mean"
    console.result(f"wrote {output}{beside}; on {done.frame or 'noise'} {difference}")
    half = done.precision == "float16"
    if kind == "tza" and not half:
        console.say("Open Image Denoise's own runtime reads archives in half precision only")
    return {
        "path": output,
        "sidecar": done.sidecar,
        "format": kind,
        "half": half,
        "difference": done.difference,
        "frame": done.frame,
    }


@main.command(example="n2n-render demo --minutes 2.5")
@click.option(
    "--minutes",
    type=click.FloatRange(min=0, min_open=True),
    default=5.0,
    help="Time to train, of which 3/5 to adapt; below 1 less is rendered, too.",
)
@click.option(
    "--out",
    default="demo",
    callback=folder_name,
    metavar="FOLDER",
    help="Where everything goes; sampled frames there are used again.",
)
@click.option("--blender", metavar="PATH", help="Blender 4.2 or newer.  [default: the bpy wheel, else blender on PATH]")
@view_options
@click.pass_context
def demo(
    ctx: click.Context, /, minutes: float, out: str, blender: str | None, ocio: str | None, view: str | None
) -> dict[str, Any]:
    """See it work in ten minutes, on a scene of its own: sample, adapt, train from nothing, compare."""
    from ..demo import DemoOptions
    from ..demo import demo as run
    from . import console, tables

    done = run(DemoOptions(out, minutes, blender, ocio=ocio, view=view), make_reporter(ctx))
    console.show_table(
        f"one view against 2 × {done.view.reference_spp} samples, {minutes:g} minute(s) of training; "
        "adapted: to its noisy renders too; from scratch: it was not trained on",
        tables.headings(done.shown["view"]),
        tables.score_rows(done.view.scores),
    )
    console.result(f"picture: {done.picture}; to wipe and zoom: {done.report}")
    console.say(
        "next, your own scene: n2n-render sample --scene x.blend --spp 8 --views 16, then n2n-render adapt datasets/x -o clean"
    )
    return {
        "scores": done.view.scores,
        "picture": done.picture,
        "report": done.report,
        "adapted": done.adapted,
        "run": done.run,
    }

"""The command `sample`. Like commands.py: no logic here."""

from typing import Any

import click

from ..config import RENDERED_PASSES
from .options import Command, folder_name, make_reporter, scene_options


@click.command(cls=Command, example="n2n-render sample --scene shot.blend --spp 8 --views 16")
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
@scene_options
@click.option(
    "--device",
    type=click.Choice(["auto", "cpu", "cuda", "optix", "hip", "oneapi", "metal"]),
    default="auto",
    help="What Cycles computes on.",
)
@click.option(
    "--passes",
    type=click.Choice(RENDERED_PASSES),
    default="none",
    help="Passes beside the picture, its guides, light groups and AOVs: what the view layer has on (scene), or every pass of "
    "light too (all).",
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
        following = f"adapt {done.folder} -o clean" if wanted.seeds > 1 else f"evaluate … --more {done.folder}"
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

"""The command line. No logic here: options become configs, stations do the work, errors become one red line."""
import os
import sys
from pathlib import Path

import click

from . import __version__
from .errors import N2NError


class _Commands(click.Group):
    """Turns every error that users can mend into one sentence and exit code 1, Ctrl-C into 130."""

    def invoke(self, ctx):
        from . import console
        try:
            return super().invoke(ctx)
        except N2NError as error:
            console.show_error(error)
            sys.exit(1)
        except KeyboardInterrupt:
            console.say("interrupted; what was finished is kept")
            sys.exit(130)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)


def _reporter(ctx, title):
    from . import console
    return console.reporter(title, ctx.find_root().params["progress"])


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(__version__)
@click.option("--progress", type=click.Choice(["bar", "json"]), default="bar", help="How progress is written to stderr.")
def main(progress):
    """Learn to denoise path-traced images from noisy renders only."""


@main.command()
@click.option("--scene", required=True, metavar="FILE.blend", help="The scene; it is never changed.")
@click.option("--spp", required=True, type=click.IntRange(1), help="Samples per pixel of each noisy frame.")
@click.option("--out", metavar="FOLDER", help="Dataset folder.  [default: datasets/<scene>]")
@click.option("--seeds", type=click.IntRange(2), default=2, help="Independent renders of each frame; any two are a pair.")
@click.option("--frames", metavar="1-100x5", help="Frames of an animation: 1-100, 1-100x5 or 1,7,20.")
@click.option("--views", type=click.IntRange(1), default=1, help="Cameras around the authored one (view 0) of a still.")
@click.option("--size", metavar="WxH|P%", help="960x540, or 50% of the full resolution.  [default: as authored]")
@click.option("--camera", metavar="NAME", help="Another camera than the scene's own.")
@click.option("--scene-name", metavar="NAME", help="Another scene of the file than its active one.")
@click.option("--view-layer", metavar="NAME", help="Another view layer than the first that is used for rendering.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda", "optix", "hip", "oneapi", "metal"]), default="auto",
              help="What Cycles computes on.")
@click.option("--reference-spp", type=click.IntRange(1), metavar="N", help="Also write two reference halves of N spp.")
@click.option("--reference-frames", metavar="1,7", help="Frames (or view numbers) with references.  [default: the first]")
@click.option("--blender", metavar="PATH", help="Blender 4.2 or newer.  [default: the bpy wheel, else blender on PATH]")
@click.option("--chunk", default="1/1", metavar="I/N", help="Render only this machine's share.")
@click.option("--dry-run", is_flag=True, help="Show the plan and an estimate of time and disk; render nothing.")
@click.pass_context
def sample(ctx, dry_run, frames, size, chunk, reference_frames, **options):
    """Render noisy pairs with albedo, normal and depth from a .blend file."""
    from . import console
    from .config import SampleConfig
    from .sample import plan
    from .sample.sampling import sample as run
    parsed = plan.parse_size(size) if size else None
    config = SampleConfig(
        **options, chunk=plan.parse_chunk(chunk), size=tuple(parsed) if isinstance(parsed, list) else parsed,
        frames=tuple(plan.parse_frames(frames)) if frames else None,
        reference_frames=tuple(plan.parse_frames(reference_frames)) if reference_frames else None)
    with _reporter(ctx, "sampling") as progress:
        done = run(config, progress, dry_run)
    views, frame_count = len(done.manifest["views"]), len(done.manifest["frames"])
    console.result(f"{done.folder}: {views} view(s) × {frame_count} frame(s) × {config.seeds} seeds, "
                   f"{done.size[0]}×{done.size[1]}, {config.spp} spp, Blender {done.manifest['blender']}, "
                   f"{done.manifest['devices'][-1]}")
    if dry_run:
        hours = f"about {done.seconds / 60:.1f} minutes" if done.seconds is not None else "no time"
        console.result(f"would render {done.jobs} file(s), {done.present} there already; "
                       f"{hours}, about {done.disk_bytes / 2**20:.0f} MiB")
    else:
        console.result(f"rendered {done.jobs} file(s), {done.present} were there already")
        console.say(f"next: n2n-render train --hdr --features --data {Path(done.folder)}")


if __name__ == "__main__":
    main()

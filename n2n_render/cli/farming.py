"""The command `farm`. Like commands.py: no logic here."""

import shlex
from typing import Any

import click

from .options import Command, check_shots, folder_name, make_reporter, passes_option, scene_options, temporal_options


@click.command(cls=Command, example="n2n-render farm shot.blend --engine openjd --frames 1-250 --spp 8 -o /mnt/show/job")
@click.argument("scene", metavar="SCENE.blend")
@click.option(
    "--engine", required=True, type=click.Choice(["openjd", "flamenco", "slurm", "deadline"]), help="What spreads the tasks."
)
@click.option("--frames", required=True, metavar="1-250", help="Frames of the shot: 1-250, 1-100x5 or 1,7,20.")
@click.option("--spp", required=True, type=click.IntRange(1), help="Samples per pixel of each noisy frame.")
@click.option(
    "--output",
    "-o",
    required=True,
    callback=folder_name,
    metavar="JOB",
    help="Folder of the job, its renders and its clean frames, on storage that all workers have mounted in the same place.",
)
@click.option("--seeds", type=click.IntRange(2), default=2, help="Renders of each frame.")
@scene_options
@click.option("--reference-spp", type=click.IntRange(1), metavar="N", help="Also render references, and evaluate against them.")
@click.option("--reference-frames", metavar="1,7", help="Frames with references.  [default: the first]")
@temporal_options
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), help="Time to train at most.  [default: as `adapt`]")
@click.option("--steps", type=click.IntRange(1), help="Optimiser steps at most, instead of --minutes.")
@click.option("--init", default="oidn-large", metavar="MODEL", help="What to start from, as in `adapt`; or nothing.")
@click.option("--fast", is_flag=True, help="Paint with 4 passes a frame instead of 10: no Error pass, a little worse.")
@passes_option
@click.option(
    "--render-device",
    type=click.Choice(["auto", "cpu", "cuda", "optix", "hip", "oneapi", "metal"]),
    default="auto",
    help="What Cycles computes on, on the workers.",
)
@click.option("--device", default="auto", metavar="NAME", help="What trains and paints, on the workers.")
@click.option(
    "--gpus",
    type=click.IntRange(0),
    default=0,
    help="GPUs that a task to train or to paint (to render: as --render-device) asks for.",
)
@click.option(
    "--memory",
    "memory_gib",
    type=click.FloatRange(min=0, min_open=True),
    metavar="GiB",
    help="Of a task to sample, train, paint or evaluate.  [default: as measured]",
)
@click.option("--workers", type=click.IntRange(1), default=10, help="Machines that the frames are divided for.")
@click.option(
    "--sample-chunk", type=click.IntRange(1), metavar="N", help="Frames that a task renders.  [default: from the probe]"
)
@click.option(
    "--paint-chunk", type=click.IntRange(1), metavar="N", help="Frames that a task paints.  [default: from the probe]"
)
@click.option("--probe/--no-probe", default=True, help="Time one frame on this machine first.")
@click.option("--program", default="n2n-render", help='How workers call this program: "/opt/n2n/bin/python -m n2n_render".')
@click.option("--blender", metavar="PATH", help="Blender on the workers.  [default: the bpy wheel, else blender on PATH]")
@click.option("--retries", type=click.IntRange(0), default=3, help="Of a task that failed.")
@click.option("--submit", is_flag=True, help="Give the job to the engine at once.")
@click.option("--manager", metavar="URL", help="Of Flamenco.  [default: http://localhost:8080]")
@click.pass_context
def farm(
    ctx: click.Context,
    /,
    frames: str,
    size: str | None,
    reference_frames: str | None,
    shots: str | None,
    **options: Any,
) -> dict[str, Any]:
    """Write a job for a render farm: sample, train, paint, collect, with dependencies and what each task needs."""
    from ..farm import FarmOptions
    from ..farm import farm as run
    from ..io.ranges import parse_frames
    from ..io.sequence import parse_shots
    from ..sample import plan
    from . import console

    check_shots(options["temporal"], shots)
    wanted = FarmOptions(
        **options,
        frames=tuple(parse_frames(frames)),
        size=plan.parse_size(size) if size else None,
        reference_frames=tuple(parse_frames(reference_frames)) if reference_frames else None,
        shots=tuple(parse_shots(shots)),
    )
    done = run(wanted, make_reporter(ctx))
    rows = [
        [name, str(count), str(done.chunk.get(name, "")), "" if seconds is None else f"{seconds / 3600:.2f}"]
        for name, count, seconds in ((name, count, done.seconds[name]) for name, count in done.tasks.items())
    ]
    console.show_table(f"{len(wanted.frames)} frames", ["step", "tasks", "frames a task", "machine hours"], rows)
    console.result(f"{done.folder}: a job for {done.engine}, {sum(done.tasks.values())} tasks")
    if options["submit"]:
        console.result(f"submitted: {done.answer or done.engine}")
    else:
        console.result(f"submit it: {shlex.join(done.submit)}")
    return {
        "folder": done.folder,
        "engine": done.engine,
        "files": list(done.files),
        "submit": list(done.submit),
        "tasks": done.tasks,
        "chunk": done.chunk,
        "seconds": done.seconds,
        **({"answer": done.answer} if options["submit"] else {}),
    }

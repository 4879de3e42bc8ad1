"""A .blend file becomes a dataset folder: plan, render what is missing, keep only complete files."""

import hashlib
import json
import os
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import N2NError, doubt
from ..frame.independence import SPREAD_REFUSED, compare, look_at
from ..io.atomic import make_folder
from ..io.dataset import MANIFEST, FrameName, read_manifest, write_manifest
from ..io.exr import is_readable, read_frame
from ..io.owned import owned_folder, remove_abandoned
from ..io.ranges import WHOLE
from ..io.vectors import put_vectors
from ..progress import Progress, Reporter, silent
from ..version import __version__
from . import plan
from .launch import Worker
from .options import SampleOptions

AUTHORED = "v000"  # the view of the scene's own camera
PARTIAL = ".partial-"  # in the dataset: where its files are until they are whole


@dataclass(frozen=True)
class Sampled:
    """What a run rendered, or would render if it was a dry one.

    jobs: files that were rendered, or are missing; present: files that were there already. size: (width, height) in pixels.
    seconds: an estimate for the jobs, None where nothing was timed; disk_bytes: the same, of their size. manifest: of the
    whole dataset, see datasets/README.md.
    """

    folder: Path
    jobs: int
    present: int
    size: tuple[int, int]
    seconds: float | None
    disk_bytes: int
    manifest: dict[str, Any]

    @property
    def views(self) -> int:
        """Of the whole dataset."""
        return len(self.manifest["views"])

    @property
    def frames(self) -> int:
        """Of the whole dataset."""
        return len(self.manifest["frames"])

    @property
    def blender(self) -> str:
        """Its version."""
        return str(self.manifest["blender"])

    @property
    def device(self) -> str:
        """What Cycles computed on."""
        return str(self.manifest["devices"][-1])


def sample(options: SampleOptions, reporter: Reporter = silent) -> Sampled:
    """Renders what is missing of a dataset: noisy frames of a .blend file by several seeds, and references.

    Frames that were finished stay, and the same call goes on where the last one stopped.

    Raises:
        N2NError: the scene, Blender or the options cannot be used, the folder holds renders of other settings, or the disk is
            too small.
    """
    scene = Path(options.scene)
    if not scene.is_file():
        raise N2NError(f"{scene}: no such file", "Pass the path of a .blend file with --scene.")
    if options.views > 1 and options.frames and len(options.frames) > 1:
        raise N2NError(
            "--views is for stills and --frames for animations; both were given",
            "Use --views with one frame, or --frames without --views.",
        )
    folder = Path(options.out) if options.out else Path("datasets") / scene.stem
    with reporter("sampling") as progress, Worker(options.blender, progress.warn) as worker:
        return _sample(options, scene, folder, worker, progress)


def _sample(options: SampleOptions, scene: Path, folder: Path, worker: Worker, progress: Progress) -> Sampled:
    if options.views > 1:
        progress.note(f"opening {scene.name} and placing {options.views - 1} cameras …")
    described = worker.ask(_open_request(options, scene, folder))
    manifest = _manifest(options, scene, described, _in_parts(options, folder, described["renders_parts"]))
    _tell_tries(described["view_tries"], progress)
    if left := described["light_passes_left"]:
        progress.note(f"not rendered: {', '.join(left)}, which the view layer has on (--passes scene renders them)")
    jobs = plan.make_jobs(
        list(described["views"]),
        described["frames"],
        options.spp,
        options.seeds,
        options.reference_spp,
        options.reference_frames,
        options.chunk,
        manifest["in_parts"],
        options.only,
    )
    manifest = _reconcile(folder, manifest, is_share=options.only is not None or options.chunk != WHOLE)
    missing = [job for job in jobs if not is_readable(folder / job.name.filename)]
    width, height = described["size"]
    seconds = _probe_seconds(worker, missing, progress) if options.dry_run and missing else None
    needed = plan.disk_bytes(missing, (width, height), described["channels"])
    if not options.dry_run:
        _prepare_folder(folder, needed, manifest)
        _render_all(worker, missing, folder, described["settings"]["use_motion_blur"], progress)
    return Sampled(folder, len(missing), len(jobs) - len(missing), (width, height), seconds, needed, manifest)


def _open_request(options: SampleOptions, scene: Path, folder: Path) -> dict[str, Any]:
    """Views that the folder has already keep their places: another machine's rays and renders may round otherwise."""
    earlier = read_manifest(folder) if (folder / MANIFEST).exists() else {}
    if "view_tries" not in earlier:  # an older dataset, whose cameras were placed by other rules
        earlier = {}
    return {
        "do": "open",
        "scene": str(scene.resolve()),
        "scene_name": options.scene_name,
        "camera": options.camera,
        "view_layer": options.view_layer,
        "passes": options.passes,
        "device": options.device,
        "views": options.views,
        "known_views": earlier.get("views", {}),
        "known_frames": earlier.get("frames", []),
        "size": list(options.size) if isinstance(options.size, tuple) else options.size,
        "frames": list(options.frames) if options.frames else None,
    }


def _tell_tries(tries: dict[str, int], progress: Progress) -> None:
    """How often the places of moved cameras were refused (in a wall, without a view, in the dark) before one passed."""
    if tries:
        most = max(tries, key=tries.__getitem__)
        progress.note(f"{len(tries)} moved view(s): {sum(tries.values())} places were tried, most for {most} ({tries[most]})")


def _in_parts(options: SampleOptions, folder: Path, renders_parts: bool) -> list[str]:
    """The authored view of several, which is not needed for training; a folder's renders stay what they are."""
    if options.independent:
        return []
    if (folder / MANIFEST).exists():
        return list(read_manifest(folder)["in_parts"])
    return [AUTHORED] if options.views > 1 and options.seeds > 1 and renders_parts else []


def _manifest(options: SampleOptions, scene: Path, described: dict[str, Any], in_parts: list[str]) -> dict[str, Any]:
    names = ("scene_name", "view_layer", "camera")
    return {
        "format": 1,
        "n2n_render": __version__,
        "scene": {
            "file": scene.name,
            "sha256": hashlib.sha256(scene.read_bytes()).hexdigest(),
            **{name: described[name] for name in names},
        },
        "blender": described["blender"],
        "devices": [described["device"]],
        "spp": options.spp,
        "seeds": options.seeds,
        "in_parts": in_parts,
        **({"passes": options.passes} if options.passes != "none" else {}),
        "size": described["size"],
        "fps": described["fps"],
        "frames": described["frames"],
        "views": described["views"],
        "view_tries": described["view_tries"],
        "reference_spp": options.reference_spp,
        "settings": described["settings"],
        "color_management": described["color_management"],
    }


def _reconcile(folder: Path, manifest: dict[str, Any], is_share: bool) -> dict[str, Any]:
    """The manifest to write; refuses a folder that holds renders of other settings.

    is_share: other machines work on the rest, and say the same but for their devices: one of them is enough.
    """
    if not (folder / MANIFEST).exists():
        return manifest
    old = read_manifest(folder)
    different = plan.differences(old, manifest)
    if different:
        raise N2NError(
            f"{folder} holds renders of other settings: {'; '.join(different)}",
            "Choose another output folder, or the settings of before.",
        )
    merged = plan.merged(old, manifest)
    return old if is_share and _is_equal({**merged, "devices": old["devices"]}, old) else merged


def _prepare_folder(folder: Path, needed: int, manifest: dict[str, Any]) -> None:
    make_folder(folder, "Choose a writable output folder.")
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise N2NError(
            f"{folder}: needs about {needed / 2**20:,.0f} MiB, but {free / 2**20:,.0f} MiB are free",
            "Free some space, choose another output folder, or render fewer or smaller frames.",
        )
    remove_abandoned(folder, PARTIAL)
    _put_manifest(folder, manifest)


def _put_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """Whole or not at all. Of machines that begin together one writes it, and the others find it there."""
    there = (folder / MANIFEST).exists()
    if there and _is_equal(read_manifest(folder), manifest):
        return
    with owned_folder(folder, PARTIAL) as partial:  # the manifest too leaves nothing half-written beside the renders
        write_manifest(partial, manifest)
        if not there:
            try:
                os.link(partial / MANIFEST, folder / MANIFEST)
            except FileExistsError:
                _reconcile(folder, manifest, is_share=True)
                return
            except (OSError, NotImplementedError):  # a file system without links
                pass
            else:
                return
        os.replace(partial / MANIFEST, folder / MANIFEST)


def _is_equal(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """As the file has them: there tuples are lists."""
    return bool(json.loads(json.dumps(one)) == json.loads(json.dumps(other)))


def _render_all(worker: Worker, jobs: list[plan.RenderJob], folder: Path, blurred: bool, progress: Progress) -> None:
    """Renders the jobs one after the other; while one renders, the one before is checked and moved into place.

    blurred: Cycles leaves the Vector pass of blurred frames empty, so it is rendered beside them and put in.
    """
    planned = plan.with_vectors(jobs) if blurred else list[plan.RenderJob | plan.VectorJob](jobs)
    progress.start(sum(job.name.spp for job in jobs), len(jobs))
    with owned_folder(folder, PARTIAL) as partial:
        _render_into(partial, worker, planned, folder, blurred, progress)


def _render_into(
    partial: Path,
    worker: Worker,
    planned: list[plan.RenderJob | plan.VectorJob],
    folder: Path,
    blurred: bool,
    progress: Progress,
) -> None:
    paths = [
        partial / (job.name.filename if isinstance(job, plan.RenderJob) else f"vector_{job.view}_{job.frame}.exr")
        for job in planned
    ]
    vectors = partial
    for index, (job, path) in enumerate(zip(planned, paths, strict=True)):
        if index == 0:
            worker.send(job.request(str(path.resolve())))
        worker.receive()
        if index + 1 < len(planned):
            worker.send(planned[index + 1].request(str(paths[index + 1].resolve())))
        if isinstance(job, plan.VectorJob):
            vectors = path
            continue
        if blurred and job.name.kind == "s":
            put_vectors(vectors, path)
        _keep(path, folder, job.name)
        progress.advance(job.name.spp, job.name.filename)


def _keep(path: Path, folder: Path, name: FrameName) -> None:
    if not is_readable(path):
        raise N2NError(
            f"{folder / path.name}: Blender wrote an incomplete file",
            "The disk is probably full. Free some space and run the same command again.",
        )
    for seed in {1, 2, name.seed - 1} - {0, name.seed}:
        other = folder / replace(name, seed=seed).filename
        if other.exists() and is_readable(other):
            check_seeds(other, path)
    os.replace(path, folder / path.name)


def check_seeds(first: Path, second: Path) -> None:
    """Raises N2NError where two renders of a frame hold the same noise; says it where they show other pictures."""
    likeness = compare(*[look_at(read_frame(path), path) for path in (first, second)])
    if likeness.same_noise:
        raise N2NError(
            f"{second.name} and {first.name} hold the same noise (correlation {likeness.correlation:.2f})",
            "Something in the scene rules over the seed of the renders (a driver, an action, an NLA strip). "
            "Remove it, save the file and run the same command again.",
        )
    if likeness.spread > SPREAD_REFUSED:
        doubt(f"{second} and {first} do not seem to show the same picture: something in the scene changes between renders")


def _probe_seconds(worker: Worker, jobs: list[plan.RenderJob], progress: Progress) -> float:
    """Times the first job at a quarter of the width and height with 1 and 4 spp and extrapolates to all jobs.

    The difference of the two is the time of three samples; the rest is per-frame overhead, counted once a job.
    """
    progress.note("timing a small frame …")
    request = jobs[0].request(None)
    timed: dict[int, float] = {}
    for spp in (1, 1, 4):  # the first one also loads the scene into Cycles
        timed[spp] = worker.ask({**request, "spp": spp, "sequence": request["first_sample"] + spp, "percentage": 25})["seconds"]
    per_sample = max(0.0, timed[4] - timed[1]) / 3 * 16
    overhead = max(0.0, timed[1] - per_sample / 16)
    return sum(overhead + per_sample * job.name.spp for job in jobs)

"""Options become render jobs: views × frames × seeds, minus what is already there. Pure: no files, no Blender."""

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import N2NError
from ..io.dataset import FrameName

BYTES_PER_VALUE = 4
MOST_SAMPLES = 2**24  # of a sequence
VECTOR_SPP = 4  # motion at the first hit has little noise
COMPRESSED_FRACTION = 0.75  # of the raw size; ZIP on noisy floats, measured on the demo scene (0.6 to 0.8)


@dataclass(frozen=True)
class RenderJob:
    """One file to render.

    Attributes:
        parts: Of how many parts of one render it is one: it goes on with their samples. 0: it has a seed of its own.
    """

    name: FrameName
    parts: int = 0

    @property
    def cycles_seed(self) -> int:
        """Another one for every file, or for all parts of one render: two frames never share their noise pattern."""
        name = self.name
        seed = 1 if self.parts else name.seed
        return zlib.crc32(f"{name.view}/{name.frame}/{name.kind}{seed}".encode()) & 0x7FFFFFFF

    @property
    def samples(self) -> range:
        """Numbers of its samples in Cycles' sequence.

        Sample 0 goes through the pixel's centre, whatever the seed: all would alias alike, so no render holds it. Parts follow
        each other from a power of two on, where the sequence begins anew to fill the pixel evenly.
        """
        spp, number = self.name.spp, self.name.seed
        first = self._begin + (number - 1) * spp if self.parts else spp
        return range(first, first + spp)

    @property
    def sequence(self) -> int:
        """Samples up to the end of all parts: Cycles lays blue noise out for so many."""
        return self._begin + self.parts * self.name.spp if self.parts else 2 * self.name.spp

    @property
    def _begin(self) -> int:
        return int(2 ** (2 * self.name.spp - 1).bit_length())

    def request(self, path: str | None) -> dict[str, Any]:
        name = self.name
        return {
            "do": "render",
            "view": name.view,
            "frame": name.frame,
            "seed": name.seed,
            "spp": name.spp,
            "first_sample": self.samples.start,
            "sequence": self.sequence,
            "cycles_seed": self.cycles_seed,
            "path": path,
        }


@dataclass(frozen=True)
class VectorJob:
    """A render without motion blur, for the Vector pass: Cycles leaves it empty in blurred frames."""

    view: str
    frame: int

    def request(self, path: str | None) -> dict[str, Any]:
        return {
            "do": "render",
            "view": self.view,
            "frame": self.frame,
            "seed": 0,
            "spp": VECTOR_SPP,
            "first_sample": VECTOR_SPP,
            "sequence": 2 * VECTOR_SPP,
            "cycles_seed": 1,
            "motion_blur": False,
            "path": path,
        }


def with_vectors(jobs: list[RenderJob]) -> list[RenderJob | VectorJob]:
    """The jobs, with a VectorJob before the first noisy one of each view and frame."""
    planned: list[RenderJob | VectorJob] = []
    done: set[tuple[str, int]] = set()
    for job in jobs:
        place = job.name.view, job.name.frame
        if job.name.kind == "s" and place not in done:
            done.add(place)
            planned.append(VectorJob(*place))
        planned.append(job)
    return planned


def parse_size(text: str) -> tuple[int, int] | float:
    """ "960x540" → (960, 540); "50%" → 50.0, of the scene's full resolution."""
    match = re.fullmatch(r"(\d+)x(\d+)", text)
    if match and 0 < int(match[1]) <= 65536 and 0 < int(match[2]) <= 65536:
        return int(match[1]), int(match[2])
    match = re.fullmatch(r"(\d+(?:\.\d+)?)%", text)
    if match and 0 < float(match[1]) <= 1000:
        return float(match[1])
    raise N2NError(f"cannot read the size {text!r}", "Write it like 960x540 or 50%.")


def make_jobs(
    views: list[str],
    frames: list[int],
    spp: int,
    seeds: int,
    reference_spp: int | None,
    reference_frames: Sequence[int] | None,
    chunk: tuple[int, int] = (1, 1),
    in_parts: Sequence[str] = (),
    only: Sequence[int] | None = None,
) -> list[RenderJob]:
    """All jobs of this chunk, noisy ones first. A chunk takes whole frames, so that a pair stays on one machine.

    `reference_frames` are frame numbers of an animation, view numbers of a still with several; None is the first.
    in_parts: views whose noisy renders are parts of one. only: of the frames those that this machine renders.
    """
    places = [(view, frame) for view in views for frame in frames]
    own = [place for place in places if only is None or place[1] in only][chunk[0] - 1 :: chunk[1]]
    jobs = [
        RenderJob(FrameName(view, frame, "s", seed, spp), seeds if view in in_parts else 0)
        for view, frame in own
        for seed in range(1, seeds + 1)
    ]
    if reference_spp:
        chosen = reference_places(views, frames, reference_frames)
        jobs += [
            RenderJob(FrameName(view, frame, "r", half, reference_spp))
            for view, frame in own
            if (view, frame) in chosen
            for half in (1, 2)
        ]
    if any(job.sequence > MOST_SAMPLES for job in jobs):
        raise N2NError(
            f"so many samples are more than the {MOST_SAMPLES:,} that Cycles can number", "Sample with a lower --spp."
        )
    return jobs


def reference_places(views: list[str], frames: list[int], numbers: Sequence[int] | None) -> list[tuple[str, int]]:
    """The (view, frame) that get references."""
    if len(views) > 1:
        wanted = [0] if numbers is None else numbers
        places = [(f"v{number:03d}", frames[0]) for number in wanted]
        rendered, kind = [(view, frames[0]) for view in views], "view"
    else:
        wanted = frames[:1] if numbers is None else numbers
        places = [(views[0], number) for number in wanted]
        rendered, kind = [(views[0], frame) for frame in frames], "frame"
    unknown = [number for number, place in zip(wanted, places, strict=True) if place not in rendered]
    if unknown:
        raise N2NError(
            f"--reference-frames names {kind} {unknown[0]}, which is not rendered", f"Choose among the {kind}s of this run."
        )
    return places


def disk_bytes(jobs: list[RenderJob], size: tuple[int, int], channels: int) -> int:
    """An estimate of what the files will take. channels: numbers a pixel."""
    return int(len(jobs) * size[0] * size[1] * channels * BYTES_PER_VALUE * COMPRESSED_FRACTION)


def differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """Why files of manifest `new` may not go into the folder of manifest `old`; empty when they may.

    More seeds, frames and views are welcome; another compute device too.
    """
    different = []

    def compare(name: str, before: object, after: object) -> None:
        if before != after:
            different.append(f"{name}: there {before}, now {after}")

    for key in ("sha256", "scene_name", "view_layer", "camera"):
        compare(f"scene {key}", old["scene"][key], new["scene"][key])
    for key in ("blender", "spp", "size"):
        compare(key, old[key], new[key])
    compare("passes", old.get("passes", "none"), new.get("passes", "none"))
    compare("views in parts of one render", old["in_parts"], new["in_parts"])
    for key in sorted(set(old["settings"]) | set(new["settings"])):
        compare(f"setting {key}", old["settings"].get(key), new["settings"].get(key))
    if old["reference_spp"] and new["reference_spp"]:
        compare("reference-spp", old["reference_spp"], new["reference_spp"])
    for view in sorted((set(old["views"]) & set(new["views"])) - {"v000"}):
        if max(abs(a - b) for a, b in zip(old["views"][view], new["views"][view], strict=True)) > 1e-4:
            different.append(f"the camera of view {view} stands elsewhere")
    return different


def merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """`new`, with what `old` has besides."""
    return {
        **new,
        "seeds": max(old["seeds"], new["seeds"]),
        "frames": sorted(set(old["frames"]) | set(new["frames"])),
        "views": {**old["views"], **new["views"]},
        "view_tries": {**old.get("view_tries", {}), **new.get("view_tries", {})},
        "devices": sorted(set(old["devices"]) | set(new["devices"])),
        "reference_spp": new["reference_spp"] or old["reference_spp"],
    }

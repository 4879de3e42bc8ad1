"""Every knob once, as frozen dataclasses; each to and from JSON."""
import dataclasses
from dataclasses import dataclass

from .errors import N2NError


@dataclass(frozen=True)
class SampleConfig:
    """What `sample` renders. Lists are tuples so that a config can be compared and hashed."""
    scene: str
    spp: int
    out: str | None = None                          # None: datasets/<scene's name>
    seeds: int = 2                                  # any two of them are a training pair
    frames: tuple[int, ...] | None = None           # None: the frame that the scene was saved at
    views: int = 1                                  # cameras around the authored one, which is view 0
    size: tuple[int, int] | float | None = None     # (width_px, height_px), a percentage, or as authored
    camera: str | None = None
    scene_name: str | None = None
    view_layer: str | None = None
    device: str = "auto"
    reference_spp: int | None = None                # samples of each of the two reference halves
    reference_frames: tuple[int, ...] | None = None
    blender: str | None = None
    chunk: tuple[int, int] = (1, 1)


def to_dict(config) -> dict:
    return dataclasses.asdict(config)


def from_dict(kind, values: dict):
    """The inverse of `to_dict`. Unknown keys are refused; lists become tuples."""
    known = {field.name for field in dataclasses.fields(kind)}
    unknown = sorted(set(values) - known)
    if unknown:
        raise N2NError(f"unknown setting {unknown[0]!r}", f"Known ones: {', '.join(sorted(known))}.")
    return kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in values.items()})

"""Words of our own command lines."""

from collections.abc import Sequence

from ..io.light import AOVS, LIGHT_GROUPS
from .options import FarmOptions


def given(options: dict[str, object]) -> list[str]:
    """Of the options that have a value: {"--camera": "Top", "--size": None} → ["--camera", "Top"]."""
    return [word for name, value in options.items() if value is not None for word in (name, str(value))]


def size_text(size: Sequence[int] | float | None) -> str | None:
    """As `sample --size` reads it."""
    if size is None:
        return None
    return f"{size:g}%" if isinstance(size, (int, float)) else f"{size[0]}x{size[1]}"


def scene_words(options: FarmOptions) -> list[str]:
    """What of the scene `sample` is to render, where it is not as authored."""
    names = {"--camera": options.camera, "--scene-name": options.scene_name, "--view-layer": options.view_layer}
    return given({"--size": size_text(options.size), **names})


def passes_words(options: FarmOptions) -> list[str]:
    """What `sample` is to render for the passes that are asked for: light groups and AOVs are there by themselves."""
    return ["--passes", "all"] if set(options.passes) - {LIGHT_GROUPS, AOVS} else []

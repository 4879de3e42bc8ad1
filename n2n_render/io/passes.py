"""Cycles' pass and channel names ↔ our features: one table."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Pass:
    """Where a feature lies in a Blender EXR: `<ViewLayer>.<Pass>.<Channel>`, with alternatives in order of preference."""

    names: tuple[str, ...]
    channels: tuple[tuple[str, ...], ...]


# "Noisy Image" exists when Cycles denoised the frame itself: Combined then holds the denoised picture.
PASSES = {
    "color": Pass(("Noisy Image", "Combined"), (("R", "G", "B"),)),
    "picture": Pass(("Combined",), (("R", "G", "B"),)),  # what a file shows, whoever denoised it
    "alpha": Pass(("Combined",), (("A",),)),
    "albedo": Pass(("Denoising Albedo",), (("R", "G", "B"),)),
    "normal": Pass(("Denoising Normal",), (("X", "Y", "Z"),)),
    "depth": Pass(("Denoising Depth",), (("Z",), ("V",))),  # V in files of older versions
    "vector": Pass(("Vector",), (("X", "Y", "Z", "W"),)),
}


def split_channel(name: str) -> tuple[str, str, str]:
    """ "View.Layer.Denoising Albedo.R" → ("View.Layer", "Denoising Albedo", "R"). From the right: layers may hold dots."""
    layer, _, rest = name.rpartition(".")
    layer, _, pass_name = layer.rpartition(".")
    return layer, pass_name, rest


def split_view(name: str, views: list[str]) -> tuple[str, str]:
    """ "Layer.Combined.left.R" → ("Layer.Combined.R", "left"), for a file of these views, the default one first.

    As Blender writes them into one part, and as OpenEXR's multi-view files do, whose default view may go without its name.
    """
    rest, _, channel = name.rpartition(".")
    before, _, view = rest.rpartition(".")
    if view in views:
        return f"{before}.{channel}" if before else channel, view
    return name, views[0] if views else ""

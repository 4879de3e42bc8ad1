"""An EXR file → what a bug report needs to know of it: size, parts, channels, whose names they bear, what would be taken."""

import struct
from pathlib import Path
from typing import Any

from ..errors import N2NError
from ..frame.windows import Window
from ..io.exr_names import ExrNames
from ..io.exr_text import channel_types


def describe(path: Path) -> dict[str, Any]:
    """By the headers alone.

    Raises:
        N2NError: As `ExrNames.open`.
    """
    image = ExrNames.open(path, header_only=True)
    try:
        types = channel_types(path)
    except (ValueError, IndexError, struct.error):
        types = []
    types += [{}] * (len(image.parts) - len(types))
    return {
        "bytes": path.stat().st_size,
        "dialect": image.dialect.name,
        "software": next((str(header[name]) for header, _ in image.parts for name in SOFTWARE if header.get(name)), ""),
        "parts": [_part(header, channels, here) for (header, channels), here in zip(image.parts, types, strict=False)],
        "layers": [_layer(image, layer) for layer in image.layers],
    }


SOFTWARE = ("Software", "software", "renderer", "BlenderMultiChannel")  # attributes that name the program


def _part(header: dict[str, Any], channels: dict[str, Any], types: dict[str, str]) -> dict[str, Any]:
    data, display = Window.of(header), Window.of(header, "displayWindow")
    kind = getattr(header.get("type"), "name", str(header.get("type", "")))
    return {
        "name": str(header.get("name", "")),
        "size": [data.width, data.height],
        "display": None if data == display else [display.width, display.height],
        "kind": kind.removesuffix("image"),
        "compression": header["compression"].name.removesuffix("_COMPRESSION"),
        "channels": {name: types.get(name, "?") for name in channels},
    }


def _layer(image: ExrNames, layer: str) -> dict[str, Any]:
    """What `denoise --model auto` would take of a layer."""
    features = image.available(layer)
    try:
        light = [one.name for one in image.light(layer)]
    except N2NError as error:
        light = [error.what]
    return {
        "name": layer,
        "taken": image.taken(layer, features),
        "light": light,
        "cryptomattes": [matte.name for matte in image.cryptomattes(layer)],
    }

"""Small files with Cryptomatte: a picture in which two things share the pixels of an edge, as several renderers lay it out."""

import json

import numpy as np
from layouts import make_frame, one, planes, rgba, write_parts

from n2n_render.frame.frame import crop
from n2n_render.io.cryptomatte import hash_of

SIZE = (40, 48)
EDGE = 24  # a column that is half grass, half rock; grass is left of it
GRASS, ROCK = "grass", "rock"


def picture(seed=1):
    """A noisy frame with albedo, normal, depth and opaque alpha."""
    frame = crop(make_frame(seed), (slice(0, SIZE[0]), slice(5, 5 + SIZE[1])))
    return frame.with_channels(depth=np.minimum(frame.depth, 100))


def coverage_of(name, size=SIZE):
    """What the file holds of a name, (H, W, 1)."""
    covered = np.zeros((*size, 1), np.float32)
    covered[:, :EDGE] = 1
    covered[:, EDGE] = 0.5
    return {GRASS: covered, ROCK: 1 - covered}[name]


def ranks(names=(GRASS, ROCK), size=SIZE, dtype=np.float32):
    """{0: (H, W, 4), 1: …}: ids and coverage, the greatest coverage first, as renderers sort them; the second pass is empty."""
    ids = [np.full((*size, 1), hash_of(name), np.uint32).view(np.float32) for name in names]
    first, second = (coverage_of(name, size) for name in (GRASS, ROCK))
    leads = first >= second
    pixels = np.where(
        leads,
        np.concatenate([ids[0], first, np.where(second > 0, ids[1], 0), second], -1),
        np.concatenate([ids[1], second, np.where(first > 0, ids[0], 0), first], -1),
    )
    with np.errstate(over="ignore"):  # ids as half floats
        return {0: pixels.astype(dtype), 1: np.zeros_like(pixels).astype(dtype)}


def crypto(name, letters="rgba", digits="{:02d}", **options):
    """The channels of a list."""
    made = {}
    for number, pixels in ranks(**options).items():
        made |= planes(f"{name}{digits.format(number)}", pixels, letters)
    return made


def told(name, key="1234567", manifest=(GRASS, ROCK), **more):
    """The header of a list."""
    header = {f"cryptomatte/{key}/{field}": value for field, value in {"name": name, "hash": "MurmurHash3_32", **more}.items()}
    if manifest is not None:
        header[f"cryptomatte/{key}/manifest"] = json.dumps({one: f"{hash_of(one):08x}" for one in manifest})
    return header


def cycles(path, *others, seed=1, layer="ViewLayer", header=None, manifest=(GRASS, ROCK)):
    """As Blender writes it: objects, and `others` (dicts of channels)."""
    frame = picture(seed)
    name = f"{layer}.CryptoObject"
    passes = one(
        planes(f"{layer}.Combined", rgba(frame), "RGBA"),
        planes(f"{layer}.Denoising Albedo", frame.albedo),
        planes(f"{layer}.Denoising Normal", frame.normal, "XYZ"),
        planes(f"{layer}.Denoising Depth", frame.depth, "Z"),
        crypto(name),
        *others,
    )
    return write_parts(path, passes, {**told(name, manifest=manifest), **(header or {})})

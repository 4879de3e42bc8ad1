"""Blender's Cycles, 4.x (one part) and 5.x (a part a pass): `<ViewLayer>.<Pass>.<Channel>`. Tried with bpy 5.0.

File Output nodes write the same names without a layer, and `Image` for the picture. Known, and not taken for what they are
not: `Denoising Specular Albedo`, `Denoising Roughness` and the backward motion for denoising of 5.2, and `Normal` and `Depth`,
which end at the first hit while the denoising passes go on behind mirrors and glass.

Names of 5.x and 4.x: RE_PASSNAME_… of Blender's sources. Blender replaces dots in names of light groups and AOVs. Other engines
write their passes into the same files under names of their own; those of BlendLuxCore (engine/final.py) and Octane's plug-in
(blender_sync) are no AOVs: most hold data.
"""

from ..frame.channels import COLOR
from .dialect import PICTURE, Alternative, Dialect, PassRule, Role, Source, Space, at, brought_source


def split_layer(path: str) -> tuple[str, str]:
    """ "View.Layer.Denoising Albedo" → ("View.Layer", "Denoising Albedo"). From the right: layers may hold dots."""
    layer, _, name = path.rpartition(".")
    return layer, name


VECTORS = "Vector"  # the name of the pass
_PICTURES = ("Combined", "Image")


def _light(kind: str, short: str, smooth: bool = False) -> tuple[PassRule, PassRule]:
    """Direct and indirect light, which Cycles divides by the colour; under the names of 5.x and 4.x."""
    color = (f"{kind} Color", f"{short}Col")
    return (
        PassRule(Role.LIGHT, (f"{kind} Direct", f"{short}Dir"), color, smooth),
        PassRule(Role.LIGHT, (f"{kind} Indirect", f"{short}Ind"), color, smooth),
    )


# What Cycles' film adds up to Combined (its manual: Render > Passes > Light).
_LIGHT = (
    PassRule(Role.GROUP, ("Combined_*",)),
    *_light("Diffuse", "Diff", smooth=True),
    *_light("Glossy", "Gloss"),
    *_light("Transmission", "Trans"),
    *_light("Subsurface", "Subsurface", smooth=True),  # of Eevee and of old files; Cycles counts it as diffuse
    PassRule(Role.LIGHT, ("Volume Direct", "VolumeDir")),
    PassRule(Role.LIGHT, ("Volume Indirect", "VolumeInd")),
    PassRule(Role.LIGHT, ("Emission", "Emit")),
    PassRule(Role.LIGHT, ("Environment", "Env")),
    PassRule(Role.OTHER, ("Ambient Occlusion", "AO")),
    PassRule(Role.OTHER, ("Shadow Catcher", "Shadow")),
)
# What Blender writes besides: it is data, or the colour that light was divided by.
_DARK = (
    *("Depth", "Z", "Mist", "Position", "Normal", "UV", "Object Index", "IndexOB", "Material Index", "IndexMA"),
    *("* Color", "DiffCol", "GlossCol", "TransCol", "SubsurfaceCol", "[Cc]rypto*", "Denoising *", "Noisy*", "Error", "Debug *"),
    *("Volume Scatter", "Volume Transmit", "Volume Majorant", "Render Time", "Sample Count", "Guiding *", "Freestyle"),
    *("Grease Pencil", "GreasePencil"),
)
_OF_OTHER_ENGINES = (
    *("Oct*", "RGB", "RGBA", "ALPHA", "ALBEDO", "MATERIAL_ID*", "OBJECT_ID*", "EMISSION", "CAUSTIC", "DIRECT_*", "INDIRECT_*"),
    *("POSITION", "*SHADING_NORMAL", "GEOMETRY_NORMAL", "RAYCOUNT", "SAMPLECOUNT", "CONVERGENCE", "NOISE", "IRRADIANCE"),
    "DENOISED",
)
CYCLES = Dialect(
    name="Cycles",
    channels={
        # "Noisy Image" exists when Cycles denoised the frame itself: Combined then holds the denoised picture.
        "color": Source(at(("Noisy Image", *_PICTURES), ("R", "G", "B"))),
        PICTURE: Source(at(_PICTURES, ("R", "G", "B"))),
        "alpha": Source(at(_PICTURES, ("A",))),
        "albedo": Source(at("Denoising Albedo", ("R", "G", "B"))),
        "normal": Source(at("Denoising Normal", ("X", "Y", "Z"))),
        "depth": Source(at("Denoising Depth", ("Z",), ("V",))),  # V in files of older versions
        "vector": Source(at(VECTORS, ("X", "Y", "Z", "W"))),
    },
    light=_LIGHT,
    dark=(*_DARK, *_OF_OTHER_ENGINES),
    noisy="Noisy ",
    marks=("Combined", "Noisy Image", "Denoising Albedo", "Denoising Normal", "Denoising Depth"),
    headers={"cycles.*": ""},
    split=split_layer,
    normals=Space.CAMERA,
)


def written_as(channel: str) -> Alternative | None:
    """The pass and the letters under which a channel of a frame is written as Blender writes it; None for others. One of a
    package is written as Blender writes an AOV.
    """
    source = CYCLES.source(PICTURE if channel == COLOR else channel) or brought_source(channel)
    return source.alternatives[0] if source else None

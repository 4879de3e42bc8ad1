"""Arnold. Its user guide (AOVs, Arnold Denoiser), its developer guide (built-in AOVs), and SItoA's issue 53.

Passes of light: its user guide (Light Path Expression AOVs; Composing the Beauty AOV; Light Group Manager), and what
`kick -laovs` lists. Any of them by light group ends on `_<group>`, on `_default` for lights of no group. The picture is the sum
of the lobes, emission and background, and also of direct, indirect, emission and background.

Not taken: `motionvector` (the guides say "screen space" and neither unit nor direction), `shadow_matte`, custom AOVs (they hold
what a shader of the user's writes), and layers that the user named otherwise.
"""

from .dialect import ALPHA, DEPTH, RGB, XYZ, Dialect, PassRule, Role, Source, Space, at, halved, undivided

_LOBES = ("diffuse", "specular", "coat", "sheen", "transmission", "sss", "volume")
_DATA = ("*_albedo", "*_Z", "*_opacity", "*_noice", "*_denoise", "*_variance")  # volume_Z is no light group Z of volume


def _lobes() -> tuple[PassRule, ...]:
    return tuple(rule for lobe in _LOBES for rule in halved((lobe,), (f"{lobe}_direct",), (f"{lobe}_indirect",), _DATA))


def _of_all_lobes(name: str) -> tuple[PassRule, ...]:
    """Direct or indirect light, whatever surface it is seen on: another way to divide the picture than by lobes."""
    lobes = tuple(pattern for lobe in _LOBES for pattern in (lobe, f"{lobe}_*"))
    return (
        PassRule(Role.LIGHT, (name,), held_by=lobes),
        PassRule(Role.LIGHT, (f"{name}_*",), held_by=(name, *lobes), but=_DATA),
    )


ARNOLD = Dialect(
    name="Arnold",
    channels={
        "color": Source(at(("RGBA", ""), *RGB)),
        "alpha": Source(at(("RGBA", ""), *ALPHA)),
        "albedo": Source(at(("denoise_albedo", "diffuse_albedo", "albedo"), *RGB)),
        "normal": Source(at("N", *XYZ, *RGB)),
        "depth": Source((*at("Z", *DEPTH), *at("", ("Z",)))),
        "variance": Source(at("variance", *RGB)),
    },
    light=(
        PassRule(Role.GROUP, ("RGBA_*",), but=_DATA),
        *_lobes(),
        *_of_all_lobes("direct"),
        *_of_all_lobes("indirect"),
        *undivided(("emission",), _DATA),
        *undivided(("background",), _DATA),
    ),
    marks=("denoise_albedo", "diffuse_albedo", "RGBA", "motionvector", "N_noice", "Z_noice", "denoise_albedo_noice"),
    headers={"arnold/*": "", "software": "arnold"},
    normals=Space.WORLD,
)

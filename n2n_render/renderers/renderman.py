"""RenderMan's denoising channels. Gaffer's pull requests 6300 and 6730; `DisplayChannel` lines of RIB files.

`Ci` may be written as R, G, B, with `a` as A. `mse` is the mean squared error of Ci: the variance of the picture. Not taken:
`forward` and `backward` (nothing sure was found about their unit and direction).

Passes of light: its wiki (Light Path Expressions: basic ones, one a lobe, and built-in ones). A channel may be called anything;
these are the names of the wiki and of the plug-ins' presets. The built-in ones are not known to add up to anything. Not taken:
light groups, whose names are the user's.
"""

from .dialect import ALPHA, DEPTH, RGB, XYZ, Dialect, PassRule, Role, Source, at

_LOBES = tuple(f"Specular{lobe}Lobe" for lobe in ("Primary", "Rough", "Clearcoat", "Iridescence", "Fuzz", "Glass"))


def _basic(name: str, *lobes: str) -> tuple[PassRule, ...]:
    """What some of the lobes add, and each of these."""
    return PassRule(Role.LIGHT, (name,), held_by=lobes), *(PassRule(Role.LIGHT, (lobe,)) for lobe in lobes)


RENDERMAN = Dialect(
    name="RenderMan",
    channels={
        "color": Source(at(("Ci", ""), *RGB)),
        "alpha": Source((*at("Ci", *ALPHA), *at("a", *ALPHA, *DEPTH), *at("", *ALPHA))),
        "albedo": Source(at("albedo", *RGB)),
        "normal": Source(at("normal", *XYZ, *RGB)),
        "depth": Source((*at("zfiltered", *DEPTH), *at("", ("zfiltered",)))),
        "variance": Source(at(("mse", "Ci_mse"), *RGB)),
    },
    light=(
        *_basic("emissive"),
        *_basic("directDiffuse", "directDiffuseLobe"),
        *_basic("indirectDiffuse", "indirectDiffuseLobe"),
        *_basic("subsurface", "subsurfaceLobe"),
        *_basic("directSpecular", *(f"direct{lobe}" for lobe in _LOBES)),
        *_basic("indirectSpecular", *(f"indirect{lobe}" for lobe in _LOBES)),
        *_basic("transmissive", "transmissiveSingleScatterLobe", "transmissiveGlassLobe"),
        PassRule(Role.OTHER, ("diffuse", "specular", "emission", "indirectdiffuse", "indirectspecular", "refraction")),
    ),
    marks=("Ci", "mse", "albedo_var", "albedo_mse", "normal_var", "normal_mse", "zfiltered"),
    headers={"software": "renderman|prman", "renderman/*": "", "prman/*": ""},
)

"""Renderers that as a rule write a file a pass, which `--albedo FILE --normal FILE …` bring together.

Redshift: its documentation. LuxCore: slg/film/filmoutput.cpp. MoonRay: its documentation (render outputs, motion vectors).

Passes of light of Redshift: its documentation (Integrated AOVs and AOV Tutorial say what adds up; Light Group AOVs), names as
tools of compositors take them. `…_other` is the rest of the lights, `…_all` is everything again. Not taken: what is raw (more
than one filter may belong to it). Of LuxCore: the types of slg/film, which are what a path's light is counted as. Of MoonRay
nothing: names of its light AOVs are the user's.
"""

from .dialect import ALPHA, DEPTH, RGB, XYZ, Dialect, Motion, PassRule, Role, Source, Unit, at, undivided

_ALL = ("*_all",)

REDSHIFT = Dialect(
    name="Redshift",
    channels={
        "color": Source(at(("", "Beauty"), *RGB)),
        "alpha": Source(at(("", "Beauty"), *ALPHA)),
        "depth": Source((*at("Z", *DEPTH), *at("", ("Z",)))),
    },
    light=(
        PassRule(Role.GROUP, ("Beauty_*",), but=_ALL),
        *undivided(("DiffuseLighting",), _ALL),
        *undivided(("GI", "GlobalIllumination"), _ALL),
        *undivided(("SpecularLighting",), _ALL),
        *undivided(("Reflections",), _ALL),
        *undivided(("Refractions",), _ALL),
        *undivided(("SSS", "SubsurfaceScatter"), _ALL),
        *undivided(("Emission",), _ALL),
        *undivided(("Caustics",), _ALL),
        *undivided(("VolumeLighting",), _ALL),
        *undivided(("Background",), _ALL),
    ),
    headers={"software": "redshift", "redshift*": "", "rs/*": ""},
)
_KINDS = ("DIRECT_DIFFUSE", "DIRECT_GLOSSY", "INDIRECT_DIFFUSE", "INDIRECT_GLOSSY", "INDIRECT_SPECULAR")


def _path(kind: str) -> tuple[PassRule, ...]:
    ways = (f"{kind}_REFLECT", f"{kind}_TRANSMIT")
    return PassRule(Role.LIGHT, (kind,), held_by=ways), PassRule(Role.LIGHT, ways)


LUXCORE = Dialect(
    name="LuxCore",
    channels={
        "color": Source(at(("RGB_IMAGEPIPELINE", "RGBA_IMAGEPIPELINE", "RGB", "RGBA", ""), *RGB)),
        "alpha": Source(at(("RGBA_IMAGEPIPELINE", "RGBA", "ALPHA", ""), *ALPHA)),
        "albedo": Source(at("ALBEDO", *RGB)),
        "normal": Source(at(("AVG_SHADING_NORMAL", "SHADING_NORMAL"), *XYZ, *RGB)),
        "depth": Source(at("DEPTH", *DEPTH)),
    },
    light=(
        PassRule(Role.GROUP, ("RADIANCE_GROUP*",)),
        PassRule(Role.LIGHT, ("EMISSION",)),
        *(rule for kind in _KINDS for rule in _path(kind)),
    ),
    marks=("ALBEDO", "AVG_SHADING_NORMAL"),
    headers={"software": "luxcore"},
)
MOONRAY = Dialect(
    name="MoonRay",
    channels={
        "color": Source(at(("", "beauty"), *RGB)),
        "alpha": Source(at(("", "beauty"), *ALPHA)),
        "albedo": Source(at("albedo", *RGB)),
        "normal": Source(at("normal", *XYZ, *RGB)),
        "depth": Source(at("depth", *DEPTH)),
        "vector": Source(at("motionvec", ("R", "G"), ("X", "Y"))),
    },
    marks=("motionvec",),
    headers={"software": "moonray"},
    motion=Motion(Unit.SCREEN, forward=True, premultiplied=True),
)

"""V-Ray, and Corona by the same makers. V-Ray's documentation; the wiki of Corona.

Not taken: `ZDepth` (as a rule it is scaled to 0…1 between two distances that the file does not hold), `velocity` (scaled by a
speed that the file does not hold), `noiseLevel` (one number for three colours), Corona's `Sqr…` (sums of squares).

Passes of light: V-Ray's documentation (Back to Beauty; Render Elements; the channel names of V-Ray for Nuke), render elements
of scene files of V-Ray Standalone, the channels of a file of V-Ray for Maya 3.6, and 3ds Max's element names. A raw element
times its filter is the element. Which lights a light select holds is the user's matter. Corona's documentation says that the
sum of all CESSENTIAL elements is the picture. Not taken: shadows, Total Lighting (its halves are the parts), coat and sheen
(nothing sure was found about which sum they are in), Corona's CShading elements, and elements that the user named otherwise.
"""

from .dialect import ALPHA, RGB, XYZ, Dialect, PassRule, Role, Source, at

_PLAIN = ("", "RGBA", "rgba")
_DIFFUSE = ("diffuse", "VRayDiffuseFilter")


def _element(names: tuple[str, ...], raw: tuple[str, ...] = (), times: tuple[str, ...] = ()) -> tuple[PassRule, ...]:
    """An element that is a part of the picture, and the same before it was multiplied by its filter."""
    element = PassRule(Role.LIGHT, names)
    return (element, PassRule(Role.LIGHT, raw, times, smooth=times == _DIFFUSE, held_by=names)) if raw else (element,)


VRAY = Dialect(
    name="V-Ray",
    channels={
        "color": Source(at(_PLAIN, *RGB)),  # effectsResult is the finished picture
        "alpha": Source(at(_PLAIN, *ALPHA)),
        "normal": Source(at(("bump_normals", "bumpNormals", "normals"), *XYZ, *RGB)),
    },
    light=(
        PassRule(Role.GROUP, ("lightselect*", "lightSelect*", "LightSelect*", "light_select*", "VRayLightSelect*")),
        *_element(("lighting", "VRayLighting"), ("rawLight", "light_raw", "VRayRawLighting"), _DIFFUSE),
        *_element(("GI", "gi", "VRayGlobalIllumination"), ("rawGI", "gi_raw", "VRayRawGlobalIllumination"), _DIFFUSE),
        *_element(
            ("reflect", "VRayReflection"),
            ("rawReflection", "VRayRawReflection"),
            ("reflectionFilter", "VRayReflectionFilter"),
        ),
        *_element(
            ("refract", "VRayRefraction"),
            ("rawRefraction", "VRayRawRefraction"),
            ("refractionFilter", "VRayRefractionFilter"),
        ),
        *_element(("specular", "VRaySpecular")),
        *_element(("SSS", "VRaySSS2")),
        *_element(("selfIllum", "VRaySelfIllumination")),
        *_element(("caustics", "VRayCaustics")),
        *_element(("atmosphere", "atmospheric_effects", "VRayAtmosphere")),
        *_element(("background", "VRayBackground")),
    ),
    marks=(
        *("effectsResult", "bump_normals", "bumpNormals", "noiseLevel", "VRayLighting", "VRayGlobalIllumination"),
        *("VRayReflection", "VRayRefraction", "VRaySpecular", "VRaySelfIllumination", "VRayDiffuseFilter"),
    ),
    headers={"vrayInfo/*": "", "software": "v-ray"},
)
_ESSENTIAL = ("Direct", "Indirect", "Reflect", "Refract", "Translucency", "Emission", "Volumetrics")
CORONA = Dialect(
    name="Corona",
    channels={
        "color": Source(at((*_PLAIN, "Beauty", "BEAUTY"), *RGB)),
        "alpha": Source(at((*_PLAIN, "Beauty", "BEAUTY"), *ALPHA)),
        "albedo": Source(at("VisibleDiffuse", *RGB)),
        "normal": Source(at("VisibleNormals", *XYZ, *RGB)),
    },
    light=(
        PassRule(Role.GROUP, ("CShading_LightSelect*",)),
        *(PassRule(Role.LIGHT, (f"CESSENTIAL_{kind}",)) for kind in _ESSENTIAL),
    ),
    marks=("VisibleDiffuse", "VisibleNormals", "CESSENTIAL_Direct", "CESSENTIAL_Indirect", "CESSENTIAL_Reflect"),
    headers={"software": "corona"},
)

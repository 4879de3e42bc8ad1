"""Octane: its documentation (render AOVs). OctaneRender's plug-in for Blender leaves out the space in the names.

Passes of light are not taken: the documentation says what adds up, and nothing sure was found about names in files but for
Blender's (`OctDiffDir`, …), where Combined is what is denoised.
"""

from .dialect import ALPHA, RGB, XYZ, Dialect, Source, at

_PICTURES = ("Beauty", "Main", "")
OCTANE = Dialect(
    name="Octane",
    channels={
        "color": Source(at(_PICTURES, *RGB)),
        "alpha": Source(at(_PICTURES, *ALPHA)),
        "albedo": Source(at(("Denoise Albedo", "DenoiseAlbedo"), *RGB)),
        "normal": Source(at(("Denoise Normal", "DenoiseNormal"), *XYZ, *RGB)),
    },
    marks=("Denoise Albedo", "DenoiseAlbedo", "Denoise Normal", "DenoiseNormal"),
    headers={"software": "octane", "octane*": ""},
)

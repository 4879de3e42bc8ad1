"""A configuration of OpenColorIO → a view: radiance as artists see it (AgX, Filmic, ACES). The only door of PyOpenColorIO."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import Any

import numpy as np

from ..errors import N2NError, doubt, missing_library
from ..frame.arrays import Array
from ..frame.display import TONE_MAP, View
from ..frame.transfer import RADIANCE_MAX
from .color_config import BLENDERS, find_config

SCENE_LINEAR = "scene_linear"  # role
# Names of linear light with the primaries of Rec.709, which radiance has here, in Blender's, ACES's and older configurations.
LINEAR_REC709 = (
    "lin_rec709_scene",
    "lin_rec709_srgb",
    "lin_rec709",
    "lin_srgb",
    "Linear Rec.709 (sRGB)",
    "Linear Rec.709",
    "Utility - Linear - sRGB",
    "Utility - Linear - Rec.709",
    "Linear BT.709",
)
OCIO = "PyOpenColorIO"
SRGB = "sRGB"  # displays of sRGB are called so, or "sRGB - Display"
NEW_SCENES = "AgX"  # the view of Blender's new files; its configuration lists Standard first
MOST_STOPS = 32  # of Blender's slider
LEAST_GAMMA = 0.01  # OpenColorIO takes exponents up to 100
INSTALL = 'pip install "n2n-render[color]"'


@dataclass(frozen=True)
class SceneView:
    """What an artist chose in a scene, as Blender names it. exposure: in stops, before the view; gamma: after it; space: of
    linear light, None: with the primaries of Rec.709.
    """

    display: str | None = None
    view: str | None = None
    look: str | None = None
    exposure: float = 0.0
    gamma: float = 1.0
    space: str | None = None


def open_view(
    config: str | None = None,
    view: str | None = None,
    display: str | None = None,
    look: str | None = None,
    exposure: float = 0.0,
    gamma: float = 1.0,
    blender: str | None = None,
) -> View:
    """The view of that name; its radiance is linear, with the primaries of Rec.709.

    Args:
        config: A file, or a name as ocio://cg-config-latest. None: what $OCIO names, else Blender's own; without any T(v).
        view: "T" is T(v), whatever the configuration. None: Blender's of new files, else the configuration's own choice.
        display: None: the configuration's own choice, or the first that has the view.
        look: As in Blender, of that view.
        exposure, gamma: See SceneView.
        blender: A program whose configuration is Blender's.

    Raises:
        N2NError: The configuration cannot be read, or has no such view, display or look; or opencolorio is not installed and
            a configuration or view was asked for.
    """
    chosen = SceneView(display, view, look, exposure, gamma)
    return _open(config, view, blender, lambda opened: chosen, is_asked=any((config, view, display, look)))


def open_view_as(
    scene: SceneView | None, config: str | None = None, view: str | None = None, blender: str | None = None
) -> View:
    """As `open_view`; what is not given is as the scene has it. Of what the configuration lacks, a doubt is told.

    A look goes with the scene's own view; its exposure and gamma stay with another one.
    """
    scene = scene or SceneView()
    return _open(config, view, blender, lambda opened: opened.of_scene(scene, view), is_asked=any((config, view)))


def _open(
    config: str | None, view: str | None, blender: str | None, choose: Callable[["_Configuration"], SceneView], is_asked: bool
) -> View:
    """What nobody asked for and cannot be had is no reason to refuse: then T(v), with a doubt."""
    if view == TONE_MAP.name:
        return TONE_MAP
    found = find_config(config, blender)
    if found is None and not is_asked:
        return TONE_MAP
    if not is_asked and find_spec(OCIO) is None:
        return replace(TONE_MAP, origin=f"other views need opencolorio: {INSTALL}")
    try:
        opened = _Configuration.open(found, view)
        return opened.view(choose(opened))
    except N2NError as error:
        if is_asked:
            raise
        doubt(f"{error.what}; pictures are shown on T(v)")
        return TONE_MAP


@dataclass(frozen=True)
class _Configuration:
    """Opened. origin: where it comes from, for people."""

    ocio: Any = field(repr=False)
    config: Any = field(repr=False)
    origin: str

    @classmethod
    def open(cls, found: tuple[str, str] | None, view: str | None) -> "_Configuration":
        """Raises N2NError where there is none, it cannot be read, or opencolorio is not installed."""
        if found is None:
            raise N2NError(
                f"no configuration of OpenColorIO was found for {f'the view {view!r}' if view else 'another view than T'}",
                "Pass --ocio with a config.ocio file, or install Blender's wheel; or pass --view T.",
            )
        try:
            import PyOpenColorIO as ocio
        except ImportError as error:
            what = "views other than T need opencolorio, which is not installed"
            raise missing_library(error) or N2NError(what, f"Run {INSTALL}.") from None
        file, origin = found
        try:
            config = ocio.Config.CreateFromFile(file)
        except ocio.Exception as error:
            what = f"{origin}: cannot be read as a configuration of OpenColorIO {ocio.__version__}: {_sentence(error)}"
            raise N2NError(what, "Pass another one with --ocio, or --view T.") from None
        return cls(ocio, config, origin)

    def of_scene(self, scene: SceneView, wanted: str | None) -> SceneView:
        """What of it there is here; `wanted`: a view instead of its own, which must be there."""
        view, look, display = wanted or scene.view, scene.look, scene.display
        if display and display not in self.displays:
            doubt(f"{self.origin} has no display {display!r}, which the scene was made for; its own choice is taken")
            display = None
        if view and not wanted and not any(view in self.views(one) for one in self.displays):
            doubt(f"{self.origin} has no view {view!r}, which the scene was made with; its own choice is taken")
            view = None
        if display and view and view not in self.views(display):
            display = None  # of the view asked for: another display has it, or it is refused
        if display and not display.startswith(SRGB):
            display = self._for_pictures(display, view)
        if view != scene.view:
            look = None
        if look and self.config.getLook(look) is None:
            doubt(f"{self.origin} has no look {look!r}, which the scene was made with; it is left out")
            look = None
        space = scene.space
        if space and self.config.getColorSpace(space) is None:
            doubt(f"{self.origin} has no space {space!r}, which the scene's light is in: it is taken as Rec.709's")
            space = None
        return replace(scene, display=display, view=view, look=look, space=space)

    def _for_pictures(self, display: str, view: str | None) -> str:
        """Programs and browsers take the numbers of a picture for sRGB's, whatever screen the artist has."""
        for one in self.displays:
            if one.startswith(SRGB) and (view is None or view in self.views(one)):
                return one
        doubt(f"{self.origin} has {view or 'its view'} for {display!r} and not for sRGB: its colors are right there alone")
        return display

    @property
    def displays(self) -> list[str]:
        return list(self.config.getDisplays())

    def views(self, display: str) -> list[str]:
        return list(self.config.getViews(display))

    def view(self, chosen: SceneView) -> View:
        """Raises N2NError for a display, view or look that there is not, or that cannot be computed."""
        display = self._display(chosen)
        view = chosen.view or self._usual_view(display)
        if chosen.look and self.config.getLook(chosen.look) is None:
            raise _missing(self.origin, "look", chosen.look, [look.getName() for look in self.config.getLooks()])
        try:
            processor = self.config.getProcessor(self._transform(display, view, chosen)).getDefaultCPUProcessor()
        except self.ocio.Exception as error:
            what = f"{self.origin}: the view {view!r} cannot be computed: {_sentence(error)}"
            raise N2NError(what, "Choose another one with --view.") from None
        scale = np.float32(2.0 ** min(max(chosen.exposure, -MOST_STOPS), MOST_STOPS))

        def encode(radiance: Array) -> Array:
            shown = np.array(radiance, np.float32, order="C")  # a copy: the processor works in place
            if scale != 1:
                with np.errstate(over="ignore"):  # of numbers that are cut off below
                    shown *= scale
            np.nan_to_num(shown, copy=False, posinf=RADIANCE_MAX, neginf=-RADIANCE_MAX)
            np.clip(shown, -RADIANCE_MAX, RADIANCE_MAX, out=shown)  # curves of powers know no larger numbers
            if shown.size:
                processor.applyRGB(shown)
            np.nan_to_num(shown, copy=False)
            return np.clip(shown, 0, 1, out=shown)

        return View(_name(view, chosen.look), encode, True, self.origin)

    def _display(self, chosen: SceneView) -> str:
        usual = str(self.config.getDefaultDisplay())
        if chosen.display:
            if chosen.display not in self.displays:
                raise _missing(self.origin, "display", chosen.display, self.displays)
            candidates = [chosen.display]
        else:
            candidates = [usual, *self.displays]
        if chosen.view is None:
            return candidates[0]
        for display in candidates:
            if chosen.view in self.views(display):
                return display
        raise _missing(self.origin, "view", chosen.view, [*self.views(candidates[0]), TONE_MAP.name])

    def _usual_view(self, display: str) -> str:
        if self.origin == BLENDERS and NEW_SCENES in self.views(display):
            return NEW_SCENES
        return str(self.config.getDefaultView(display))

    def _transform(self, display: str, view: str, chosen: SceneView) -> Any:
        """As Blender puts it together, but for the exposure, which is a factor of linear light."""
        ocio, source = self.ocio, chosen.space or self._source()
        steps = ocio.GroupTransform()
        if chosen.look:
            shown_in = self.config.getLook(chosen.look).getProcessSpace()
            steps.appendTransform(ocio.LookTransform(src=source, dst=shown_in, looks=chosen.look))
            source = shown_in
        steps.appendTransform(ocio.DisplayViewTransform(src=source, display=display, view=view, looksBypass=bool(chosen.look)))
        if chosen.gamma != 1:
            exponent = 1 / max(chosen.gamma, LEAST_GAMMA)
            steps.appendTransform(ocio.ExponentTransform(value=[exponent, exponent, exponent, 1.0]))
        return steps

    def _source(self) -> str:
        for name in LINEAR_REC709:
            if space := self.config.getColorSpace(name):
                return str(space.getName())
        space = self.config.getColorSpace(SCENE_LINEAR)
        if space is None:
            raise N2NError(f"{self.origin} has no linear space (role {SCENE_LINEAR})", "Pass another one with --ocio.")
        doubt(
            f"{self.origin} has no space of linear light in Rec.709 by a known name: radiance is taken as {space.getName()!r}, "
            "whose colors may be others"
        )
        return str(space.getName())


def _name(view: str, look: str | None) -> str:
    """ "AgX", "AgX - Punchy"."""
    return view if not look else look if look.startswith(view) else f"{view}, {look}"


def _missing(origin: str, what: str, name: str, there: Sequence[str]) -> N2NError:
    return N2NError(f"{origin} has no {what} {name!r}", f"There are {', '.join(there)}.")


def _sentence(error: Exception) -> str:
    return " ".join(str(error).removeprefix("Error: ").split()).rstrip(".")

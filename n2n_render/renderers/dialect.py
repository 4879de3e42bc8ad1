"""What a table about a renderer says: how its files are recognised, where channels lie in them, what they mean."""

import enum
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from ..frame.arrays import Array
from ..frame.channels import ALPHA as ALPHA_CHANNEL
from ..frame.channels import BROUGHT, COLOR, VECTOR, Kind, guide_names

Alternative = tuple[str, tuple[str, ...]]  # a pass, and the letters of its channels in order

PICTURE = "picture"  # what a file shows, whoever denoised it; "color" is what there is to denoise
ANY_PASS = "*"  # stands for whatever name the user gave
RGB = (("R", "G", "B"), ("r", "g", "b"), ("red", "green", "blue"))
XYZ = (("X", "Y", "Z"), ("x", "y", "z"))
ALPHA = (("A",), ("a",), ("alpha",))
DEPTH = (("Z",), ("z",), ("Y",), ("R",))  # Y is what OpenEXR calls a grey channel


NUMBER = (("X",), *ALPHA, *DEPTH, ("V",))  # Blender calls the only channel of a pass X


class Space(enum.Enum):
    """What the components of a normal are measured along."""

    CAMERA = "camera"  # x right, y up
    WORLD = "world"
    UNKNOWN = "unknown"  # the sources say nothing sure


class Unit(enum.Enum):
    """What a motion is measured in."""

    PIXELS = "pixels"
    SCREEN = "halves of the screen"  # -1 on the left to 1 on the right, -1 at the bottom to 1 on top


@dataclass(frozen=True)
class Motion:
    """What the channels of a motion pass mean. A frame's own convention is that of Cycles, see frame/motion.py.

    forward: two numbers lead to where a surface will be in the next frame; else to where it was in the one before.
    premultiplied: by alpha.
    """

    unit: Unit
    forward: bool
    y_up: bool = True
    premultiplied: bool = False


class Role(enum.Enum):
    """What a pass of light is of the picture."""

    GROUP = "light group"  # what some of the lights add to it: the sum of all groups is the picture
    LIGHT = "light pass"  # what one kind of path adds to it, often divided by a colour
    AGAIN = "light that other passes hold too"  # diffuse beside its direct and indirect half: counted in no sum
    OTHER = "pass"  # no part of a sum: ambient occlusion, caught shadows
    AOV = "AOV"  # what a shader writes, under a name of the user's


@dataclass(frozen=True)
class PassRule:
    """One pass of light.

    Attributes:
        names: As the versions of a renderer write it; * stands for the user's own part of it.
        color: The same of the pass that it was divided by: the picture holds the product.
        smooth: It is best denoised as it is, without the colour, whose texture it lacks: measured, see docs/passes.md.
        held_by: Patterns of other passes of light that hold the same: where a file has one of them, this one is no part of a
            sum. The finer ones are the parts.
        but: Patterns of names that are not meant, though they match.
    """

    role: Role
    names: tuple[str, ...]
    color: tuple[str, ...] = ()
    smooth: bool = False
    held_by: tuple[str, ...] = ()
    but: tuple[str, ...] = ()

    def matches(self, name: str) -> bool:
        return _matches(name, self.names) and not _matches(name, self.but)

    def among(self, names: Iterable[str]) -> Role:
        """What it is in a file with passes of light of these names."""
        held = self.role in (Role.GROUP, Role.LIGHT) and any(_matches(name, self.held_by) for name in names)
        return Role.AGAIN if held else self.role


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def halved(
    whole: tuple[str, ...],
    direct: tuple[str, ...],
    indirect: tuple[str, ...],
    but: tuple[str, ...] = (),
) -> tuple[PassRule, ...]:
    """A kind of path, its direct and its indirect half, and each of them by light, whose name follows after a "_".

    What is by light is a part only where no pass of all lights holds it.
    """
    halves = (*direct, *indirect)
    by_light = {names: tuple(f"{name}_*" for name in names) for names in (whole, direct, indirect, halves)}
    return (
        PassRule(Role.LIGHT, direct),
        PassRule(Role.LIGHT, indirect),
        PassRule(Role.LIGHT, whole, held_by=halves),
        PassRule(Role.LIGHT, by_light[direct], held_by=(*whole, *halves), but=but),
        PassRule(Role.LIGHT, by_light[indirect], held_by=(*whole, *halves), but=but),
        PassRule(Role.LIGHT, by_light[whole], held_by=(*whole, *halves, *by_light[halves]), but=(*by_light[halves], *but)),
    )


def undivided(names: tuple[str, ...], but: tuple[str, ...] = ()) -> tuple[PassRule, ...]:
    """A kind of path that has no halves, and the same by light."""
    by_light = tuple(f"{name}_*" for name in names)
    return PassRule(Role.LIGHT, names), PassRule(Role.LIGHT, by_light, held_by=names, but=but)


@dataclass(frozen=True)
class Source:
    """Where a channel of a frame lies: alternatives in order of preference.

    undo: what is done to the pixels (H, W, C) so that they mean what frame/channels.py says.
    """

    alternatives: tuple[Alternative, ...]
    undo: Callable[[Array], Array] | None = None


def at(names: str | tuple[str, ...], *letters: tuple[str, ...]) -> tuple[Alternative, ...]:
    """Every pass of `names` with the first letters that it has; the name "" means channels without a pass."""
    return tuple((name, some) for name in ((names,) if isinstance(names, str) else names) for some in letters)


def letters_of(kind: Kind, count: int) -> tuple[tuple[str, ...], ...]:
    """The letters that the channels of a pass may bear, by what it holds; the usual ones first."""
    return NUMBER if count == 1 else (*XYZ, *RGB) if kind is Kind.DIRECTION else RGB


def brought_source(name: str) -> Source | None:
    """Where any renderer's files hold a channel that a package brings; None for other channels."""
    channel = BROUGHT.rows().get(name)
    return Source(at(channel.passes or (name,), *letters_of(channel.kind, channel.count))) if channel else None


def whole(path: str) -> tuple[str, str]:
    """A renderer without layers: all of the name but the letter is the pass."""
    return "", path


@dataclass(frozen=True)
class Dialect:
    """One renderer's names.

    channels: by the names of frame/channels.py, and PICTURE where the file may show something else than its noisy colour.
    light: the passes of light. dark: patterns of passes that hold none; where any are named, colours and numbers that no rule
    knows are AOVs. noisy: what the name of a pass begins with that holds what another one was before the renderer denoised it.
    marks: passes that no other renderer writes under these names. headers: attribute (arnold/* is any that begins so) →
    a pattern of its value, case ignored. split: a channel's name without its letter → (layer, pass).
    """

    name: str
    channels: Mapping[str, Source]
    light: tuple[PassRule, ...] = ()
    dark: tuple[str, ...] = ()
    noisy: str | None = None
    marks: tuple[str, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    split: Callable[[str], tuple[str, str]] = whole
    normals: Space = Space.UNKNOWN
    motion: Motion | None = None  # None: as a frame has it

    def source(self, channel: str) -> Source | None:
        """Where a channel of a frame lies; None where nothing is known of it."""
        return self.channels.get(channel) or (self.channels.get("color") if channel == PICTURE else None)

    def rule(self, name: str) -> PassRule | None:
        """What a pass of light is; None for the picture, and what holds no light or nothing is known of."""
        if found := next((rule for rule in self.light if rule.matches(name)), None):
            return found
        known = {path for source in self.channels.values() for path, _ in source.alternatives}
        if not self.dark or name in known or _matches(name, self.dark):
            return None
        return PassRule(Role.AOV, (name,))

    def wrote(self, header: Mapping[str, Any]) -> bool:
        """Whether a header's attributes say that this renderer wrote the file."""
        return any(
            fnmatchcase(name.lower(), key.lower()) and re.search(pattern, str(value), re.IGNORECASE)
            for key, pattern in self.headers.items()
            for name, value in header.items()
        )


def wrong_dialect(dialect: Dialect) -> str | None:
    """What is wrong with one that a package brings, as the end of a sentence; None: nothing. What its functions raise comes
    through.
    """
    known = {COLOR, ALPHA_CHANNEL, VECTOR, *guide_names(), PICTURE}
    if odd := next((name for name in dialect.channels if name not in known), None):
        return f"no frame has the channel {odd!r} of its table"
    if not all(isinstance(source, Source) for source in dialect.channels.values()):
        return "its channels are not Sources all"
    if not all(isinstance(rule, PassRule) for rule in dialect.light):
        return "its light is not PassRules all"
    if not (dialect.marks or dialect.headers):
        return "it has neither marks nor headers, and would never be recognised"
    if not _are_texts(dialect.split("layer.pass"), 2) or not all(map(_are_alternatives, dialect.channels.values())):
        return "what its split or its alternatives give is not (layer, pass) or (pass, letters)"
    dialect.rule(dialect.name), dialect.wrote({"software": "none"})
    return None


def _are_texts(value: Any, count: int) -> bool:
    return isinstance(value, tuple) and len(value) == count and all(isinstance(text, str) for text in value)


def _are_alternatives(source: Source) -> bool:
    return all(isinstance(name, str) and _are_texts(letters, len(letters)) for name, letters in source.alternatives)

"""The passes of a layer → those that hold light, which of them are wanted, and where they lie."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..errors import N2NError, doubt
from ..renderers.dialect import Dialect, PassRule
from ..renderers.dialect import Role as Role
from ..renderers.index import PICTURE_PARTS, PassIndex, Place

ALL, LIGHT_GROUPS, LIGHT_PASSES, AOVS = "all", "light-groups", "light-passes", "aovs"
ROLES = {LIGHT_GROUPS: (Role.GROUP,), LIGHT_PASSES: (Role.LIGHT, Role.AGAIN), AOVS: (Role.AOV,), ALL: tuple(Role)}
CHANNEL = "pass/"  # begins the name of such a channel of a frame: no name of an AOV is taken for a guide
_COLORS = (("R", "G", "B"), ("r", "g", "b"), ("red", "green", "blue"))
_VALUES = ("X", "V", "Y", "Z", "R", "r", "x")
# What names of passes say that hold no light: they are left without a word.
_DATA = re.compile(
    r"crypto|albedo|normal|filter|depth|position|motion|velocity|vector|matte|mask|denois|noise|noisy|noice|variance|mse|"
    r"opacity|alpha|coverage|occlusion|color$|(^|[_ ])ids?(?![a-z])|(?-i:[a-z]I[Dd](?![a-z]))|"
    r"^(p|pref|pworld|n|ng|ns|uvs?|ao|z|st)$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class LightPass:
    """One pass of light of a layer.

    Attributes:
        name: In the file, without the layer.
        places: Where its colour lies that is shown, or its only number.
        noisy: Where what there is to denoise lies: elsewhere in files that the renderer denoised itself.
        color: The pass that it was divided by; None: it is as it is in the picture.
        smooth: See `PassRule`.
    """

    name: str
    role: Role
    places: tuple[Place, ...]
    noisy: tuple[Place, ...]
    color: "LightPass | None" = None
    smooth: bool = False

    @property
    def channel(self) -> str:
        """Of a frame that holds it."""
        return f"{CHANNEL}{self.name}"


def parse_passes(text: str | None) -> tuple[str, ...]:
    """ "light-groups,Emission" → ("light-groups", "Emission"). Raises N2NError where a name is empty."""
    names = tuple(name.strip() for name in text.split(",")) if text is not None else ()
    if "" in names:
        raise N2NError(
            f"cannot read the passes {text!r}", f"Write them like --passes {LIGHT_GROUPS},Emission, or --passes all."
        )
    return names


def find_light(index: PassIndex, dialect: Dialect, layer: str) -> list[LightPass]:
    """All passes of light of a layer, in file order."""
    own = {name: parts for (here, name), parts in index.passes.items() if here == layer}
    found: dict[str, tuple[PassRule, LightPass]] = {}
    for name, parts in own.items():
        rule = dialect.rule(name)
        places = plain_places(parts) if rule else None
        if rule is None or places is None:
            continue
        color = next((other for other in rule.color if other in own), None)
        color_places = plain_places(own[color]) if color else None
        before = plain_places(own.get(f"{dialect.noisy}{name}", ())) if dialect.noisy else None
        divided = LightPass(color, Role.OTHER, color_places, color_places) if color and color_places else None
        if rule.color and divided is None:
            continue  # without its colour nobody can tell how much light it is
        found[name] = rule, LightPass(name, rule.role, places, before or places, divided, rule.smooth)
    return [replace(one, role=rule.among(found)) for rule, one in found.values()]


def colorless(index: PassIndex, dialect: Dialect, layer: str) -> dict[str, str]:
    """Passes of a layer that the renderer divides by a colour which the layer lacks → the name of that colour."""
    own = {name for here, name in index.passes if here == layer}
    rules = {name: dialect.rule(name) for name in sorted(own)}
    return {name: rule.color[0] for name, rule in rules.items() if rule and rule.color and not own & set(rule.color)}


def unknown_colors(index: PassIndex, dialect: Dialect, layer: str) -> list[str]:
    """Passes of a layer that hold a colour and may be light, though no table knows them; in file order."""
    known = {"", *(name for source in dialect.channels.values() for name, _ in source.alternatives)}
    known |= {color for rule in dialect.light for color in rule.color}
    return [
        name
        for (here, name), parts in index.passes.items()
        if here == layer and name not in known and not dialect.rule(name) and _is_color(parts) and not _is_data(name)
    ]


def choose_light(
    found: Sequence[LightPass], wanted: Sequence[str], where: str, elsewhere: Sequence[LightPass] = ()
) -> list[LightPass]:
    """Those that are wanted: kinds of ROLES, or names of passes; a light group may go by its own name.

    Args:
        elsewhere: Passes of other layers of the file: a name that one of them bears need not be here.

    Raises N2NError for a name that is not there; a kind may have none.
    """
    chosen: dict[str, LightPass] = {}
    for text in _whole([*found, *elsewhere], wanted):
        if text in ROLES:
            chosen |= {one.name: one for one in found if one.role in ROLES[text]}
        elif (named := _named(found, text)) is not None:
            chosen[named.name] = named
        elif _named(elsewhere, text) is None:
            held = ", ".join(one.name for one in found) or "none"
            raise N2NError(f"{where}: has no pass of light {text!r}", f"It has: {held}. Or pass --passes all.")
        else:
            doubt(f"the pass of light {text!r} is not in every view layer")
    return [one for one in found if one.name in chosen]


def missing_light(found: Sequence[LightPass], wanted: Sequence[str]) -> list[str]:
    """The wanted names that no pass bears, in pieces where they hold commas; and the kinds that no pass is of."""
    return [
        text
        for text in _whole(found, wanted)
        if (not any(one.role in ROLES[text] for one in found) if text in ROLES else _named(found, text) is None)
    ]


def _named(found: Sequence[LightPass], text: str) -> LightPass | None:
    plain = _close_commas(text)
    return next((one for name in (_full, _short) for one in found if plain == _close_commas(name(one))), None)


def _whole(found: Sequence[LightPass], wanted: Sequence[str]) -> list[str]:
    """Wanted names, those with commas put together again: a list of names on the command line is divided there too."""
    names, at = [], 0
    while at < len(wanted):
        ends = (end for end in range(len(wanted), at + 1, -1) if _named(found, ",".join(wanted[at:end])))
        end = next(ends, at + 1)
        names.append(",".join(wanted[at:end]))
        at = end
    return names


def _close_commas(name: str) -> str:
    return re.sub(r"\s*,\s*", ",", name)


def same_light(light: Sequence[LightPass], other: Sequence[LightPass], where: str) -> list[LightPass]:
    """The passes of another render of the frame that are called the same. Raises N2NError where one is missing there."""
    named = {one.name: one for one in other}
    if missing := [one.name for one in light if one.name not in named]:
        raise N2NError(f"{where}: has no pass {missing[0]}, which the other render has", "Render both with the same passes.")
    return [named[one.name] for one in light]


def _full(one: LightPass) -> str:
    return one.name


def _short(one: LightPass) -> str:
    return one.name.partition("_")[2] if one.role is Role.GROUP else one.name


def _is_data(name: str) -> bool:
    """Whether a name says that a pass holds no light, or the picture as a whole."""
    return name.lower() in PICTURE_PARTS or _DATA.search(name) is not None


def _is_color(parts: Sequence[Mapping[str, Place]]) -> bool:
    found = plain_places(parts)
    return found is not None and len(found) == len(_COLORS[0])


def plain_places(parts: Sequence[Mapping[str, Place]]) -> tuple[Place, ...] | None:
    """Of a colour in one part, or of a single number."""
    for places in parts:
        for letters in _COLORS:
            if all(letter in places for letter in letters):
                return tuple(places[letter] for letter in letters)
        if len(places) == 1 and next(iter(places)) in _VALUES:
            return (next(iter(places.values())),)
    return None

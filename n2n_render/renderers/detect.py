"""The names and headers of a file → the dialect that fits them best."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .. import plugins
from ..frame.channels import COLOR
from .arnold import ARNOLD
from .cycles import CYCLES
from .dialect import Dialect, wrong_dialect
from .index import ChannelName, PassIndex, Place
from .karma import KARMA
from .mitsuba import MITSUBA
from .octane import OCTANE
from .pbrt import PBRT
from .plain import PLAIN
from .renderman import RENDERMAN
from .separate import LUXCORE, MOONRAY, REDSHIFT
from .unreal import UNREAL
from .vray import CORONA, VRAY

# The first of those that fit a file equally well is taken; those of packages come after these and before PLAIN.
DIALECTS = (
    CYCLES,
    ARNOLD,
    RENDERMAN,
    VRAY,
    CORONA,
    KARMA,
    MITSUBA,
    PBRT,
    OCTANE,
    UNREAL,
    LUXCORE,
    MOONRAY,
    REDSHIFT,
    PLAIN,
)


BROUGHT = plugins.Table(plugins.RENDERERS, "renderer", Dialect, tuple(dialect.name for dialect in DIALECTS), wrong_dialect)


@dataclass(frozen=True)
class Detected:
    """rivals: names of other dialects that fit as well, and would take other channels."""

    dialect: Dialect
    rivals: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Fit:
    """How well a dialect fits: what the header says counts most, then names that nobody else uses, then guides."""

    dialect: Dialect
    by_header: bool
    marked: bool
    places: dict[str, list[Place]]  # of the first layer that has what is wanted

    @property
    def rank(self) -> tuple[bool, bool, int]:
        return self.by_header, self.marked, sum(name in self.places for name in ("albedo", "normal"))


def detect(headers: Sequence[Mapping[str, Any]], channels: Sequence[ChannelName], wanted: str = COLOR) -> Detected | None:
    """Whose names the channels bear; None where no dialect finds what is wanted, by its name in frame/channels.py.

    A file whose header names its renderer is that one's if what is wanted is where that one puts it.
    """
    fits = [fit for dialect in _dialects() if (fit := _fit(dialect, headers, channels, wanted))]
    if not fits:
        return None
    best = max(fits, key=lambda fit: fit.rank)  # the first of equals
    rivals = [fit.dialect.name for fit in fits if fit is not best and fit.rank == best.rank and _differ(best, fit)]
    return Detected(best.dialect, tuple(rivals))


def _dialects() -> tuple[Dialect, ...]:
    *ours, plain = DIALECTS
    return (*ours, *BROUGHT.rows().values(), plain)


def _fit(dialect: Dialect, headers: Sequence[Mapping[str, Any]], channels: Sequence[ChannelName], wanted: str) -> _Fit | None:
    by_header = any(dialect.wrote(header) for header in headers)
    marked = not {dialect.split(path)[1] for path in {one.path for one in channels}}.isdisjoint(dialect.marks)
    if not (by_header or marked or dialect is PLAIN):
        return None
    index = PassIndex(channels, dialect)
    layer = next((layer for layer in index.layers if index.find(layer, dialect.source(wanted))), None)
    if layer is None:
        return None
    places = {name: found[1] for name, source in dialect.channels.items() if (found := index.find(layer, source))}
    return _Fit(dialect, by_header, marked, places)


def _differ(one: _Fit, other: _Fit) -> bool:
    """Whether a choice between the two changes what is read as colour, albedo or normal."""
    return any(one.places.get(name) != other.places.get(name) for name in ("color", "albedo", "normal"))

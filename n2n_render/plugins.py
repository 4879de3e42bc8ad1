"""What other packages bring (channels, renderers, noise, engines), by Python's entry points.

Nothing is looked for until a table is asked for what is not its own, and nothing of a package is imported until then. A plug-in
that cannot be used is one doubt, and the work goes on without it.
"""

import contextlib
import functools
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from .errors import doubt

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

Row = TypeVar("Row")
CHANNELS, RENDERERS, NOISE, ENGINES = (f"n2n_render.{table}" for table in ("channels", "renderers", "noise", "engines"))
_LOADING = threading.RLock()  # a renderer's row asks for the channels
GROUPS = (CHANNELS, RENDERERS, NOISE, ENGINES)


@dataclass(frozen=True)
class Plugin:
    """One entry point: `name = place` in a group. package: who brings it, without the version."""

    name: str
    place: str
    package: str
    version: str
    load: Callable[[], Any]

    def __str__(self) -> str:
        return f"{self.package} {self.version}".strip()


@functools.cache
def installed() -> Mapping[str, tuple[Plugin, ...]]:
    """Group → what is installed for it, in the order of the packages' names. The one place that looks through all packages."""
    import importlib.metadata  # 40 ms, which --help does without

    try:
        found = importlib.metadata.entry_points()
        return {
            group: tuple(sorted((_read(entry) for entry in found.select(group=group)), key=lambda one: (one.package, one.name)))
            for group in GROUPS
        }
    except Exception as error:  # a damaged package raises anything
        doubt(f"the installed packages cannot be searched for plug-ins: {_why(error)}")
        return dict.fromkeys(GROUPS, ())


def _read(entry: "EntryPoint") -> Plugin:
    """Where a package's description is lost, which is no reason to lose the others, its module stands for it."""
    package, version = None, None
    with contextlib.suppress(Exception):
        package, version = entry.dist.name, entry.dist.version  # type: ignore[union-attr]
    return Plugin(entry.name, entry.value, package or entry.value.partition(":")[0], version or "", entry.load)


def names(group: str) -> tuple[str, ...]:
    """What packages bring for a group, usable or not. None of them is imported."""
    return tuple(dict.fromkeys(plugin.name for plugin in installed()[group]))


def package_of(group: str, name: str) -> str | None:
    """The package that brings it, as `pip install` calls it; None where none does."""
    return next((plugin.package for plugin in installed()[group] if plugin.name == name), None)


@dataclass(frozen=True)
class Named:
    """A limit of a field, see schema.py: one of our own names, or one that a package brings."""

    ours: tuple[str, ...]
    group: str

    def holds(self, value: Any) -> bool:
        return value in self.ours or (isinstance(value, str) and value in names(self.group))

    @property
    def all(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.ours, *names(self.group))))

    def __str__(self) -> str:
        return f"one of {', '.join(self.all)}"


@dataclass(frozen=True, eq=False)
class Table(Generic[Row]):
    """What a table of ours takes from packages.

    Attributes:
        group: Of the entry points.
        word: What a row is, in a sentence.
        kind: The class of a row. It has a `name`, which is that of the entry point.
        ours: Names that are taken.
        wrong: What is wrong with a row that a package brings, as the end of a sentence; None: nothing. It may raise.
    """

    group: str
    word: str
    kind: type[Row]
    ours: Collection[str]
    wrong: Callable[[Row], str | None]

    def rows(self) -> Mapping[str, Row]:
        """Name → row, of all packages, in the order of their names; those that cannot be used are told of once."""
        with _LOADING:
            return _rows(self)

    def _problem(self, plugin: Plugin, row: Any) -> str | None:
        if not isinstance(row, self.kind):
            return f"it is a {type(row).__name__}, but must be a {self.kind.__name__}"
        name = getattr(row, "name", None)
        return f"it calls itself {name!r}" if name != plugin.name else self.wrong(row)


@functools.cache
def _rows(table: Table[Any]) -> Mapping[str, Any]:
    rows: dict[str, Any] = {}
    taken = dict.fromkeys(table.ours, "n2n-render")
    for plugin in installed()[table.group]:
        problem, row = f"{taken.get(plugin.name)} has one of that name", None
        if plugin.name not in taken:
            try:
                row = plugin.load()
                problem = table._problem(plugin, row) or ""
            except KeyboardInterrupt:  # the user's
                raise
            except BaseException as error:  # a stranger's code raises anything: of Rust a panic, which is no Exception
                problem = _why(error)
        if problem:
            doubt(f"{plugin}: its {table.word} {plugin.name!r} ({plugin.place}) is left out: {problem}")
        else:
            rows[plugin.name], taken[plugin.name] = row, str(plugin)
    return rows


def forget() -> None:
    """Looks anew when it is asked again: for whoever installs packages into a running process."""
    installed.cache_clear()
    _rows.cache_clear()


def _why(error: BaseException) -> str:
    """An error of a stranger's code in one line."""
    first = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__

"""What the fields of a dataclass may hold, said by their types: checked where it is made, by Python, click or a file.

levels: Annotated[int, Range(1, 7)] = 5
"""

import dataclasses
import functools
import math
import os
import types
import typing
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from .errors import N2NError

Kind = TypeVar("Kind")
SHOWN_LENGTH = 60  # of a wrong text, in its message


@dataclass(frozen=True)
class Range:
    """Numbers from `least` to `most`. above: the least one itself is not among them."""

    least: float
    most: float = math.inf
    above: bool = False

    def holds(self, value: Any) -> bool:
        return self.least <= value <= self.most and not (self.above and value == self.least)

    def __str__(self) -> str:
        if self.most == math.inf:
            return f"{'more than' if self.above else 'at least'} {_number(self.least)}"
        most = _number(self.most)
        return f"{'above' if self.above else 'from'} {_number(self.least)} {'and at most' if self.above else 'to'} {most}"


def _number(value: float) -> str:
    """All digits of whole numbers: 1.04857e+06 is not the last frame."""
    return str(value) if isinstance(value, int) else f"{value:g}"


@dataclass(frozen=True)
class OneOf:
    """One of these values."""

    choices: Collection[Any]

    def holds(self, value: Any) -> bool:
        return value in self.choices

    def __str__(self) -> str:
        return f"one of {', '.join(map(str, self.choices))}"


@dataclass(frozen=True)
class Real:
    """Any number, infinity too; nan: and what is none."""

    nan: bool = False

    def holds(self, value: Any) -> bool:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and (self.nan or value == value)

    def __str__(self) -> str:
        return "a number"


class Checked:
    """A dataclass that refuses what its fields' types do not allow. Lists become tuples, paths texts."""

    def __post_init__(self) -> None:
        kind: Any = type(self)
        for name, wanted in _hints(kind).items():
            object.__setattr__(self, name, _plain(getattr(self, name)))
            wrong = problem(getattr(self, name), wanted, name)
            if wrong:
                raise N2NError(wrong, f"It is a setting of {type(self).__name__}.")
        wrong = self.contradiction()
        if wrong:
            raise N2NError(wrong, f"They are settings of {type(self).__name__}.")

    def contradiction(self) -> str | None:
        """What is wrong with the fields together; each by itself is as its type says."""
        return None


def from_dict(kind: type[Kind], values: Any, where: str = "", hint: str = "") -> Kind:
    """A dictionary → the dataclass `kind`; lists become tuples, dictionaries the options inside. `where`: the file it is from.

    Raises N2NError for unknown, missing and wrong fields.
    """
    try:
        if not isinstance(values, dict):
            raise N2NError(f"the settings are {shown(values)}, not names with values")
        fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
        hints = field_types(kind)
        unknown = [name for name in values if not isinstance(name, str) or name not in fields]
        if unknown:
            raise N2NError(f"unknown setting {shown(unknown[0])}", f"Known ones: {', '.join(sorted(fields))}.")
        missing = [
            name
            for name, field in fields.items()
            if name not in values and field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        ]
        if missing:
            raise N2NError(f"the setting {missing[0]} is missing")
        return kind(**{name: _nested(hints[name], value, name) for name, value in values.items()})
    except N2NError as error:
        raise N2NError(f"{where}: {error.what}" if where else error.what, hint or error.hint) from None


def _nested(wanted: Any, value: Any, name: str) -> Any:
    """A field's value, read as `from_dict` does where it is settings of its own."""
    if isinstance(value, dict) and isinstance(wanted, type) and issubclass(wanted, Checked):
        return from_dict(wanted, value, name)
    return value


def field_types(kind: Any) -> dict[str, object]:
    """What each field of a dataclass may hold, by its name: for `check_items`."""
    return {field.name: _hints(kind)[field.name] for field in dataclasses.fields(kind)}


def check_items(values: Any, wanted: Mapping[str, Any], where: str, hint: str, required: Collection[str] = ()) -> None:
    """Raises N2NError unless `values` is a dictionary whose items are as `wanted` says; others may be there."""
    if not isinstance(values, dict):
        raise N2NError(f"{where} is {shown(values)}, not names with values", hint)
    wrong: list[str | None] = [f"{name} is missing" for name in required if name not in values]
    wrong += [problem(values[name], kind, name) for name, kind in wanted.items() if name in values]
    if any(wrong):
        raise N2NError(f"{where}: {next(filter(None, wrong))}", hint)


def problem(value: Any, wanted: Any, name: str) -> str | None:
    """What is wrong with `value` of the field `name`, given its type; None: nothing."""
    origin, arguments = typing.get_origin(wanted), typing.get_args(wanted)
    if origin is typing.Annotated:
        wrong = problem(value, arguments[0], name)
        limits = [limit for limit in arguments[1:] if not wrong and not limit.holds(value)]
        return wrong or (f"{name} is {shown(value)}, but must be {limits[0]}" if limits else None)
    if origin in (typing.Union, types.UnionType):
        wrongs = [problem(value, option, name) for option in arguments if option is not types.NoneType]
        return None if None in wrongs or (value is None and types.NoneType in arguments) else wrongs[-1]
    if origin in (tuple, list):
        return _list_problem(value, origin, arguments, name)
    if origin is dict or wanted is dict:
        return _dict_problem(value, arguments, name)
    return None if wanted is object or _is_plain(value, wanted) else f"{name} is {shown(value)}, but must be {_word(wanted)}"


def _dict_problem(value: Any, arguments: tuple[Any, ...], name: str) -> str | None:
    if not isinstance(value, dict):
        return f"{name} is {shown(value)}, but must be names with values"
    if not arguments:
        return None
    wrongs = (
        problem(key, arguments[0], f"a name in {name}") or problem(item, arguments[1], f"{name}[{shown(key)}]")
        for key, item in value.items()
    )
    return next((wrong for wrong in wrongs if wrong), None)


def _list_problem(value: Any, origin: Any, arguments: tuple[Any, ...], name: str) -> str | None:
    if not isinstance(value, (list, tuple)):
        return f"{name} is {shown(value)}, but must be a list"
    kinds = arguments if origin is tuple and arguments[-1] is not Ellipsis else [arguments[0]] * len(value)
    if len(kinds) != len(value):
        return f"{name} has {len(value)} values, but must have {len(kinds)}"
    wrongs = (problem(item, kind, f"{name}[{index}]") for index, (item, kind) in enumerate(zip(value, kinds, strict=True)))
    return next((wrong for wrong in wrongs if wrong), None)


_WORDS = {
    int: "a whole number",
    float: "a finite number",
    str: "a text",
    bool: "true or false",
    list: "a list",
    types.NoneType: "left out",
}


def _word(kind: Any) -> str:
    return _WORDS.get(kind) or f"a {kind.__name__}"


def _is_plain(value: Any, kind: Any) -> bool:
    """A whole number is a number too; true and false are neither."""
    if kind is float:
        try:
            return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        except OverflowError:
            return False
    if kind is list:
        return isinstance(value, (list, tuple))
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def shown(value: Any) -> str:
    """A short word for a wrong value, whatever it is."""
    if isinstance(value, str):
        return ascii(value if len(value) <= SHOWN_LENGTH else value[:SHOWN_LENGTH] + "…")
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**SHOWN_LENGTH:
        return "a huge number"
    return repr(value) if value is None or isinstance(value, (bool, int, float)) else f"a {type(value).__name__}"


def _plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return tuple(_plain(item) for item in value)
    return os.fspath(value) if isinstance(value, os.PathLike) else value


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind, include_extras=True)

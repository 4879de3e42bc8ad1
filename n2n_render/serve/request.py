"""A line of JSON → a request that is known to be whole: what `serve` may be asked, in one place.

Every kind of request is a frozen dataclass; each of its fields bears the rule that its value is checked by.
"""

import dataclasses
import json
import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ..errors import N2NError

LONGEST_LINE = 2**24  # bytes; a `check` of 50 000 files fits

Identity = str | int | float | None  # a request's id
Rule = Callable[[Any], Any]  # a value of JSON → what the field holds; raises _Wrong


class _Wrong(ValueError):
    """Says what the value should be."""


def _text(value: Any) -> str:
    """One that may name a file: it has a character that is no space, and the system can encode it."""
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise _Wrong("a text that is not empty")
    try:
        os.fsencode(value)
    except UnicodeError:
        raise _Wrong("a text that can be a file's name here") from None
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _Wrong("true or false")
    return value


def _weight(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise _Wrong("a number from 0 to 1")
    return float(value)


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise _Wrong("a list of texts")
    return tuple(_text(item) for item in value)


def _names(value: Any) -> tuple[str, ...]:
    found = _texts(value)
    if not found or len(set(found)) < len(found):
        raise _Wrong("a list of at least one text, none of them twice")
    return found


def _engine(value: Any) -> str:
    names = ("auto", "torch", "oidn", "openvino")
    if not isinstance(value, str) or value not in names:
        raise _Wrong(f"one of {', '.join(names)}")
    return value


def _or_null(rule: Rule) -> Rule:
    def check(value: Any) -> Any:
        try:
            return None if value is None else rule(value)
        except _Wrong as wrong:
            raise _Wrong(f"{wrong}, or null") from None

    return check


def _field(rule: Rule, default: Any = dataclasses.MISSING) -> Any:
    return field(default=default, metadata={"rule": rule})


@dataclass(frozen=True)
class Describe:
    """What is there: engines, devices, the built-in models and those in `folders`."""

    folders: tuple[str, ...] = _field(_texts, ())


@dataclass(frozen=True)
class Check:
    """Whether all of `inputs` are there with every pass that `model` needs; "auto": with a picture."""

    model: str = _field(_text)
    inputs: tuple[str, ...] = _field(_texts)


@dataclass(frozen=True)
class Denoise:
    """One file, every view layer of it or those that `layers` names. model "auto": the built-in one that fits the file."""

    model: str = _field(_text)
    input: str = _field(_text)
    output: str | None = _field(_or_null(_text), None)
    pictures: str | None = _field(_or_null(_text), None)
    device: str = _field(_text, "auto")
    engine: str = _field(_engine, "auto")
    prefilter: bool | None = _field(_or_null(_flag), None)
    strength: float = _field(_weight, 1.0)
    keep_noisy: bool = _field(_flag, False)
    layers: tuple[str, ...] | None = _field(_or_null(_names), None)


@dataclass(frozen=True)
class Cancel:
    """Ends the requests of the same id that came before it."""


@dataclass(frozen=True)
class Quit:
    """Ends the process."""


Request = Describe | Check | Denoise | Cancel | Quit
KINDS: dict[str, type] = {kind.__name__.lower(): kind for kind in (Describe, Check, Denoise, Cancel, Quit)}


class BadRequest(N2NError):
    """`identity`: the request's id, as far as it could be read; else None."""

    def __init__(self, what: str, hint: str, identity: Identity = None):
        super().__init__(what, hint)
        self.identity = identity


def parse_request(line: bytes) -> tuple[Identity, Request]:
    """(id, request) of a line. Raises BadRequest with a sentence that names what is wrong with it."""
    try:
        values = json.loads(line.decode("utf-8-sig"), parse_constant=_refuse_constant, object_pairs_hook=_once)
    except RecursionError:
        raise BadRequest("a request is not JSON of one object (it is nested too deeply)", "Send one object a line.") from None
    except ValueError as error:
        raise BadRequest(f"a request is not JSON ({error})", "Send one JSON object a line, in UTF-8.") from None
    if not isinstance(values, dict):
        raise BadRequest("a request is not a JSON object", "Send one object with `id` and `do` a line.")
    identity = _identity(values.pop("id", None))
    try:
        return identity, _request(identity, values)
    except N2NError as error:
        raise BadRequest(error.what, error.hint, identity) from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    twice = next((name for name in names if names.count(name) > 1), None) if len(set(names)) < len(names) else None
    if twice is not None:
        raise ValueError(f"{twice!r} is there twice")
    return dict(pairs)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number of JSON")


def _identity(value: Any) -> Identity:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return value
    raise BadRequest("the id of a request is neither a text nor a number", "Send an id that answers can be told apart by.")


def _request(identity: Identity, values: dict[str, Any]) -> Request:
    do = values.pop("do", None)
    kind = KINDS.get(do) if isinstance(do, str) else None
    if kind is None:
        raise N2NError(f"unknown request {_shown(do)}", f"Known ones are {', '.join(KINDS)}.")
    if kind is Cancel and identity is None:
        raise N2NError("cancel: the id of the request to cancel is missing", "Send its id.")
    fields = {one.name: one for one in dataclasses.fields(kind)}
    unknown = [name for name in values if name not in fields]
    if unknown:
        raise N2NError(
            f"{do}: there is no field {', '.join(map(_shown, unknown))}", f"Its fields are {', '.join(('id', 'do', *fields))}."
        )
    missing = [name for name, one in fields.items() if one.default is dataclasses.MISSING and name not in values]
    if missing:
        raise N2NError(f"{do}: {' and '.join(missing)} missing", f"Its fields are {', '.join(('id', 'do', *fields))}.")
    checked = {}
    for name, value in values.items():
        try:
            checked[name] = fields[name].metadata["rule"](value)
        except _Wrong as wrong:
            raise N2NError(f"{do}: {name} is {_shown(value)}", f"It must be {wrong}.") from None
    request: Request = kind(**checked)
    return request


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def check_places(request: Denoise) -> None:
    """Raises N2NError where what is written would replace what is read, by whatever spelling or link: when work begins."""
    for name in ("input", "model"):
        if request.output and is_same_file(request.output, getattr(request, name)):
            lost = "the noisy original" if name == "input" else "it"
            raise N2NError(f"denoise: output {request.output} is the {name}; {lost} would be lost", "Name another output.")
    if request.output and os.path.isdir(request.model) and is_same_file(os.path.dirname(request.output) or ".", request.model):
        raise N2NError(f"denoise: output {request.output} is in the model's own folder", "Name a file elsewhere.")
    if request.output and not request.output.lower().endswith(".exr"):
        raise N2NError(f"denoise: output {request.output} is no .exr, and EXR is what is written", "Name a .exr file.")
    if request.output and os.path.isdir(request.output):
        raise N2NError(f"denoise: output {request.output} is a folder", "Name a file.")
    if request.pictures and os.path.lexists(request.pictures) and not os.path.isdir(request.pictures):
        raise N2NError(f"denoise: pictures {request.pictures} is not a folder", "Name a folder.")


def is_same_file(one: str | os.PathLike[str], other: str | os.PathLike[str]) -> bool:
    """Whether both names lead to one file: through links and hard links, and also where it is not there yet."""
    try:
        return os.path.samefile(one, other)
    except (OSError, ValueError):
        return os.path.normcase(os.path.realpath(one)) == os.path.normcase(os.path.realpath(other))

"""A line of JSON → a request that is known to be whole: what `serve` may be asked, in one place.

Every kind of request is a frozen dataclass; each of its fields bears the rule that its value is checked by.
"""

import dataclasses
import json
import math
from dataclasses import dataclass, field
from typing import Any, get_args

from ..config import ENGINES, RENDERED_PASSES
from ..errors import N2NError
from . import rules
from .rules import Rule, Wrong

LONGEST_LINE = 2**24  # bytes; a `check` of 50 000 files fits
FARTHEST = 8  # frames before and after each one
MOST_STEPS = 10**12
MOST_SAMPLES, MOST_VIEWS = 2**24, 1000  # a pixel, as Cycles takes; around a camera

Identity = str | int | float | None  # a request's id


def _field(rule: Rule, default: Any = dataclasses.MISSING) -> Any:
    return field(default=default, metadata={"rule": rule})


def _engine() -> Any:
    return _field(rules.named(ENGINES), "auto")


@dataclass(frozen=True)
class Describe:
    """What is there: engines, devices, the built-in models and those in `folders`; what training would run on, if asked."""

    folders: tuple[str, ...] = _field(rules.texts, ())
    training: bool = _field(rules.flag, False)


@dataclass(frozen=True)
class Check:
    """Whether all of `inputs` are there with every pass that `model` needs; "auto": with a picture."""

    model: str = _field(rules.text)
    inputs: tuple[str, ...] = _field(rules.texts)


@dataclass(frozen=True)
class Denoise:
    """One file, every view layer of it or those that `layers` names. model "auto": the built-in one that fits the file."""

    model: str = _field(rules.text)
    input: str = _field(rules.text)
    output: str | None = _field(rules.or_null(rules.text), None)
    pictures: str | None = _field(rules.or_null(rules.text), None)
    device: str = _field(rules.text, "auto")
    engine: str = _engine()
    prefilter: bool | None = _field(rules.or_null(rules.flag), None)
    strength: float = _field(rules.weight, 1.0)
    strengths: tuple[tuple[str, float], ...] = _field(rules.weights, ())  # of what masks name, as `denoise --strength`
    keep_noisy: bool = _field(rules.flag, False)
    passes: tuple[str, ...] = _field(rules.texts, ())  # of light: "all", … as `denoise --passes`
    layers: tuple[str, ...] | None = _field(rules.or_null(rules.names), None)
    average: int = _field(rules.one_of(1, 2, 4, 8), 1)


@dataclass(frozen=True)
class Frames:
    """Many files, or the frames of an animation with their neighbours, into a folder: the command `denoise`."""

    inputs: tuple[str, ...] = _field(rules.names)
    output: str = _field(rules.text)
    model: str = _field(rules.text)
    pairs: tuple[str, ...] = _field(rules.texts, ())
    temporal: int | None = _field(rules.or_null(rules.whole(0, FARTHEST)), None)
    device: str = _field(rules.text, "auto")
    engine: str = _engine()
    prefilter: bool | None = _field(rules.or_null(rules.flag), None)
    strength: float = _field(rules.weight, 1.0)
    strengths: tuple[tuple[str, float], ...] = _field(rules.weights, ())  # of what masks name, as `denoise --strength`
    keep_noisy: bool = _field(rules.flag, False)
    passes: tuple[str, ...] = _field(rules.texts, ())  # of light: "all", … as `denoise --passes`


@dataclass(frozen=True)
class Adapt:
    """Two renders of each frame of a shot → a model for it, and its frames denoised, into a folder: the command `adapt`."""

    inputs: tuple[str, ...] = _field(rules.names)
    output: str = _field(rules.text)
    pairs: tuple[str, ...] = _field(rules.texts, ())
    learn_from: tuple[str, ...] = _field(rules.texts, ())
    temporal: int = _field(rules.whole(0, FARTHEST), 0)
    minutes: float | None = _field(rules.or_null(rules.length), None)
    steps: int | None = _field(rules.or_null(rules.whole(1, MOST_STEPS)), None)
    init: str = _field(rules.text, "oidn-large")
    device: str = _field(rules.text, "auto")
    strength: float = _field(rules.weight, 1.0)
    strengths: tuple[tuple[str, float], ...] = _field(rules.weights, ())  # of what masks name, as `denoise --strength`
    keep_noisy: bool = _field(rules.flag, False)
    passes: tuple[str, ...] = _field(rules.texts, ())  # of light: "all", … as `denoise --passes`
    archive: str | None = _field(rules.or_null(rules.text), None)


@dataclass(frozen=True)
class Sample:
    """A .blend file → noisy pairs of views around its camera, in a folder, rendered by a Blender of its own: `sample`."""

    scene: str = _field(rules.text)
    out: str = _field(rules.text)
    spp: int = _field(rules.whole(1, MOST_SAMPLES))
    views: int = _field(rules.whole(1, MOST_VIEWS), 1)
    scene_name: str | None = _field(rules.or_null(rules.text), None)
    passes: str = _field(rules.one_of(*RENDERED_PASSES), "none")  # of light: as `sample --passes`
    blender: str | None = _field(rules.or_null(rules.text), None)
    device: str = _field(rules.text, "auto")


@dataclass(frozen=True)
class Vectors:
    """The Vector pass of one file, into others."""

    source: str = _field(rules.text)
    into: tuple[str, ...] = _field(rules.names)


@dataclass(frozen=True)
class Pictures:
    """A denoised file, and the one that was rendered → pictures of each view layer."""

    input: str = _field(rules.text)
    rendered: str = _field(rules.text)
    folder: str = _field(rules.text)


@dataclass(frozen=True)
class Masks:
    """What strengths can be given for in a file: names of its Cryptomattes, and passes."""

    input: str = _field(rules.text)


@dataclass(frozen=True)
class Cancel:
    """Ends the requests of the same id that came before it."""


@dataclass(frozen=True)
class Quit:
    """Ends the process."""


Request = Describe | Check | Denoise | Frames | Adapt | Sample | Vectors | Pictures | Masks | Cancel | Quit
KINDS: dict[str, type] = {kind.__name__.lower(): kind for kind in get_args(Request)}


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
        except Wrong as wrong:
            raise N2NError(f"{do}: {name} is {_shown(value)}", f"It must be {wrong}.") from None
    request: Request = kind(**checked)
    return request


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:77]}..."

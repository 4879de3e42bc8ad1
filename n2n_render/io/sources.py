"""What the user said about where a frame's channels lie: `--channels beauty=RGBA,…` and `--albedo FILE …`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import N2NError
from ..frame.channels import Kind, brought_guides, channel_of
from ..renderers.dialect import ALPHA, DEPTH, RGB, XYZ, letters_of
from ..renderers.index import ChannelName, Place
from ..schema import Checked

# What users call the channels → what a frame does.
KEYS = {
    "beauty": "color",
    "alpha": "alpha",
    "albedo": "albedo",
    "normal": "normal",
    "depth": "depth",
    "motion": "vector",
    "variance": "variance",
}
EXAMPLE = "Write it like --channels beauty=RGBA,albedo=diffuse_albedo,normal=N (passes), or normal=N.X,N.Y,N.Z (channels)."
_LETTERS = {
    Kind.DIRECTION: (*XYZ, *RGB),
    Kind.DISTANCE: (*DEPTH, ("T",), ("V",)),
    Kind.COVERAGE: (*ALPHA, *DEPTH),
    Kind.MOTION: (("X", "Y", "Z", "W"), ("R", "G", "B", "A")),
}


@dataclass(frozen=True)
class Sources:
    """What overrules detection, for all files of a run.

    channels: a frame's channel → names of passes or channels. files: a file → a frame's channel → the file that holds it.
    """

    channels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    files: Mapping[Path, Mapping[str, Path]] = field(default_factory=dict)

    def beside(self, path: Path) -> Mapping[str, Path]:
        """A frame's channel → the other file that holds it."""
        return self.files.get(path, {})

    def all_files(self, paths: Iterable[Path]) -> list[Path]:
        """The files themselves, and those beside each."""
        return [file for path in paths for file in (path, *self.beside(path).values())]

    def keys(self, paths: Iterable[Path]) -> list[str]:
        """What the frame of these files depends on, besides what the files hold: which channel is taken from where."""
        named = [f"{channel}={','.join(names)}" for channel, names in self.channels.items()]
        return [
            *sorted(named),
            *(f"{channel}={file.resolve()}" for path in paths for channel, file in self.beside(path).items()),
        ]


DETECT = Sources()


def parse_channels(text: str | None) -> dict[str, tuple[str, ...]]:
    """ "beauty=RGBA,normal=N.X,N.Y,N.Z" → {"color": ("RGBA",), "normal": ("N.X", "N.Y", "N.Z")}.

    Raises N2NError for what cannot be read, and for an unknown or repeated key.
    """
    found: dict[str, tuple[str, ...]] = {}
    last = None
    for token in text.split(",") if text else ():
        key, equals, value = token.partition("=")
        name = (value if equals else key).strip()
        if equals:
            last = _channel_by(key.strip())
            if last in found:
                raise N2NError(f"--channels: {key.strip()} is there twice", EXAMPLE)
        if last is None or not name:
            raise N2NError(f"cannot read the channels {text!r}", EXAMPLE)
        found[last] = (*found.get(last, ()), name)
    return found


def _channel_by(key: str) -> str:
    """What users call a channel → what a frame does; a package's goes by its own name."""
    if key in KEYS:
        return KEYS[key]
    if key not in brought_guides():
        raise N2NError(f"--channels: there is no {key!r}", f"There are {', '.join((*KEYS, *brought_guides()))}. {EXAMPLE}")
    return key


@dataclass(frozen=True)
class SourceOptions(Checked):
    """Where the channels of the files lie, for what is not recognised, or not to be.

    A pass of its own file: one text (file, folder or pattern) for all renders of a frame, or one for each.
    """

    channels: str | None = None  # beauty=RGBA,albedo=diffuse_albedo,normal=N.X,N.Y,N.Z
    albedo: tuple[str, ...] = ()
    normal: tuple[str, ...] = ()
    depth: tuple[str, ...] = ()
    motion: tuple[str, ...] = ()

    @property
    def passes(self) -> dict[str, tuple[str, ...]]:
        """Key → what was passed, of those that lie in files of their own."""
        given = {"albedo": self.albedo, "normal": self.normal, "depth": self.depth, "motion": self.motion}
        return {key: texts for key, texts in given.items() if texts}

    def contradiction(self) -> str | None:
        named = parse_channels(self.channels)
        twice = next((key for key in self.passes if KEYS[key] in named), None)
        return f"channels and a file both say where {twice} is" if twice else None


RECOGNISED = SourceOptions()


def resolve(channel: str, names: tuple[str, ...], channels: Sequence[ChannelName]) -> list[Place] | None:
    """Where the channels are that `names` mean for one channel of a frame: a pass, or as many channels; None where nowhere."""
    full = {".".join(text for text in (one.path, one.letter) if text): one.place for one in reversed(channels)}
    count = channel_of(channel).count
    if len(names) == count and all(name in full for name in names):
        return [full[name] for name in names]
    if len(names) != 1:
        return None
    alternatives = [(names[0], letters) for letters in _letters(channel)]
    if names[0] in ("RGBA", "RGB"):  # how the picture without a pass is written
        alternatives += [("", letters) for letters in (ALPHA if channel == "alpha" else RGB)]
    places = {(one.path, one.letter): one.place for one in reversed(channels)}
    for path, letters in alternatives:
        if len(letters) == count and all((path, letter) in places for letter in letters):
            return [places[path, letter] for letter in letters]
    return None


def _letters(channel: str) -> tuple[tuple[str, ...], ...]:
    known = channel_of(channel)
    return letters_of(known.kind, known.count) if channel in brought_guides() else _LETTERS.get(known.kind, RGB)


def key_of(channel: str) -> str:
    """What users call a channel of a frame."""
    return next((key for key, name in KEYS.items() if name == channel), channel)


def listing(names: Iterable[str], most: int = 40) -> str:
    """Channel names as a sentence shows them: those of one pass together."""
    passes: dict[str, list[str]] = {}
    for name in names:
        path, _, letter = name.rpartition(".")
        passes.setdefault(path, []).append(letter)
    shown = [
        letter if not path else f"{path}.{letter}" for path, letters in passes.items() for letter in [_together(path, letters)]
    ]
    return ", ".join(shown[:most]) + (f" and {len(shown) - most} more" if len(shown) > most else "")


def _together(path: str, letters: list[str]) -> str:
    return ", ".join(letters) if not path else letters[0] if len(letters) == 1 else f"({','.join(letters)})"

"""Where a model's weights come from: what `train`, `adapt` and `online` write into a checkpoint, and what is read of it."""

import dataclasses
from dataclasses import dataclass, field
from typing import Annotated, Any

from ..config import Fraction, Reach, Steps, Times, TrainPrecision
from ..errors import N2NError
from ..schema import Checked, Range, check_items, field_types

Seconds = Annotated[float, Range(0)]
Facts = dict[str, str | int | float]  # of a dataset: name, sha256, scene, spp, frames
# Field → its name in checkpoints of format 1.
FORMER_NAMES = {"options": "config", "key": "adapt_key", "blend_weight": "share"}
LINE_LENGTH = 1000
SHOWN_GAIN_DB = 0.05  # less is rounded to nothing
TITLE = ("scene", "made", "gain_db")  # of the fields: what the description of an exported file tells too


@dataclass(frozen=True)
class Provenance(Checked):
    """Where the weights come from. None: nothing is known of it."""

    origin: str | None = None  # in words: of the weights that the training started from, or of these
    adapted_to: str | None = None  # in words: the frames
    scene: str | None = None  # its name, for people
    made: str | None = None  # the day, as 2026-11-26
    gain_db: float | None = None  # on the start, on held-out tiles, of the pictures that adapted weights are used for
    step: Steps | None = None  # optimiser steps
    seconds: Seconds | None = None  # of training
    stopped: str | None = None  # in words: why it ended before its time
    trained_on: tuple[str, ...] = ()  # names of frames, as `Pair.name`
    datasets: tuple[Facts, ...] | None = None
    options: dict[str, object] | None = None  # of the verb that wrote it
    precision: TrainPrecision | None = None  # of training
    processes: Times = 1  # that trained together, each with a batch of the options'
    key: str | None = None  # names all that adapted weights depend on
    blend_weight: Fraction | None = None  # of adapted weights: how much of their picture is used
    error_ratio: float | None = None  # squared error of an adapted picture, over what its halves differ by
    shared_error: float = 0.0  # of that, what both halves have in common
    checks: tuple[tuple[int, float, float], ...] | None = None  # step, change, uncertainty
    torch: str | None = None  # its version
    others: dict[object, object] = field(default_factory=dict)  # entries of other programs, which are carried along

    @classmethod
    def from_dict(cls, values: Any, where: str, hint: str, former: bool = False) -> "Provenance":
        """What a checkpoint holds → what the program uses of it.

        Args:
            values: Of the checkpoint, whatever it is.
            where: The place that messages name.
            hint: What to do about wrong values.
            former: The names are those of format 1.

        Raises:
            N2NError: For a wrong value.
        """
        wanted = {name: kind for name, kind in field_types(cls).items() if name != "others"}
        stored = {name: FORMER_NAMES.get(name, name) if former else name for name in wanted}
        check_items(values, {stored[name]: kind for name, kind in wanted.items()}, where, hint)
        options = values.get(stored["options"]) or {}
        check_items(options, {"temporal": Reach}, f"{where}: {stored['options']}", hint)
        for dataset in values.get("datasets") or ():
            check_items(dataset, {"name": str}, f"{where}: datasets", hint)
        fields = {name: values[place] for name, place in stored.items() if place in values}
        others = {name: value for name, value in values.items() if name not in stored.values()}
        return cls(**fields, others=others)

    def to_dict(self) -> dict[Any, Any]:
        """As a checkpoint holds it: what is known, and what other programs wrote."""
        values = {name: value for name, value in vars(self).items() if name != "others"}
        defaults = {entry.name: entry.default for entry in dataclasses.fields(self)}
        return dict(self.others) | {name: value for name, value in values.items() if value != defaults[name]}

    def require(self, names: tuple[str, ...], where: str, hint: str) -> None:
        """Raises N2NError where one of these fields is not known."""
        for name in names:
            if getattr(self, name) is None:
                raise N2NError(f"{where}: {name} is missing", hint)

    def describe(self) -> str:
        """Where the weights come from, in one line."""
        start = f"; started from {self.origin}" if self.origin else ""
        step = f", step {self.step}" if self.step is not None else ""
        if self.adapted_to is not None:
            return one_line(f"adapted to {self.adapted_to}{step}{start}")
        if self.datasets is None:
            return one_line(self.origin or "unknown")
        scenes = ", ".join(str(dataset.get("name", "a dataset")) for dataset in self.datasets)
        return one_line(f"trained on {scenes}{step}{start}")

    def title(self, name: str) -> str:
        """What people can tell it by in a list: scene, day and gain, as far as they are known. name: what stands for the scene
        where that is not known.
        """
        scenes = [str(dataset["scene"]).removesuffix(".blend") for dataset in self.datasets or () if dataset.get("scene")]
        parts = [self.scene or ", ".join(dict.fromkeys(scenes)) or name, self.made]
        if self.gain_db is not None:
            parts.append(f"{self.gain_db:+.1f} dB" if self.gain_db >= SHOWN_GAIN_DB else "no gain")
        return one_line(", ".join(filter(None, parts)))


def one_line(text: str) -> str:
    """Fit to be shown: a file may say anything."""
    text = "".join(character if character.isprintable() else "?" for character in text[: LINE_LENGTH + 1])
    return text if len(text) <= LINE_LENGTH else text[:LINE_LENGTH] + "…"

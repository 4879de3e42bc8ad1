"""Shares of an evaluation ⇄ one JSON file a view, which are put together where all are there.

A view's file has one writer, the share that compared it, and says what it was made with.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import N2NError
from ..frame.display import TONE_MAP
from ..io.atomic import read_json, write_text
from ..schema import check_items, shown
from .numbers import told, untold
from .options import EvaluateOptions
from .passes import ViewPasses
from .plan import Plan
from .scores import ViewScores

FOLDER = ".views"
FEW = 20  # names in a sentence
_KINDS = {
    "settings": dict,
    "files": list,
    "name": str,
    "held_out": bool,
    "reference_spp": int,
    "scores": dict[str, dict[str, float | None]],
    "change": dict[str, float | None] | None,
    "rungs": dict[str, float | None],
    "passes": dict | None,
    "shown": dict[str, str],
}
_REQUIRED = tuple(name for name in _KINDS if name != "shown")  # older shares, without it, had all pictures on T
_SCORES = dict[str, dict[str, float | None]]
_OF_PASSES = {"scores": dict[str, _SCORES], "lit": _SCORES, "sums": dict[str, _SCORES], "pictures": _SCORES}


@dataclass(frozen=True)
class Fragment:
    """What one view gives to the result.

    change: method → squared error on T of what changes from the frame before; {} where that cannot be told; None where no
    frame before it was compared. rungs: samples a pixel → PSNR on T of Open Image Denoise at its best. passes: None where they
    were not asked for. shown: through what view, as of `View.told`.
    """

    view: ViewScores
    change: dict[str, float] | None
    rungs: dict[int, float]
    passes: ViewPasses | None = None
    shown: dict[str, str] = field(default_factory=lambda: TONE_MAP.told)


class Fragments:
    """Those in the folder of the pictures, of one plan and its settings."""

    def __init__(self, options: EvaluateOptions, plan: Plan):
        self.folder, self._plan = Path(options.out) / FOLDER, plan
        self._settings: dict[str, Any] = json.loads(json.dumps(plan.settings(options)))  # tuples are lists there

    def _path(self, name: str) -> Path:
        return self.folder / f"{name.replace('/', '_')}.json"

    def write(self, index: int, fragment: Fragment) -> None:
        """Of the view `index` of the plan. Raises N2NError where that cannot be."""
        content = {
            "settings": self._settings,
            "files": self._plan.facts(self._plan.pairs[index]),
            **vars(fragment.view),
            "change": fragment.change,
            "rungs": fragment.rungs,
            "passes": vars(fragment.passes) if fragment.passes else None,
            "shown": fragment.shown,
        }
        write_text(self._path(fragment.view.name), json.dumps(told(content)) + "\n")

    def read_all(self) -> list[Fragment]:
        """Of all views of the plan, in its order.

        Raises:
            N2NError: With the names of what is missing, or was made of other files or in another way.
        """
        found = [self._read(index) for index in range(len(self._plan.pairs))]
        fragments = [fragment for fragment in found if isinstance(fragment, Fragment)]
        reasons = [reason for reason in found if isinstance(reason, str)]
        if reasons:
            names = "; ".join(reasons[:FEW]) + (f"; and {len(reasons) - FEW} more" if len(reasons) > FEW else "")
            raise N2NError(
                f"{len(reasons)} of {len(found)} view(s) are not evaluated: {names}",
                "Run their chunks again, each with the same options and --chunk I/N, then --merge.",
            )
        if len(views := {fragment.shown["view"] for fragment in fragments}) > 1:
            raise N2NError(
                f"the shares show their pictures through different views: {', '.join(sorted(views))}",
                "Not all machines have the same configuration of OpenColorIO: give all of them the same --ocio, or --view T.",
            )
        return fragments

    def _read(self, index: int) -> Fragment | str:
        """A view's fragment, or why there is none."""
        pair = self._plan.pairs[index]
        path = self._path(pair.name)
        if not path.exists():
            return f"{pair.name} is missing"
        try:
            content = read_json(path)
            check_items(content, _KINDS, str(path), "", required=_REQUIRED)
            if content["passes"] is not None:
                check_items(content["passes"], _OF_PASSES, f"{path}: passes", "", required=tuple(_OF_PASSES))
        except N2NError as error:
            return error.what
        odd = [name for name, value in self._settings.items() if content["settings"].get(name) != value]
        if odd:
            there, here = shown(content["settings"].get(odd[0])), shown(self._settings[odd[0]])
            return f"{pair.name} was made with other settings ({odd[0]}: {there}, not {here})"
        if content["files"] != json.loads(json.dumps(self._plan.facts(pair))):
            return f"{pair.name} was made of files that have changed since"
        view = ViewScores(content["name"], content["held_out"], content["reference_spp"], untold(content["scores"]))
        rungs = {int(spp): psnr for spp, psnr in untold(content["rungs"]).items()}
        change = untold(content["change"]) if content["change"] is not None else None
        passes = ViewPasses(**untold(content["passes"])) if content["passes"] is not None else None
        return Fragment(view, change, rungs, passes, content.get("shown", TONE_MAP.told))

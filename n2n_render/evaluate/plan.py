"""What is asked → the views to compare and all files of each: the same plan for every share of an evaluation."""

import hashlib
import importlib.metadata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..io.dataset import Pair
from ..network.oidn_weights import BUILTIN
from ..network.registry import digest_of
from ..version import __version__
from .options import EvaluateOptions
from .rival import Renders, find_more, name_of_one_render, one_renders
from .samples_worth import all_rungs
from .views import find_finished, find_views, follows


@dataclass(frozen=True)
class Plan:
    """finished: folder → view → its denoised file. rungs: renders of the ladder of samples; [] without `more`. rivals: view →
    its one render of as many samples. parts: where the seeds are parts of one render, what their mean is called.
    """

    pairs: list[Pair]
    finished: dict[str, dict[Pair, Path]]
    rungs: list[Renders]
    rivals: dict[Pair, Path]
    parts: str | None

    @classmethod
    def make(cls, options: EvaluateOptions) -> "Plan":
        """Raises N2NError where references, finished frames or renders of `more` are missing."""
        pairs = find_views(options.data)
        more = find_more(options.more, pairs)
        return cls(
            pairs,
            find_finished(options.frames, pairs),
            all_rungs(pairs, more) if more else [],
            one_renders(more, pairs) if options.oidn else {},
            name_of_one_render(pairs),
        )

    def before(self, pair: Pair) -> Pair | None:
        """The frame before, of the same animation, if it has references too."""
        index = self.pairs.index(pair)
        return self.pairs[index - 1] if index and follows(pair, self.pairs[index - 1]) else None

    def facts(self, pair: Pair) -> list[list[str | int]]:
        """What changes where a file changes that the numbers of a view depend on."""
        before = self.before(pair)
        files = [*self._files(pair), *(self._files(before) if before else ())]
        return [[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in files]

    def _files(self, pair: Pair) -> Iterator[Path]:
        yield from pair.noisy
        yield from pair.references
        yield from (files[pair] for files in self.finished.values())
        yield from (file for renders in self.rungs[1:] for file in renders.files[pair])

    def settings(self, options: EvaluateOptions) -> dict[str, Any]:
        """All else that the numbers of a view depend on, for JSON. Neither devices nor places: machines differ in those."""
        uses_oidn = options.oidn or self.rungs or any(name in BUILTIN for name in options.models)
        return {
            "n2n_render": __version__,
            "models": [[name, digest_of(name)] for name in options.models],
            "frames": list(self.finished),
            "views": _digest([pair.name for pair in self.pairs]),
            "more": [[renders.spp, renders.seeds] for renders in self.rungs],
            "oidn": [options.oidn, importlib.metadata.version("pyoidn") if uses_oidn else None],
            "one_render": [bool(self.rivals), self.parts],
            "engine": options.engine,
            "precision": options.precision,
            "average": options.average,
            "passes": list(options.passes),
        }


def _digest(names: Sequence[str]) -> str:
    return f"{len(names)} views {hashlib.sha256(repr(list(names)).encode()).hexdigest()[:16]}"

"""The frames before each one of a fly-through, whose samples are taken in; those after it are not rendered yet."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from ..engines.options import EngineOptions
from ..guides.accumulation import Accumulated, Accumulator
from ..guides.neighbors import Windows
from ..guides.prefilter import Prefilter
from ..network.specification import Specification


def past_windows(frames: Sequence[int], reach: int) -> Windows:
    """For each frame, as `io.sequence.find_windows`, the indices of those from `reach` before it to itself, and None for those
    after it. Neighbours have consecutive numbers and come before it.
    """
    index_of = {number: index for index, number in enumerate(frames)}

    def there(number: int, index: int) -> int | None:
        other = index_of.get(number)
        return other if other is not None and other < index else None

    return [
        [*(there(number - step, index) for step in range(reach, 0, -1)), index, *[None] * reach]
        for index, number in enumerate(frames)
    ]


def reach_of(frames: Sequence[int], temporal: int) -> int:
    """How far back a fly-through looks: 0 where no frame follows the one before it, as of every second one."""
    return temporal if any(window[temporal - 1] is not None for window in past_windows(frames, temporal)) else 0


@dataclass(frozen=True)
class Past:
    """The frames that came so far, `groups` of their files, in the order of the windows of `accumulator`."""

    accumulator: Accumulator
    groups: list[Sequence[Path]]

    @classmethod
    def open(cls, model: Specification, frames: Sequence[int], prefilter: Prefilter | None, engine: EngineOptions) -> "Past":
        """For a model whose reach is how far it looks back.

        Args:
            frames: The numbers of all that will come.
            prefilter: What cleans guides already.
        """
        windows, groups = past_windows(frames, model.reach), list[Sequence[Path]]()
        return cls(Accumulator.open(model.features, groups, windows, prefilter=prefilter, options=engine), groups)

    def add(self, files: Sequence[Path]) -> Callable[[], Accumulated] | None:
        """One more frame → what takes in those before it, once; None where there is none.

        Raises:
            N2NError: It has no Vector pass, or it shares its noise with the one before it.
        """
        neighbors = self.accumulator.neighbors
        self.groups.append(files)
        index = len(self.groups) - 1
        window = neighbors.windows[index]
        if window[len(window) // 2 - 1] is None:
            return None
        neighbors.check(index)
        return cache(partial(self.accumulator.of, index))

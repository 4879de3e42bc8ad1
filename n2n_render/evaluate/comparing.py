"""Views of a plan, one after the other → the numbers of each, and its picture."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from ..denoise import Denoiser
from ..engines.options import EngineOptions
from ..errors import N2NError
from ..frame.display import View
from ..io.dataset import Pair
from ..io.scene_view import open_shown_view
from ..network.checkpoint import Checkpoint
from ..network.registry import open_model
from .flicker import change_errors
from .fragments import Fragment
from .options import EvaluateOptions
from .page import EvaluationPage
from .pass_methods import PassMethods
from .pass_pictures import PassSheet
from .passes import ViewPasses, compare_passes
from .pictures import write_comparison
from .plan import Plan
from .samples_worth import ladder_of
from .scores import ComparedView, compare_view, features_for
from .views import find_passes, was_trained_on


class Comparing:
    """Goes from view to view; of the images no more than two views' are kept.

    shown: how people see the views. unwritten: what could not be written so far although the numbers are whole.
    """

    def __init__(
        self,
        options: EvaluateOptions,
        plan: Plan,
        denoisers: dict[str, Denoiser],
        checkpoints: Sequence[Checkpoint],
        shown: View,
    ):
        """denoisers: method → what denoises the mean of all seeds."""
        self.options, self.plan, self.shown = options, plan, shown
        self.page = EvaluationPage(options, plan, shown)
        self._denoisers, self._checkpoints = denoisers, checkpoints
        self.unwritten: list[N2NError] = []

    @classmethod
    def open(cls, options: EvaluateOptions) -> "Comparing":
        """Raises N2NError where a model, references or finished frames are missing, or the view that is asked for."""
        checkpoints = [open_model(name) for name in options.models]
        names = ["ours"] if len(checkpoints) == 1 else options.models
        engine = EngineOptions(options.device, options.engine, options.precision)
        denoisers = {
            name: Denoiser.open(checkpoint, engine, average=options.average)
            for name, checkpoint in zip(names, checkpoints, strict=True)
        }
        plan = Plan.make(options)
        for pair in plan.pairs if options.passes else ():
            find_passes(pair, options.passes, features_for(denoisers, options.oidn))
        shown = open_shown_view(options.ocio, options.view, [pair.dataset for pair in plan.pairs])
        return cls(options, plan, denoisers, checkpoints, shown)

    def compare(self, pairs: Sequence[Pair]) -> Iterator[Fragment]:
        """The numbers of these views, which follow each other in the plan."""
        before: tuple[Pair, ComparedView] | None = None
        for pair in pairs:
            first = self.plan.before(pair)
            if first is None:
                before = None
            elif before is None:  # it is another share's
                before = first, self._compare(first)
            compared = self._compare(pair)
            self._try_to_write(partial(write_comparison, compared, self.options.out, self.shown))
            self._try_to_write(partial(self.page.add, pair, compared))
            change = change_errors((before[0], pair), (before[1], compared)) if before else None
            rungs = ladder_of(pair, self.plan.rungs, compared.references)
            before = pair, compared
            yield Fragment(compared.view, change, rungs, self._compare_passes(pair, compared), self.shown.told)

    def _compare(self, pair: Pair) -> ComparedView:
        plan = self.plan
        files = {folder: files[pair] for folder, files in plan.finished.items()}
        held_out = not was_trained_on(pair, self._checkpoints)
        rival = plan.rivals.get(pair)
        return compare_view(pair, self._denoisers, self.options.oidn, held_out, files, rival, plan.parts, self.shown)

    def _compare_passes(self, pair: Pair, compared: ComparedView) -> ViewPasses | None:
        if not self.options.passes:
            return None
        plan, features = self.plan, features_for(self._denoisers, self.options.oidn)
        files = {folder: files[pair] for folder, files in plan.finished.items()}
        wanted, sheet = find_passes(pair, self.options.passes, features), PassSheet(self.shown)
        rival = plan.rivals.get(pair)
        methods = PassMethods.open(pair, compared, wanted.light, self._denoisers, files, rival, plan.parts)
        passes = compare_passes(pair, compared, wanted, methods, sheet.add)
        self._try_to_write(lambda: sheet.write(pair.name, self.options.out))
        return passes

    def _try_to_write(self, write: Callable[[], object]) -> None:
        try:
            write()
        except N2NError as error:  # the numbers are told all the same
            self.unwritten.append(error)

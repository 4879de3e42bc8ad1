"""The honest rival: Open Image Denoise on one render of as many samples as all seeds together.

Samples of one render are spread better than those of two seeds. Where a pair is parts of one render, the mean of both is that
render, but for rounding; of independent seeds it comes from the folders of `--more`: datasets of the same views with other
samples a pixel. It was 0.02 to 0.93 dB better there than on the mean of two seeds, on six scenes.
"""

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import N2NError, doubt
from ..io.dataset import Pair, find_datasets, find_files, read_manifest
from ..io.renders import are_one_render
from .views import samples_of


@dataclass(frozen=True)
class Renders:
    """Noisy renders of the evaluated views: the files of each, one of each seed; the same number for every view."""

    files: dict[Pair, tuple[Path, ...]]

    @property
    def seeds(self) -> int:
        return min(map(len, self.files.values()))

    @property
    def spp(self) -> int:
        """Samples a pixel of one render."""
        return samples_of(next(iter(self.files.values()))[0])


def find_more(roots: Iterable[str | Path], pairs: Sequence[Pair]) -> list[Renders]:
    """The renders of the views of `pairs` in other datasets, which may have one seed only.

    Raises:
        N2NError: `pairs` are of several datasets, or one of them was not rendered there.
    """
    folders = [Path(root) for root in roots]
    if not folders:
        return []
    if len({pair.dataset for pair in pairs}) > 1:
        raise N2NError("--more is for one dataset at a time", "Pass one folder with --data.")
    return [_renders(folder, pairs) for folder in find_datasets(folders)]


def _renders(folder: Path, pairs: Sequence[Pair]) -> Renders:
    found = find_files(folder, "s")
    missing = next((pair for pair in pairs if (pair.view, pair.frame) not in found), None)
    if missing:
        raise N2NError(f"{folder}: has no renders of {missing.name}", "--more takes the same views with other --spp.")
    here, there = (read_manifest(place)["scene"]["file"] for place in (pairs[0].dataset, folder))
    if here != there:
        doubt(f"{folder} was sampled from {there}, and {pairs[0].dataset} from {here}: do they show the same?")
    return Renders({pair: found[pair.view, pair.frame] for pair in pairs})


def total_samples(pair: Pair) -> int:
    """Samples a pixel of all seeds of a view together."""
    return sum(samples_of(path) for path in pair.noisy)


def name_of_one_render(pairs: Sequence[Pair]) -> str | None:
    """What the mean of all renders of each view is called where they are parts of one, so that the rival is there already: the
    same for all views. None: they are not.
    """
    if not all(are_one_render(pair.noisy) for pair in pairs):
        return None
    samples = {total_samples(pair) for pair in pairs}
    return f"one render of {samples.pop()}" if len(samples) == 1 else "one render of all samples"


def one_renders(more: Iterable[Renders], pairs: Sequence[Pair]) -> dict[Pair, Path]:
    """View → its one render of as many samples as all its seeds have together; {} where none was rendered."""
    fitting = [renders for renders in more if all(renders.spp == total_samples(pair) for pair in pairs)]
    return {pair: files[0] for pair, files in fitting[0].files.items()} if fitting else {}


def command_for_one_render(pairs: Sequence[Pair]) -> str:
    """What renders `one_renders` for the dataset of the first of these views, as far as its manifest tells.

    No view after the last of them: view k is the same whatever the number of views.
    """
    first = pairs[0]
    own = [pair for pair in pairs if pair.dataset == first.dataset]
    manifest = read_manifest(first.dataset)
    words = ["n2n-render", "sample", "--scene", manifest["scene"]["file"], "--spp", str(total_samples(first)), "--seeds", "1"]
    last = max(int(pair.view.removeprefix("v")) for pair in own)
    if last:
        words += ["--views", str(last + 1)]
    words += ["--frames", ",".join(str(frame) for frame in sorted({pair.frame for pair in own}))]
    if manifest["size"]:
        words += ["--size", "{}x{}".format(*manifest["size"])]
    return shlex.join([*words, "--out", f"more/{first.dataset.name}_{total_samples(first)}"])

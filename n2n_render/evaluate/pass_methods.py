"""A view's renders and files → what each method makes of each of its passes of light."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..denoise import Denoiser
from ..engines import oidn
from ..frame.arrays import Array
from ..frame.frame import Frame, mean_frame
from ..io.dataset import Pair
from ..io.light import LightPass
from ..io.renders import read_group
from .scores import NOISY, OIDN, ComparedView, features_for, name_of_all, name_of_rival
from .views import read_shown_light, read_with_light

OfPass = Callable[[LightPass], Array | None]  # → radiance (H, W, 3) as in the picture; None: there is no such pass


@dataclass(frozen=True)
class PassMethods:
    """All methods on the passes of one view.

    Attributes:
        of_pass: Method → what gives a pass; Open Image Denoise runs when it is asked.
        pictures: Method → the picture (H, W, 3) that it makes beside its passes.
        noisy: The method that shows the renders as they are.
        painted: The methods that are models, whose picture depends on the passes.
    """

    of_pass: dict[str, OfPass]
    pictures: dict[str, Array]
    noisy: str
    painted: tuple[str, ...]

    @classmethod
    def open(
        cls,
        pair: Pair,
        compared: ComparedView,
        light: Sequence[LightPass],
        denoisers: Mapping[str, Denoiser],
        finished: Mapping[str, Path],
        one_render: Path | None,
        parts: str | None,
    ) -> "PassMethods":
        """Reads the renders and files again, with their passes, and denoises with every model.

        Args:
            compared: What the methods are called there they are called here.
            light: The passes.
            denoisers, finished, one_render, parts: As of `compare_view`.
        """
        every = name_of_all(pair, parts)
        noisy, alone = f"{NOISY}, {every}", f"{OIDN}, {every}"
        features = features_for(denoisers, alone in compared.scores)
        mean = mean_frame(read_group(pair.noisy, None, features, light=light))
        held = [one for one in light if one.channel in mean]
        painted = {name: denoiser.paint(mean, held) for name, denoiser in denoisers.items()}
        of_pass = {noisy: _of(mean), **{name: _of(picture.light) for name, picture in painted.items()}}
        if alone in compared.scores:
            of_pass[alone] = _denoised_alone(mean)
        if one_render and name_of_rival(one_render) in compared.scores:
            of_pass[name_of_rival(one_render)] = _denoised_alone(read_with_light(one_render, ("albedo", "normal"), light))
        of_pass |= {name: _of(read_shown_light(path, light)) for name, path in finished.items()}
        pictures = {name: compared.images[name] / compared.references.factor for name in of_pass}
        pictures |= {noisy: mean.color, **{name: picture.color for name, picture in painted.items()}}
        return cls(of_pass, pictures, noisy, tuple(painted))


def three_colors(image: Array) -> Array:
    """(H, W, 3) or (H, W, 1) → (H, W, 3)."""
    return image.repeat(3, -1) if image.shape[-1] == 1 else image


def _of(images: Mapping[str, Array]) -> OfPass:
    return lambda one: three_colors(images[one.channel]) if one.channel in images else None


def _denoised_alone(mean: Frame) -> OfPass:
    """Open Image Denoise at its best on the pass alone; the guides are prefiltered once."""
    clean = oidn.prefilter(mean)

    def of_pass(one: LightPass) -> Array | None:
        noisy = _of(mean)(one)
        return None if noisy is None else oidn.denoise_prefiltered(clean.with_channels(color=noisy))

    return of_pass

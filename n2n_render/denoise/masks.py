"""What a strength can be given for in a file: the names in its Cryptomattes, and its passes."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np

from ..errors import N2NError
from ..frame.arrays import Array
from ..frame.windows import Window, place
from ..io.cryptomatte import KINDS, Cryptomatte, hash_of
from ..io.exr import ExrImage
from ..io.exr_parts import stack_pixels
from ..io.light import Role

MASK = "mask"  # mask:NAME is a pass
LISTED = 8  # names in a message


@dataclass(frozen=True)
class Found:
    """What a name stands for in one layer.

    Attributes:
        names: In a list, or of a pass.
        matte: The list that has them; None: it is a pass.
        is_exact: It is a name; else a pattern of names.
    """

    names: tuple[str, ...]
    matte: Cryptomatte | None = None
    is_exact: bool = True

    @property
    def ids(self) -> set[int]:
        """In the list."""
        assert self.matte
        return {self.matte.ids.get(name, hash_of(name)) for name in self.names}

    def __str__(self) -> str:
        """ "object grass, grass.001"."""
        shown = ", ".join(self.names[:LISTED]) + (f" and {len(self.names) - LISTED} more" if len(self.names) > LISTED else "")
        return f"{self.matte.kind if self.matte else 'pass'} {shown}"


@dataclass(frozen=True)
class Masks:
    """The masks of one layer of a file."""

    image: ExrImage
    layer: str
    mattes: Sequence[Cryptomatte]

    @classmethod
    def of(cls, image: ExrImage, layer: str) -> "Masks":
        return cls(image, layer, image.cryptomattes(layer))

    def listed(self) -> dict[str, list[str]]:
        """Kind → names, sorted: "object" and "material" always, others where there are any; and "passes"."""
        names: dict[str, set[str]] = {"object": set(), "material": set()}
        for matte in self.mattes:
            names.setdefault(matte.kind, set()).update(matte.ids)
        return {**{kind: sorted(some) for kind, some in names.items()}, "passes": self._likely_passes()}

    def _likely_passes(self) -> list[str]:
        """Those that a shader writes and the like; where the passes are not known, all of one number."""
        if self.image.dialect.dark:
            light = (one.name for one in self.image.light(self.layer) if one.role in (Role.AOV, Role.OTHER))
            return sorted({*light, *self.image.plain_passes(self.layer).keys() & {"Mist"}})
        return sorted(name for name, places in self.image.plain_passes(self.layer).items() if len(places) == 1)

    def find(self, text: str) -> Found | None:
        """What a name stands for: one that is written so in a list; one of the kind before its colon; a pattern; or, in a list
        without a manifest, what its hash is found for. None: it is not there.

        Raises N2NError where it could be of several lists.
        """
        whole = [Found((text,), matte) for matte in self.mattes if text in matte.ids]
        kind, _, name = text.partition(":")
        of_kind = [matte for matte in self.mattes if kind in (matte.kind, matte.name)]
        if whole:
            return self._only(text, whole)
        if name and kind == MASK:
            return Found((name,)) if name in self.image.plain_passes(self.layer) else None
        if name and (kind in KINDS or of_kind):
            return self._only(name, _search(of_kind, name) or self._by_hash(of_kind, name))
        return self._only(text, _search(self.mattes, text) or self._by_hash(self.mattes, text))

    def _by_hash(self, mattes: Sequence[Cryptomatte], name: str) -> list[Found]:
        """In lists without a manifest, in files that are read with their pixels."""
        path, parts = self.image.path, self.image.parts
        return [Found((name,), matte) for matte in mattes if not matte.ids and matte.holds(path, parts, hash_of(name))]

    def _only(self, name: str, found: Sequence[Found]) -> Found | None:
        if len(found) > 1:
            mattes = [one.matte for one in found if one.matte]
            kinds = [one.kind for one in mattes]
            kinds = kinds if len(set(kinds)) == len(kinds) else [one.name for one in mattes]
            raise N2NError(
                f"{self.image.path}: {name!r} is there as {' and as '.join(kinds)}",
                f"Write {' or '.join(f'{kind}:{name}' for kind in kinds)}.",
            )
        return found[0] if found else None

    def coverage(self, found: Found, window: Window) -> Array:
        """(H, W, 1) of the pixels of `window`, 0 to 1. Of a pass its number, or the mean of its colours."""
        if found.matte:
            return found.matte.coverage(self.image.path, self.image.parts, found.ids, window)
        places = list(self.image.plain_passes(self.layer)[found.names[0]])
        pixels = stack_pixels(self.image.path, self.image.parts, places).mean(-1, keepdims=True)
        there = Window.of(self.image.parts[places[0][0]][0])
        return place(np.clip(np.nan_to_num(pixels), 0, 1), there, window)

    def unknown(self, text: str) -> N2NError:
        """What is said of a name that is not there."""
        listed = self.listed()
        passes = [f"{MASK}:{name}" for name in listed.pop("passes")]
        names = passes if text.startswith(f"{MASK}:") else [*(one for some in listed.values() for one in some), *passes]
        if not names:
            return N2NError(
                f"{self.image.path}: holds no mask {text!r}",
                "Turn on View Layer > Passes > Cryptomatte and render again, or take a pass: mask:NAME.",
            )
        wanted = text.partition(":")[2] if ":" in text and not text.startswith(f"{MASK}:") else text
        near = difflib.get_close_matches(wanted, dict.fromkeys(names), LISTED, 0.5)
        shown = list(dict.fromkeys([*near, *names]))
        rest = f" and {len(shown) - LISTED} more" if len(shown) > LISTED else ""
        return N2NError(
            f"{self.image.path}: holds nothing that is called {text!r}", f"It has: {', '.join(shown[:LISTED])}{rest}."
        )


def _search(mattes: Sequence[Cryptomatte], name: str) -> list[Found]:
    """The name itself in each list, or else all that it is a pattern of; * stands for anything, ? for one letter."""
    if exact := [Found((name,), matte) for matte in mattes if name in matte.ids]:
        return exact
    pattern = name.replace("[", "[[]")
    matching = [(tuple(one for one in matte.ids if fnmatchcase(one, pattern)), matte) for matte in mattes]
    return [Found(names, matte, False) for names, matte in matching if names]

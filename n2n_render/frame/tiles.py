"""A large image is cut into overlapping tiles and put together again, so that tiled = untiled."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Tile:
    """`inner`: the part of the image that this tile answers for; `outer`: what the network is shown. (rows, columns)."""

    inner: tuple[slice, slice]
    outer: tuple[slice, slice]

    @property
    def crop(self) -> tuple[slice, slice]:
        """`inner`, counted from the corner of `outer`."""
        rows, columns = (slice(i.start - o.start, i.stop - o.start) for i, o in zip(self.inner, self.outer, strict=True))
        return rows, columns


def middle(start: int, stop: int, most_px: int) -> slice:
    """The middle of start … stop, of at most `most_px` pixels."""
    first = start + max(0, (stop - start - most_px) // 2)
    return slice(first, min(stop, first + most_px))


def cut(height: int, width: int, tile_px: int, overlap_px: int, alignment: int) -> Iterator[Tile]:
    """Tiles that cover the image once. `tile_px` and `overlap_px` are rounded up to the alignment, so that every tile
    starts on the pooling grid of the whole image; with an overlap of the receptive radius no blending is needed.
    """
    tile_px, overlap_px = (-(-value // alignment) * alignment for value in (tile_px, overlap_px))
    for rows in _spans(height, tile_px, overlap_px, alignment):
        for columns in _spans(width, tile_px, overlap_px, alignment):
            yield Tile((rows[0], columns[0]), (rows[1], columns[1]))


def _spans(length: int, tile_px: int, overlap_px: int, alignment: int) -> Iterator[tuple[slice, slice]]:
    """As few (inner, outer) spans as `tile_px` allows, about equally long."""
    count = -(-length // tile_px)
    size = -(-length // (count * alignment)) * alignment
    for start in range(0, length, size):
        stop = min(length, start + size)
        yield slice(start, stop), slice(max(0, start - overlap_px), min(length, stop + overlap_px))

"""How far are independent renders from what is refused as a pair? `python tests/benchmarks/independence.py DATASET…`

For every first two seeds of a view: correlation of the noise and spread of the difference (frame/independence.py), of the pair
as it is, of the first with half and a quarter of it blended into the second, with the second brighter by a tenth, and with
another view of the dataset.
"""

import sys
from pathlib import Path

from n2n_render.frame.frame import Frame
from n2n_render.frame.independence import compare, look_at
from n2n_render.io.dataset import find_pairs
from n2n_render.io.exr import read_frame


def compared(one, other) -> str:
    found = compare(look_at(Frame(one), "a"), look_at(Frame(other), "b"))
    correlation = "  none" if found.correlation is None else f"{found.correlation:+6.2f}"
    return f"{correlation} {found.spread:7.1f}"


def main(folders):
    print(f"{'':36}{'pair':>15}{'half':>15}{'a quarter':>15}{'× 1.1':>15}{'another view':>15}")
    for folder in folders:
        pairs = find_pairs(Path(folder))
        for index, pair in enumerate(pairs):
            one, two = (read_frame(path).color for path in pair.noisy[:2])
            tries = [two, (one + two) / 2, 0.25 * one + 0.75 * two, two * 1.1]
            if len(pairs) > 1:
                tries.append(read_frame(pairs[index - 1].noisy[1]).color)
            print(f"{pair.name:36}" + "".join(f"{compared(one, other):>15}" for other in tries))


if __name__ == "__main__":
    main(sys.argv[1:])

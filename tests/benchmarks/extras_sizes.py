"""What each extra of the package adds, to download and on the disk, from a folder of wheels that holds all of them:

pip wheel --wheel-dir WHEELS ".[all,test,docs]" && python tests/benchmarks/extras_sizes.py WHEELS
"""

import argparse
import configparser
import json
import subprocess
import sys
import tempfile
import urllib.parse
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheels", type=Path)
    folder = parser.parse_args().wheels
    read = configparser.ConfigParser()
    read.read(ROOT / "setup.cfg")
    base = needed(folder, "")
    print(f"| extra | packages | download | on the disk |\n|---|---|---|---|\n{row('(none)', base)}")
    for extra in read["options.extras_require"]:
        if found := needed(folder, f"[{extra}]"):
            print(row(extra, found - base))


def needed(folder, extra):
    """The wheels that pip would install into an empty environment; none where the folder lacks one."""
    with tempfile.TemporaryDirectory() as place:
        report = Path(place) / "report.json"
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--no-index"]
        command += ["--find-links", str(folder), "--report", str(report), f"n2n-render{extra}"]
        if subprocess.run(command, capture_output=True).returncode:
            print(f"{extra}: the folder lacks a wheel", file=sys.stderr)
            return set()
        installs = json.loads(report.read_text())["install"]
    return {Path(urllib.parse.unquote(urllib.parse.urlparse(one["download_info"]["url"]).path)) for one in installs}


def row(extra, wheels):
    compressed = sum(wheel.stat().st_size for wheel in wheels)
    unpacked = sum(entry.file_size for wheel in wheels for entry in zipfile.ZipFile(wheel).infolist())
    return f"| {extra} | {len(wheels)} | {compressed / 1e6:.0f} MB | {unpacked / 1e6:.0f} MB |"


if __name__ == "__main__":
    main()

"""What the documents tell people to type."""

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
# Their commands are the records of long measurements: they are parsed, and not run.
RECORDS = [ROOT / "docs/results.md", *sorted((ROOT / "docs/research").glob("*.md"))]
# Their commands need a package or a configuration of the reader's own: parsed, and not run. tests/plugins has the packages.
OTHERS = [ROOT / "docs/color.md", *sorted((ROOT / "docs/develop").glob("*.md"))]


def blocks(document: Path, language: str) -> list[str]:
    """Code blocks of a language, or of several (bash|sh)."""
    return re.findall(rf"^```(?:{language})\n(.*?)^```", document.read_text(), re.S | re.M)


def commands(document: Path) -> list[list[str]]:
    """The words behind each `n2n-render` of the bash blocks; comments are left out, and `&&` begins another command."""
    lines = [re.sub(r"(^|\s)#.*", "", line) for block in blocks(document, "bash|sh") for line in block.splitlines()]
    parts = [shlex.split(part) for line in lines if "n2n-render" in line for part in re.split("&&|[|]", line)]
    return [words[1:] for words in parts if words[:1] == ["n2n-render"]]

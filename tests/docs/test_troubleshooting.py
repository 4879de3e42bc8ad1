"""The sentences that docs/troubleshooting.md quotes are those that the program says."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/troubleshooting.md"
GAP = "…"  # where the program puts a name or a number


def said() -> set[str]:
    """All texts of the sources but the docstrings, with a gap for each value."""
    found = set()
    for folder in ("n2n_render", "blender_addon"):
        for path in (ROOT / folder).rglob("*.py"):
            tree = ast.parse(path.read_text())
            docstrings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
            for node in ast.walk(tree):
                if isinstance(node, ast.JoinedStr):
                    found.add("".join(part.value if isinstance(part, ast.Constant) else GAP for part in node.values))
                elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docstrings:
                    found.add(node.value)
    return found


SAID = said()


def quoted() -> list[str]:
    """The first column of the tables."""
    return re.findall(r"^\| `([^`]+)` \|", PAGE.read_text(), re.M)


def is_said(sentence: str, texts: set[str] = SAID) -> bool:
    """Its fixed parts follow each other in one text."""
    parts = [re.escape(part) for part in sentence.split(GAP) if part.strip(" .:;,()")]
    return any(re.search(".*".join(parts), text, re.S) for text in texts)


def test_the_page_is_of_use():
    assert len(quoted()) == len(set(quoted())) >= 40


@pytest.mark.parametrize("sentence", quoted())
def test_every_quoted_sentence_is_said_by_the_program(sentence):
    assert is_said(sentence)


@pytest.mark.parametrize(
    "sentence", ["…: no such porcelain", "… hold the same noise (correlation …; of independent renders 7)"]
)
def test_another_sentence_is_not(sentence):
    assert not is_said(sentence)

"""What the documents name is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not any(part.startswith(".") or part in ("build", "dist") for part in path.relative_to(ROOT).parts)
)
STARTS = (ROOT, ROOT / "n2n_render", ROOT / "blender_addon", ROOT / "examples")


def named(text: str, pattern: str) -> list[str]:
    return re.findall(rf"`({pattern})`", text)


def is_there(name: str, document: Path) -> bool:
    """From the document's folder, from the repository's or from the package's; a bare name may lie anywhere."""
    if any((start / name).exists() for start in (document.parent, *STARTS)):
        return True
    return "/" not in name and any(any((ROOT / folder).rglob(name)) for folder in ("n2n_render", "blender_addon"))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_that_a_document_names_is_there(document):
    missing = [name for name in named(document.read_text(), r"[\w./]+\.py") if not is_there(name, document)]
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_within_the_repository_leads_somewhere(document):
    for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
        place, _, heading = link.partition("#")
        if not place.startswith(("http:", "https:")):
            target = document.parent / place if place else document
            assert target.exists(), link
            assert not heading or heading in headings(target), link


def headings(document: Path) -> list[str]:
    """As GitHub names them in links."""
    lines = re.findall(r"^#+ (.*)$", document.read_text(), re.M)
    return [re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines]


def test_every_station_of_a_frames_way_is_there():
    """The table of docs/how-it-works.md: files and folders of its last column; a bare name lies in the row's first folder."""
    section = (ROOT / "docs/how-it-works.md").read_text().split("## One frame's way")[1]
    table = next(part for part in section.split("\n\n") if part.startswith("|"))
    rows = [line.strip("|").split("|")[-1] for line in table.splitlines()[2:]]
    assert len(rows) > 10
    for row in rows:
        folder = ROOT / "n2n_render"
        for name in named(row, r"[\w./]+(?:\.py|/)|[a-z]+/[a-z]+"):
            place = next((start / name for start in (folder, *STARTS) if (start / name).exists()), None)
            assert place, f"{name} in: {row}"
            folder = place if place.is_dir() and folder == ROOT / "n2n_render" else folder

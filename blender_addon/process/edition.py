"""Which edition of the extension this is. build.py writes it down; a checkout is the full one. No bpy here.

The edition for extensions.blender.org does everything without software from elsewhere, as the rules there ask; so it does not
show what it cannot do alone. `best` says when the quality Best, which learns with PyTorch, is shown:
"always"; "found": where an installed n2n-render is; "never".
"""

import json
from pathlib import Path

FILE = Path(__file__).resolve().parents[1] / "edition.json"
WRITTEN = json.loads(FILE.read_text()) if FILE.exists() else {"edition": "full", "best": "always"}


def offers_best(has_program: bool) -> bool:
    """Whether quality Best is shown, and the farm, which learns as Best does. has_program: an installed n2n-render was found
    or chosen.
    """
    return WRITTEN["best"] == "always" or (WRITTEN["best"] == "found" and has_program)

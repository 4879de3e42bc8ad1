"""Each function of inside/*.py is a claim: it runs in a real Blender of its own, with the built extension installed."""

import re
import sys

import pytest
from addon_fixtures import INSIDE, finish, start_inside

SCRIPTS = sorted(set(path.name for path in INSIDE.glob("*.py")) - {"run.py", "install.py", "room.py"})
CLAIMS = [
    (script, name)
    for script in SCRIPTS
    for name in re.findall(r"^def ([a-z]\w*)\(folder[,)]", (INSIDE / script).read_text(), re.M)
]


@pytest.mark.blender
@pytest.mark.parametrize("script, claim", CLAIMS, ids=[f"{script[:-3]}-{claim}" for script, claim in CLAIMS])
def test_in_blender(script, claim, extension, tmp_path):
    program = [sys.executable] if script == "best.py" else []
    finish(start_inside(extension, script, claim, tmp_path, *program))

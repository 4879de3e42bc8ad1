"""Each function of inside/*.py is a claim: it runs in a real Blender of its own, with the built extension installed.

A claim whose line ends with `# nightly` waits for the night.
"""

import re
import sys

import pytest
from addon_fixtures import INSIDE, finish, start_inside

SCRIPTS = sorted(set(path.name for path in INSIDE.glob("*.py")) - {"run.py", "install.py", "room.py"})
CLAIMS = [
    pytest.param(
        *(script, name, "program" in arguments),
        id=f"{script[:-3]}-{name}",
        marks=[pytest.mark.nightly] * arguments.endswith("# nightly"),
    )
    for script in SCRIPTS
    for name, arguments in re.findall(r"^def ([a-z]\w*)\(folder([,)].*)", (INSIDE / script).read_text(), re.M)
]


@pytest.mark.blender
@pytest.mark.parametrize("script, claim, with_program", CLAIMS)
def test_in_blender(script, claim, with_program, extension, tmp_path):
    """with_program: it is given the Python of these tests, which has n2n-render."""
    program = [sys.executable] * with_program
    print(finish(start_inside(extension, script, claim, tmp_path, *program)))

"""Prints the first block of Python of a Markdown file: python python_block.py README.md."""

import re
import sys
from pathlib import Path

found = re.search(r"^```python\n(.*?)^```", Path(sys.argv[1]).read_text(encoding="utf-8"), re.M | re.S)
if found is None:
    sys.exit(f"{sys.argv[1]}: has no block of Python")
sys.stdout.write(found[1])

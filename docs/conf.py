"""The pages of this folder as a site: `sphinx-build -W --keep-going -n -b html docs build/docs`.

Everything here is Markdown that GitHub shows as well. Links to files outside this folder work in both places: on the site such
a file goes along as a download, so that no address of a repository is needed. A link that leads nowhere is a warning.
"""

import dataclasses
import inspect
import re
from pathlib import Path
from typing import Any

import click
from sphinx.application import Sphinx

from n2n_render.cli.commands import main
from n2n_render.loaded import Model
from n2n_render.schema import Checked
from n2n_render.version import __version__

HERE = Path(__file__).parent
LINK = re.compile(r"\]\((?!\w+:|#)([^)\s#]+)(#[^)\s]*)?\)")
OPTION = re.compile(r"(?<![`\w-])(--[a-z][\w-]*)(?!`)")
FIELD = re.compile(r"^    (\w+): (.+?)(?: = (.+?))?(?:  # (.*))?$", re.M)

project = "n2n-render"
copyright = "n2n-render, Apache-2.0"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_click"]
smartquotes_action = "D"  # dashes between a parameter and what it is; quotes stay as they are written
default_role = "code"  # one backtick in a docstring is what it is in Markdown
myst_heading_anchors = 4  # links to headings are written as GitHub names them

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
add_module_names = False
# Types of other packages, whose pages a build without a network cannot ask.
nitpick_ignore_regex = [("py:.*", r"(numpy|torch|os|collections|pathlib|typing|contextlib)\..*|NDArray|Any")]

html_theme = "furo"
html_title = f"n2n-render {release}"


def files_elsewhere(app: Sphinx, docname: str, source: list[str]) -> None:
    """Links to files outside this folder, also to Markdown, become downloads. Those to nothing stay, and are warned of."""
    folder = (HERE / docname).parent

    def change(link: re.Match[str]) -> str:
        target = (folder / link[1]).resolve()
        outside = not target.is_relative_to(HERE) and target.is_file()
        return f"](path:{link[1]})" if outside else link[0]

    source[0] = LINK.sub(change, source[0])


def fields_of_options(app: Sphinx, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """A dataclass of options says what its fields are in the comments beside them: those become a list."""
    if what == "class" and dataclasses.is_dataclass(thing) and issubclass(thing, Checked):
        lines += ["", *(_field(*field.groups()) for field in FIELD.finditer(inspect.getsource(thing))), ""]


def _field(name: str, kind: str, default: str | None, comment: str | None) -> str:
    text = f"- **{name}** (``{kind}``" + (f", default ``{default}``)" if default else ")")
    return f"{text}: {comment}" if comment else text


def no_signature(app: Sphinx, what: str, name: str, thing: Any, options: Any, signature: str, returns: str) -> Any:
    """That of a dataclass would say its fields once more, on one long line; a model is made by load_model."""
    return ("", None) if what == "class" and (dataclasses.is_dataclass(thing) or thing is Model) else None


def options_as_code(app: Sphinx, context: click.Context, lines: list[str]) -> None:
    """Names of options in the help's sentences, whose two hyphens would become a dash."""
    lines[:] = [OPTION.sub(r"``\1``", line) if not line.lstrip().startswith(("..", ":")) else line for line in lines]


def show_defaults() -> None:
    """The program's help tells defaults by a setting of the whole group, which sphinx-click does not ask."""
    for command in main.commands.values():
        for option in command.params:
            if isinstance(option, click.Option) and isinstance(option.default, (str, int, float)) and not option.is_flag:
                option.show_default = True


def setup(app: Sphinx) -> None:
    show_defaults()
    app.connect("source-read", files_elsewhere)
    app.connect("autodoc-process-docstring", fields_of_options)
    app.connect("autodoc-process-signature", no_signature)
    app.connect("sphinx-click-process-description", options_as_code)
    app.connect("sphinx-click-process-options", options_as_code)

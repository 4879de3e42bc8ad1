"""The program's first lines. Light, so that Ctrl-C is heard while everything else is imported."""

import os
import signal
import sys

INTERRUPTED = "interrupted; what was finished is kept"
# As `end_event` writes it: the module json may be half imported at that moment.
INTERRUPTED_EVENT = f'{{"event": "error", "kind": "interrupted", "what": "{INTERRUPTED}", "hint": ""}}'
EXIT_INTERRUPTED = 130


def progress_style(arguments: list[str]) -> str:
    """What `--progress` before the command's name says, "bar" without it; also where the line cannot be parsed."""
    before = ""
    for word in arguments:
        for style in ("json", "openjd"):
            if word == f"--progress={style}" or (before, word) == ("--progress", style):
                return style
        if not word.startswith("-") and before != "--progress":
            break
        before = word
    return "bar"


def end_event(kind: str, what: str, hint: str = "") -> str:
    """The last line of `--progress json` when something went wrong.

    kind: "input", "usage", "system", "memory", "interrupted" or "unexpected".
    """
    import json  # not before Ctrl-C is heard

    return json.dumps({"event": "error", "kind": kind, "what": what, "hint": hint}) + "\n"


def _leave(*_: object) -> None:
    """Nothing has begun yet, so nothing is left behind; an exception would end as a traceback of some import."""
    style = progress_style(sys.argv[1:])
    text = INTERRUPTED_EVENT if style == "json" else INTERRUPTED
    os.write(2, f"{text}\n".encode())
    if style == "openjd":
        os.write(1, f"openjd_fail: {INTERRUPTED}\n".encode())
    os._exit(EXIT_INTERRUPTED)


def _open_streams() -> None:
    """Closed ones lead nowhere, and a file's name that the terminal cannot show is shown escaped: neither is an error."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8", errors="backslashreplace"))
        elif hasattr(getattr(sys, name), "reconfigure"):
            getattr(sys, name).reconfigure(errors="backslashreplace")


def main() -> None:
    """The command line, from the first moment."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not where a shell made us deaf to it
        signal.signal(signal.SIGINT, _leave)
    _open_streams()
    from .commands import main as run

    try:
        run()
    finally:
        if signal.getsignal(signal.SIGINT) is _leave:  # all is said: what Python tears down now may end at once
            signal.signal(signal.SIGINT, signal.SIG_DFL)

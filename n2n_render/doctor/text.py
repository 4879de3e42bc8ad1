"""A diagnosis → a text that can be pasted into a bug report: a Markdown code block, one fact a line."""

import textwrap
from collections.abc import Iterator
from typing import Any

from ..libraries import how_to_install
from .options import Diagnosis
from .packages import BROKEN, MISSING, OK

MOST_LETTERS = 2000  # of one fact: a file may hold anything
WIDTH, VALUES_AT = 118, 11  # letters: of a line, and before its value
MOST_PASSES = 200  # of one part


def as_markdown(diagnosis: Diagnosis) -> str:
    """Plain text between two lines of backticks."""
    lines = [part for line in _lines(diagnosis) for part in _wrapped(_plain(line))]
    return "\n".join(["```text", *lines, "```"])


def _plain(line: str) -> str:
    """One line, whatever a file's names hold: nothing in it ends the block or the line."""
    text = "".join(letter if letter.isprintable() else "?" for letter in line).replace("```", "'''")
    return text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]}…"


def _wrapped(line: str) -> list[str]:
    indent = " " * (len(line) - len(line.lstrip()) + 2 if line.startswith(" ") else VALUES_AT)
    return textwrap.wrap(line, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False) or [""]


def _lines(diagnosis: Diagnosis) -> Iterator[str]:
    found = diagnosis.sections
    yield f"n2n-render {found['n2n_render']}"
    yield f"Python     {found['python']}, environment: {found['environment']}"
    yield f"system     {found['system']}, libc: {found['libc']}"
    yield from _machine(found)
    yield from _packages(found["packages"])
    yield from _running(found)
    for name, value in found["variables"].items():
        yield f"{name}={value}"
    for name, facts in found["files"].items():
        yield from _file(name, facts)
    for what, hint in diagnosis.problems:
        yield f"broken     {what}. {hint}"
    if not diagnosis.problems:
        yield "broken     nothing that is installed"


def _machine(found: dict[str, Any]) -> Iterator[str]:
    cpu, memory, disk = found["cpu"], found["memory_bytes"], found["disk"]
    flags = "instructions are not told" if cpu["flags"] is None else " ".join(cpu["flags"]) or "no wide instructions"
    yield f"CPU        {cpu['name']}, {cpu['cores']} cores ({cpu['usable']} for this process), {flags}"
    yield from (f"GPU        {card}" for card in found["graphics"])
    yield f"memory     {_size(memory['total'])}, free {_size(memory['free'])}"
    yield f"temporary  {disk['temporary']}, free {_size(disk['free'])}"


def _packages(packages: dict[str, dict[str, Any]]) -> Iterator[str]:
    there = [f"{name} {facts['version'] or '?'}" for name, facts in packages.items() if facts["state"] == OK]
    yield f"packages   {', '.join(there) or 'none'}"
    missing: dict[str, list[str]] = {}
    for name, facts in packages.items():
        if facts["state"] == MISSING:
            missing.setdefault(facts["extra"], []).append(name)
    for extra, names in missing.items():
        yield f"missing    {', '.join(names)} ({f'n2n-render[{extra}]' if extra else 'n2n-render itself'})"
    for name, facts in packages.items():
        if facts["state"] == BROKEN:
            yield f"broken     {name} {facts['version']}: {facts['problem']}"


def _running(found: dict[str, Any]) -> Iterator[str]:
    """What can run: Blender, the libraries that it needs, engines, models, colour."""
    blender = found["blender"]
    parts = [f"wheel {blender['wheel']}" if blender["wheel"] else "no wheel"]
    parts.append(f"program {blender['program']}, {blender['path']}" if blender["program"] else blender["problem"])
    yield f"Blender    {'; '.join(parts)}; used: {blender['used'] or 'none'}"
    if missing := found["libraries"].get("missing"):
        yield f"libraries  Blender lacks {', '.join(missing)}. {how_to_install(missing)}"
    for name, devices in found["engines"].get("engines", {}).items():
        shown = ", ".join(f"{kind} ({text})" for kind, text in devices.items()) or "cannot run here"
        yield f"engine     {name}: {shown}"
    for name in ("engines", "models"):
        if "problem" in found[name]:
            yield f"{name:10} {found[name]['problem']}"
    if "origin" in found["models"]:
        yield f"models     {found['models']['origin']}; {len(found['models']['names'])} built-in"
    color = found["color"]
    yield f"OCIO       {color['found'] or 'no configuration found'}"


def _file(name: str, facts: dict[str, Any]) -> Iterator[str]:
    yield f"file       {name}"
    if "problem" in facts:
        yield f"  {facts['problem']}"
        return
    software = f", written by {facts['software']}" if facts["software"] else ""
    yield f"  {_size(facts['bytes'])}, {len(facts['parts'])} part(s), names of {facts['dialect']}{software}"
    if facts["damage"]:
        yield f"  pixels: {facts['damage']}"
    for part in facts["parts"]:
        inside = f" of {'x'.join(map(str, part['display']))}" if part["display"] else ""
        title = f"part {part['name']!r}: " if part["name"] else "part: "
        yield f"  {title}{'x'.join(map(str, part['size']))}{inside}, {part['kind']}, {part['compression']}"
        yield from _channels(part["channels"])
    for layer in facts["layers"]:
        of_layer = f" of {layer['name']!r}" if layer["name"] else ""
        yield f"  taken{of_layer}: {layer['taken']}"
        for what, names in (("passes of light", layer["light"]), ("Cryptomattes", layer["cryptomattes"])):
            if names:
                yield f"    {what}: {', '.join(names)}"
    if not facts["layers"]:
        yield "  taken: nothing, no channel is known as the picture (--channels names one)"
    yield from (f"  doubt: {said}" for said in facts["doubts"])


def _channels(types: dict[str, str]) -> Iterator[str]:
    """A pass a line: `ViewLayer.Combined: B G R half`."""
    passes: dict[tuple[str, str], list[str]] = {}
    for name, kind in types.items():
        before, _, letter = name.rpartition(".")
        passes.setdefault((before, kind), []).append(letter)
    for (before, kind), letters in list(passes.items())[:MOST_PASSES]:
        yield f"    {f'{before}: ' if before else ''}{' '.join(letters)} {kind}"
    if len(passes) > MOST_PASSES:
        yield f"    and {len(passes) - MOST_PASSES} passes more"


def _size(count: int | None) -> str:
    if count is None:
        return "unknown"
    for unit, factor in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} bytes"

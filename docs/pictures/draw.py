"""`make pictures`: what the deploy command shows on a terminal, as SVG.

Real commands run on a real pseudo-terminal against a local endpoint. What differs from one run to the
next is made the same, so that drawing again changes nothing: the clock ticks once a line, whatever takes
time takes a second, ids and ports are fixed. Takes about two minutes, nearly all of it for the first
deployment, at a pace at which a release can be watched.
"""

from __future__ import annotations

import fcntl
import io
import itertools
import os
import pty
import re
import shlex
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path

from rich.console import Console
from rich.text import Text

from fraud_cfn import local
from fraud_cfn.config import COMMITTED, ROOT

HERE = Path(__file__).parent
COLUMNS = 110
PACE = 1.0  # seconds a resource: longer than between two looks at the stack, so each is seen at work
_STACK_ID = "5e8a0c7e-fd3c-4c1e-9a55-0d6f2b1c7a90"
AT_WORK = "ApiService UPDATE"  # on the live line that is drawn

_SVG = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font: 19.9px ui-monospace, SFMono-Regular, Menlo, Consolas,
  "DejaVu Sans Mono", monospace }}
.{unique_id}-title {{ font: bold 17px system-ui, sans-serif }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix" xml:space="preserve">
{matrix}
</g>
</g>
</svg>
"""


def main() -> None:
    text = COMMITTED.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as name, local.endpoint(pace=PACE) as endpoint:
        folder = Path(name)
        (folder / "now.yaml").write_text(text, encoding="utf-8")
        other = text.replace("DatabaseName: fraud\n", "DatabaseName: scoring\n")
        (folder / "changed.yaml").write_text(other, encoding="utf-8")
        for name in (
            "Makefile",
            ".venv",
            "setup.cfg",
            *(path.name for path in ROOT.glob("requirements*.lock")),
        ):
            (folder / name).symlink_to(ROOT / name)
        local.seed(endpoint, "dev")
        live = "deploy ENV=dev ARGS='--yes --template now.yaml'"
        _run(endpoint, folder, live, 0)
        for workload in ("api", "worker", "job"):
            local.push(endpoint.url, "dev", workload, "latest")
        _run(endpoint, folder, "start ENV=dev ARGS='--yes --steady 1'", 0)
        for tag in ("v1.1", "v1.2", "v1.3"):
            local.push(endpoint.url, "dev", "api", tag)
        _run(endpoint, folder, "release ENV=dev SERVICE=api TAG=v1.1 ARGS=--yes", 0)
        released = _run(endpoint, folder, "release ENV=dev SERVICE=api TAG=v1.2", 0)
        _draw("deployment", "A release", _with_live_line(released))
        refused = _run(endpoint, folder, "deploy ENV=dev ARGS='--yes --template changed.yaml'", 7)
        _draw("refused", "A change that would lose the database", _screen(refused))
        endpoint.fail("TapStackdev", "ApiService", "ECS Deployment Circuit Breaker was triggered.")
        failed = _run(endpoint, folder, "release ENV=dev SERVICE=api TAG=v1.3", 1)
        _draw("failed", "A release that fails", _screen(failed))


# ── A terminal ──


def _run(endpoint: local.Endpoint, folder: Path, command: str, expected: int) -> str:
    """Type `make` and the command into a terminal, answer what it asks with yes; what comes out, made
    repeatable. `expected` is the command's exit code, which make tells in its last line."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    process = subprocess.Popen(
        ["make", *shlex.split(command)],
        stdin=its,
        stdout=its,
        stderr=its,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONUTF8": "1", "TERM": "xterm-256color", **endpoint.environment},
    )
    os.close(its)
    shown = b""
    try:
        while chunk := _read(ours):
            shown += chunk
            if chunk.endswith(b"[y/N] "):
                os.write(ours, b"y\n")
    finally:
        os.close(ours)
        code = process.wait()
    text = shown.decode()
    if bool(code) != bool(expected) or (expected and f"] Error {expected}" not in text):
        sys.exit(f"{text}\n'make {command}' did not end with {expected}: nothing is drawn of it")
    return f"\x1b[1;32m$\x1b[0m \x1b[1mmake {command}\x1b[0m\r\n{_repeatable(text)}"


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the other side is closed
        return b""


def _repeatable(text: str) -> str:
    ticks = itertools.count()
    text = re.sub(r"\d\d:\d\d:\d\d", lambda _: f"14:05:{next(ticks):02}", text)
    took = next(ticks) - 1  # from the first line to the last
    text = re.sub(r"( in )?\b(\d+m)?\d+s\b", lambda span: f" in {took}s" if span[1] else "1s", text)
    text = re.sub(r"[\u2800-\u28ff]", "⠹", text)  # the spinner
    text = re.sub(r"\[Makefile:\d+:", "[Makefile:74:", text)
    text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:4566", text)
    return re.sub(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", _STACK_ID, text)


def _with_live_line(stream: str) -> list[str]:
    """The screen while `AT_WORK` was on the live line, and below it what the end added."""
    for erase in re.finditer(r"\x1b\[2K", stream):
        rows = _screen(stream[: erase.start()])
        if AT_WORK in rows[-1]:
            end = _screen(stream)
            return [*rows, "\x1b[2m …\x1b[0m", *end[len(rows) - 1 :]]
    sys.exit(f"'{AT_WORK}' was not on the live line this time: draw again")


def _screen(stream: str) -> list[str]:
    """Rows of text, with their colours, after a terminal has taken in all of `stream`."""
    rows: list[list[tuple[str, str]]] = [[]]  # of (style, character)
    row = column = 0
    style = ""
    for control, letter, character in re.findall(r"\x1b\[([?\d;]*)([A-Za-z])|([^\x1b])", stream):
        if letter == "m":
            style = "" if control in ("", "0") else f"{style}\x1b[{control}m"
        elif letter == "A":
            row = max(row - int(control or 1), 0)
        elif letter == "K":
            rows[row] = []
        elif character == "\r":
            column = 0
        elif character == "\n":
            row += 1
        elif character:
            if column == COLUMNS:
                row, column = row + 1, 0
            rows += [[] for _ in range(row + 1 - len(rows))]
            cells = rows[row]
            cells += [("", " ")] * (column + 1 - len(cells))
            cells[column] = style, character
            column += 1
        rows += [[] for _ in range(row + 1 - len(rows))]
    return [_row(cells) for cells in rows[: None if rows[-1] else -1]]


def _row(cells: list[tuple[str, str]]) -> str:
    runs = itertools.groupby(cells, key=lambda cell: cell[0])
    return "".join(f"{style}{''.join(character for _, character in run)}\x1b[0m" for style, run in runs)


# ── A picture ──


def _draw(name: str, title: str, rows: list[str]) -> None:
    """Write `name`.svg; it names no web font, and none is needed: every run of text is given its length."""
    console = Console(
        record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    for row in rows:
        console.print(Text.from_ansi(row), soft_wrap=True)
    svg = console.export_svg(title=title, code_format=_SVG, font_aspect_ratio=0.6, unique_id=name)
    svg = re.sub(r"<text[^>]*>\n</text>", "\n", svg)  # Rich draws the line ends too
    tidy = "\n".join(line.strip() for line in svg.splitlines() if line.strip())
    (HERE / f"{name}.svg").write_text(f"{tidy}\n", encoding="utf-8")
    print(f"Wrote docs/pictures/{name}.svg")


if __name__ == "__main__":
    main()

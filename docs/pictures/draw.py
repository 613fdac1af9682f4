"""Draws the README's terminals: real commands on a real pseudo-terminal, against the local endpoint.

make pictures
"""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from fraud_cfn import local
from fraud_cfn.config import COMMITTED, ROOT

HERE = Path(__file__).parent
COLUMNS, MOST_LINES = 100, 34
SUFFIX = "dev"

# Rich's own frame asks a host for fonts; this one takes the reader's.
_FRAME = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img">
  <style>
    .{unique_id}-matrix {{
      font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre;
      font-size: {char_height}px; line-height: {line_height}px; }}
    {styles}
  </style>
  <defs>
    <clipPath id="{unique_id}-clip-terminal">
      <rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
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

# What differs from run to run.
_VOLATILE = (
    (r"\d\d:\d\d:\d\d(?=\s)", "14:02:11"),
    (r"127\.0\.0\.1:\d+", "127.0.0.1:4566"),
    (r"(stack/\w+/)[0-9a-f-]{36}", r"\g<1>0f3a…"),
    (r"\bin \d+s\b", "in 4s"),
    (r"(?<=  )\d+s\b", "1s"),
)


def main() -> int:
    with local.endpoint(pace=0.01) as endpoint, tempfile.TemporaryDirectory() as folder:
        local.seed(endpoint, SUFFIX)
        run = _runner(endpoint)
        run("deploy", "--yes")
        for name, tag in (("api", "latest"), ("worker", "latest"), ("job", "latest"), ("api", "v1.2")):
            endpoint.client("ecr").put_image(
                repositoryName=f"fraud-{name}-{SUFFIX}", imageTag=tag, imageManifest=f'{{"tag": "{tag}"}}'
            )
        run("start", "--yes")
        _draw(
            "deployment",
            f"make release ENV={SUFFIX} SERVICE=api TAG=v1.2",
            run("release", "--service", "api", "--tag", "v1.2", "--yes"),
        )
        changed = Path(folder) / "changed.yaml"
        changed.write_text(
            COMMITTED.read_text().replace("DatabaseName: fraud\n", "DatabaseName: scoring\n"),
            encoding="utf-8",
        )
        _draw(
            "refused",
            f"make deploy ENV={SUFFIX} ARGS=--yes",
            run("deploy", "--yes", "--template", str(changed)),
        )
        endpoint.fail(
            f"TapStack{SUFFIX}",
            "WorkerService",
            "ECS Deployment Circuit Breaker was triggered",
        )
        endpoint.client("ecr").put_image(
            repositoryName=f"fraud-worker-{SUFFIX}", imageTag="v2", imageManifest='{"tag": "v2"}'
        )
        _draw(
            "failed",
            f"make release ENV={SUFFIX} SERVICE=worker TAG=v2",
            run("release", "--service", "worker", "--tag", "v2", "--yes"),
        )
    return 0


def _runner(endpoint: local.Endpoint) -> Callable[..., str]:
    environment = {
        key: value for key, value in os.environ.items() if key not in ("CI", "NO_COLOR", "TERM", "COLUMNS")
    }
    environment |= endpoint.environment | {"TERM": "xterm-256color", "COLUMNS": str(COLUMNS)}

    def run(verb: str, *options: str) -> str:
        """All that the terminal got."""
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "fraud_cfn.deploy", verb, SUFFIX, *options],
            cwd=ROOT,
            env=environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        received = b""
        try:
            while chunk := os.read(ours, 65536):
                received += chunk
        except OSError:  # how a terminal whose last user has gone tells its end
            pass
        os.close(ours)
        process.wait()
        return received.decode()

    return run


def screen(received: str) -> list[str]:
    """The lines that stay on the screen, with their colours: enough of a terminal for one live line."""
    lines, row = [""], 0
    for part in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", received):
        if part == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif part == "\r":
            continue
        elif part.endswith("A") and part.startswith("\x1b"):
            row = max(0, row - int(part[2:-1] or 1))
        elif part.endswith("K") and part.startswith("\x1b"):
            lines[row] = ""
        elif not part.startswith("\x1b") or part.endswith("m"):
            lines[row] += part
    return [line for line in lines if line != "\x1b[0m"]


def _draw(name: str, command: str, received: str) -> None:
    lines = screen(received)
    while lines and not _plain(lines[-1]).strip():
        lines.pop()
    if len(lines) > MOST_LINES:
        half = MOST_LINES // 2
        lines = [*lines[:half], "…", *lines[-half:]]
    text = "\n".join(lines)
    for pattern, fixed in _VOLATILE:
        text = re.sub(pattern, fixed, text)
    console = Console(record=True, width=COLUMNS, force_terminal=True, file=open(os.devnull, "w"))  # noqa: SIM115
    console.print(Text.from_ansi(f"\x1b[1m$ {command}\x1b[0m\n{text}"), soft_wrap=False)
    svg = console.export_svg(title=command, theme=MONOKAI, code_format=_FRAME, unique_id=f"terminal-{name}")
    console.file.close()
    file = HERE / f"{name}.svg"
    file.write_text("\n".join(line.rstrip() for line in svg.splitlines()) + "\n", encoding="utf-8")
    print(f"Drew {file.relative_to(ROOT)}")


def _plain(line: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line)


if __name__ == "__main__":
    raise SystemExit(main())

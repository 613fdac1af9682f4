"""Files as another revision of this repository has them: the committed template, an environment's."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from fraud_cfn.review.model import Template, parse

# What a pull request is compared with, where nobody says otherwise.
BASES = ("origin/main", "main")


class RevisionError(Exception):
    """A revision that is not here, and what to do."""


def template_at(revision: str | None, path: Path) -> tuple[str, Template]:
    """The revision's name and the template there; without resources where the file is not there yet.

    `revision` None: the first of BASES that is here.
    """
    name = _found(path.parent, revision)
    content = content_at(name, path)
    if content is None:
        return name, Template(f"{name} (no template there)", {})
    return name, parse(content, f"{path.name} at {name}")


def content_at(revision: str, path: Path) -> bytes | None:
    """What a file holds at a revision that is here; None where it is not there."""
    place = f"./{path.name}"
    listed = _git(path.parent, "ls-tree", "--end-of-options", revision, place)
    if listed.returncode:
        raise RevisionError(f"git cannot list {revision}: {_said(listed)}")
    if not listed.stdout:
        return None
    shown = _git(path.parent, "show", "--end-of-options", f"{revision}:{place}")
    if shown.returncode:
        raise RevisionError(f"git cannot show {path.name} at {revision}: {_said(shown)}")
    return shown.stdout


def _found(folder: Path, revision: str | None) -> str:
    for name in BASES if revision is None else (revision,):
        asked = _git(folder, "rev-parse", "--verify", "--end-of-options", f"{name}^{{commit}}")
        if asked.returncode == 0:
            return name
    wanted = " nor ".join(BASES) if revision is None else repr(revision)
    inside = _git(folder, "rev-parse", "--is-shallow-repository")
    if b"dubious ownership" in inside.stderr:
        raise RevisionError(
            f"git trusts no folder that belongs to somebody else: run '{_said(inside).strip()}'"
        )
    if inside.returncode:
        raise RevisionError(f"no git repository here ({_said(inside)}): give two files, BEFORE and AFTER")
    if inside.stdout.strip() == b"true":
        raise RevisionError(
            f"this clone is shallow and has no {wanted}: run 'git fetch --unshallow', or in CI check out with"
            " fetch-depth: 0"
        )
    raise RevisionError(f"there is no revision {wanted}: run 'git fetch origin', or name another with BASE=")


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """In English; of the repository that the folder is in, though a hook of another one names its own."""
    known = {name: value for name, value in os.environ.items() if name not in ("GIT_DIR", "GIT_WORK_TREE")}
    try:
        return subprocess.run(
            ["git", *arguments], cwd=folder, env={**known, "LC_ALL": "C"}, capture_output=True, check=False
        )
    except OSError as error:
        raise RevisionError(
            f"git does not run ({error.strerror}): give two files, BEFORE and AFTER"
        ) from error


def _said(finished: subprocess.CompletedProcess[bytes]) -> str:
    lines = finished.stderr.decode(errors="replace").strip().splitlines()
    return lines[-1].removeprefix("fatal: ") if lines else f"exit {finished.returncode}"

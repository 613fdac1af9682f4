"""The committed template as another revision of this repository has it."""

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
    folder = path.parent
    name = _found(folder, revision)
    listed = _git(folder, "ls-tree", "--name-only", "--end-of-options", name, "--", path.name)
    if listed.returncode:
        raise RevisionError(f"git cannot list {name}: {_said(listed)}")
    if not listed.stdout.strip():
        return name, Template(f"{name} (no template there)", {"Resources": {}})
    shown = _git(folder, "show", "--end-of-options", f"{name}:./{path.name}")
    if shown.returncode:
        raise RevisionError(f"git cannot show {path.name} at {name}: {_said(shown)}")
    return name, parse(shown.stdout, f"{path.name} at {name}")


def files_at(revision: str, folder: Path) -> dict[str, bytes]:
    """Name → content of the files that a folder has at a revision that is here; none where it had none."""
    place = f"./{folder.name}/"
    listed = _git(folder.parent, "ls-tree", "-z", "--name-only", "--end-of-options", revision, "--", place)
    if listed.returncode:
        raise RevisionError(f"git cannot list {place} at {revision}: {_said(listed)}")
    found: dict[str, bytes] = {}
    for name in listed.stdout.decode(errors="surrogateescape").split("\0"):
        shown = _git(folder.parent, "show", "--end-of-options", f"{revision}:./{name}") if name else None
        if shown is not None and shown.returncode == 0:
            found[Path(name).name] = shown.stdout
    return found


def _found(folder: Path, revision: str | None) -> str:
    for name in BASES if revision is None else (revision,):
        if (
            _git(
                folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"
            ).returncode
            == 0
        ):
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

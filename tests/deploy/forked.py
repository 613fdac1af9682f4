"""The command in a process of its own, forked from one that has imported it: what a start costs is paid once.

Its streams, signals, environment, session and exit code are real ones.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import reduction
from typing import Any

from fraud_cfn.config import ROOT
from fraud_cfn.deploy.cli import main

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["__main__", "tests.deploy.forked_from"])


class Command:
    """`python -m fraud_cfn.deploy WORDS`, with what the tests need of `subprocess.Popen`."""

    def __init__(self, words: list[str], environment: dict[str, str], **files: int) -> None:
        self.stdout, out = _pipe(files.get("stdout"))
        self.stderr, errors = _pipe(files.get("stderr"))
        nothing = os.open(os.devnull, os.O_RDONLY)
        streams = (_Sent(files.get("stdin", nothing)), _Sent(out), _Sent(errors))
        self._process = _FORKS.Process(target=_run, args=(words, environment, *streams), daemon=True)
        self._process.start()
        for number in {nothing, out, errors} - {*files.values()}:
            os.close(number)

    def send_signal(self, number: int) -> None:
        os.kill(self._process.pid or 0, number)

    def kill(self) -> None:
        self._process.kill()

    def wait(self, timeout: float) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("fraud-cfn", timeout)
        return self._process.exitcode

    def communicate(self, timeout: float) -> tuple[str, str]:
        with ThreadPoolExecutor() as pool:
            texts = [pool.submit(stream.read) for stream in (self.stdout, self.stderr)]
            try:
                self.wait(timeout)
            except BaseException:
                self.kill()
                raise
            out, errors = (text.result(timeout) for text in texts)
        self.stdout.close()
        self.stderr.close()
        return out, errors


def _pipe(given: int | None) -> tuple[Any, int]:
    """What comes out of it, and where it is written to."""
    if given is not None:
        return None, given
    ours, theirs = os.pipe()
    return open(ours, encoding="utf-8"), theirs


class _Sent(int):
    """A file that goes along to the process; there it is an open one's number."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _taken, (reduction.DupFd(int(self)),)


def _taken(sent: Any) -> int:
    return sent.detach()


def _run(words: list[str], environment: dict[str, str], *files: int) -> None:
    os.setsid()
    os.chdir(ROOT)
    os.environ.clear()
    os.environ.update(environment)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    sys.stdin, sys.stdout, sys.stderr = (
        open(number, "w" if number else "r", encoding="utf-8")  # noqa: SIM115
        for number in range(3)
    )
    sys.argv = ["fraud-cfn", *words]
    sys.exit(main())

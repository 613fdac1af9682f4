"""No test waits for ever."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

PATIENCE = 120  # seconds; only a machine that hangs needs as many


@contextmanager
def killed_in_time(process: subprocess.Popen[Any]) -> Iterator[None]:
    """Ends the process after a long time, so that reading from it ends too, and where the block fails."""
    watchdog = threading.Timer(PATIENCE, process.kill)
    watchdog.start()
    try:
        yield
    except BaseException:
        process.kill()
        raise
    finally:
        watchdog.cancel()

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Iterator

import pytest

from fraud_cfn.template.document import Document, read
from tests import botocore_once
from tests.lens import Lens
from tests.lens import base as base_of

pytest_plugins = ["fraud_cfn.local.pytest_plugin"]
# Models, templates and trees stay to the end: looking for rubbish among them took a quarter of the time.
gc.set_threshold(50_000)


def pytest_configure() -> None:
    """Ctrl-C ends what tests start, also where a shell began all this in the background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_auto_num_workers() -> int:
    """`-n auto`: half as many again as there are cores, for many tests wait for other processes."""
    return max(2, (os.cpu_count() or 1) * 3 // 2)


@pytest.fixture(scope="session", autouse=True)
def _models_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        botocore_once.share(patch)
        yield


@pytest.fixture(scope="session")
def document() -> Document:
    """The committed template."""
    return read()


@pytest.fixture(scope="session")
def base(document: Document) -> Lens:
    """The first deployment: no service is enabled."""
    return base_of(document)


@pytest.fixture(scope="session")
def live(base: Lens) -> Lens:
    return base.under(ServicesEnabled="true")

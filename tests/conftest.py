from __future__ import annotations

import pytest

from fraud_cfn.template.document import Document, read
from tests.lens import Lens
from tests.lens import base as base_of

pytest_plugins = ["fraud_cfn.local.pytest_plugin"]


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

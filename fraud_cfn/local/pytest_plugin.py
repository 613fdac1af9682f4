"""The fixture `endpoint`: one local endpoint for a whole test session, shared by all tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fraud_cfn import local


@pytest.fixture(scope="session", name="endpoint")
def start_endpoint() -> Iterator[local.Endpoint]:
    with local.endpoint() as endpoint, pytest.MonkeyPatch.context() as patch:
        patch.delenv("AWS_PROFILE", raising=False)  # it may name one that only the user's files have
        yield endpoint

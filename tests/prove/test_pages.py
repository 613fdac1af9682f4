from __future__ import annotations

import pytest

from fraud_cfn.config import COMMITTED
from fraud_cfn.prove import pages
from fraud_cfn.review.model import parse


def test_the_committed_pages_are_up_to_date() -> None:
    assert pages.main(["--check"]) == 0, "run 'make docs' and commit the pages"


def test_a_stale_page_is_told_and_left_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = COMMITTED.read_text(encoding="utf-8").replace("- sqs:DeleteMessage\n", "- sqs:PurgeQueue\n")
    monkeypatch.setattr(pages, "read", lambda _: parse(changed))
    assert pages.main(["--check"]) == 1
    assert capsys.readouterr().err == "docs/access.md is stale: run 'make docs' and commit it\n"
    assert "PurgeQueue" not in (COMMITTED.parent.parent / "docs" / "access.md").read_text(encoding="utf-8")

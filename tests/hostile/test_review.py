"""Any two templates are reviewed, and what cannot be understood is no reason to end in a traceback."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings

from fraud_cfn.review import model
from fraud_cfn.review.as_json import document
from fraud_cfn.review.changes import CLASSES
from fraud_cfn.review.report import as_markdown, as_text
from fraud_cfn.review.review import Review, review
from tests.hostile.templates import broken, templates


def reviewed(before: dict[str, Any], after: dict[str, Any]) -> Review:
    return review(model.parse(json.dumps(before), "before"), model.parse(json.dumps(after), "after"))


def check(found: Review) -> None:
    """It can be shown in every form, and says nothing that its documentation does not know."""
    answer = json.loads(json.dumps(document(found), allow_nan=False))
    assert answer["predicted"] is True
    assert answer["verdict"] in CLASSES
    for change in answer["changes"]:
        assert change["class"] in CLASSES
        assert change["action"] in ("add", "modify", "remove", "unclear"), change
        assert change["logical_id"]
    assert as_text(found, {})
    assert as_markdown(found, {})


@given(templates(), templates())
def test_any_two_templates_are_reviewed(before: dict[str, Any], after: dict[str, Any]) -> None:
    check(reviewed(before, after))


@given(templates())
def test_a_template_reviewed_against_itself_changes_nothing(template: dict[str, Any]) -> None:
    found = reviewed(template, template)
    check(found)
    assert found.changes == ()
    assert found.verdict in ("none", CLASSES[0], "harmless")


@settings(max_examples=40)
@given(broken())
def test_a_resource_of_ours_with_anything_in_it_is_reviewed_both_ways(
    pair: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    before, after = pair
    check(reviewed(before, after))
    check(reviewed(after, before))

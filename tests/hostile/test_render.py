"""Whatever a builder may give is rendered so that it reads back the same, and the same bytes each time."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from troposphere import Template
from troposphere.cloudformation import WaitConditionHandle

from fraud_cfn.platform.stack import Section, Stack
from fraud_cfn.review import model
from fraud_cfn.template import document
from fraud_cfn.template.render import render
from tests.hostile.templates import NODES

TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs", "Cc"])),
    st.sampled_from(["a\nb", "\n", "a\n\n", "- x", "!Ref a"]),
)


def rendered(node: Any, form: str = "yaml") -> str:
    template = Template(Description="any", Metadata={"any": node})
    template.add_resource(WaitConditionHandle("Handle"))
    return render(Stack(template, (Section("Any", "any.py", ("Handle",), ()),)), form)


def without_nothing(node: Any) -> Any:
    """A template has no null, and knows no infinity."""
    if isinstance(node, dict):
        return {key: without_nothing(item) for key, item in node.items()}
    if isinstance(node, list):
        return [without_nothing(item) for item in node]
    return "" if node is None or node in (float("inf"), float("-inf")) else node


@given(NODES.map(without_nothing))
def test_any_nesting_of_intrinsics_reads_back_as_it_was(node: Any) -> None:
    text = rendered(node)
    assert document.parse(text).template["Metadata"] == {"any": node}
    assert model.parse(text).body["Metadata"] == {"any": node}
    assert rendered(document.parse(text).template["Metadata"]["any"]) == text, "the same bytes"


@given(st.dictionaries(TEXTS, TEXTS, max_size=3))
def test_any_text_reads_back_as_it_was(texts: dict[str, str]) -> None:
    text = rendered(texts)
    assert document.parse(text).template["Metadata"] == {"any": texts}


@given(NODES.map(without_nothing))
def test_what_is_sent_means_what_is_reviewed(node: Any) -> None:
    sent = document.parse(rendered(node, "json")).template
    assert sent["Metadata"] == document.parse(rendered(node)).template["Metadata"]

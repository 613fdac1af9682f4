"""The rendered YAML: the same as the template, in an order and a form that people can review."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from troposphere import If, Ref, Select, Sub
from troposphere.cloudformation import CustomResource

from fraud_cfn import config
from fraud_cfn.platform import network, storage
from fraud_cfn.platform.intrinsics import because
from fraud_cfn.platform.stack import Stack, assemble, build
from fraud_cfn.template.document import Document, parse
from fraud_cfn.template.render import RenderError, plain, render
from tests.lens import SECTIONS, Lens

SOURCES = [  # in reading order
    "fraud_cfn/platform/network.py",
    "fraud_cfn/platform/firewall.py",
    "fraud_cfn/platform/storage.py",
    "fraud_cfn/platform/messaging.py",
    "fraud_cfn/platform/database.py",
    "fraud_cfn/platform/cluster.py",
    "fraud_cfn/platform/load_balancer.py",
    "fraud_cfn/platform/services/api.py",
    "fraud_cfn/platform/services/worker.py",
    "fraud_cfn/platform/services/job.py",
    "fraud_cfn/platform/dashboard.py",
]
BANNER = re.compile(r"  # ── (?P<title>.+?) ─{2,} \((?P<source>.+)\)")


@pytest.fixture(scope="module")
def stack() -> Stack:
    return build()


def lines_within(document: Document, first: str, last: str = "\n\n") -> list[str]:
    """The lines of the text from the one that is `first` to the next `last`."""
    _, found, rest = document.text.partition(f"\n{first}\n")
    assert found, first
    return rest.split(last)[0].splitlines()


# ── Meaning ────────────────────────────────────────────────────────────────────────────────────────


def test_the_yaml_means_what_the_builders_built(stack: Stack, document: Document) -> None:
    assert document.template == json.loads(json.dumps(plain(stack.template.to_dict())))


def test_each_rendering_is_the_same_text(stack: Stack, document: Document) -> None:
    assert render(stack, "yaml") == render(build(), "yaml") == document.text


# ── Order ──────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_given_stands_before_what_is_built(document: Document) -> None:
    assert list(document.template) == SECTIONS


def test_parameters_stand_in_the_order_of_the_console_each_once(document: Document) -> None:
    groups = document.template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    assert list(document.template["Parameters"]) == [name for group in groups for name in group["Parameters"]]
    assert all(group["Label"]["default"] for group in groups)


def test_resources_stand_in_the_order_of_their_builders(stack: Stack, document: Document) -> None:
    built = [logical_id for section in stack.sections for logical_id in section.logical_ids]
    assert list(document.template["Resources"]) == built


def test_a_resource_tells_its_type_and_its_life_before_its_properties(document: Document) -> None:
    order = ["Type", "Condition", "DependsOn", "DeletionPolicy", "UpdateReplacePolicy", "Properties"]
    for logical_id, resource in document.template["Resources"].items():
        assert list(resource) == [key for key in order if key in resource], logical_id
        assert resource["Type"], logical_id


def test_an_attribute_without_a_place_is_an_error_not_a_loss() -> None:
    resource = CustomResource("Thing", ServiceToken="arn", Metadata={"a": "b"})
    with pytest.raises(
        RenderError, match=r"^Thing has Metadata: give it a place in fraud_cfn/template/render\.py$"
    ):
        render(assemble((network, resource)), "yaml")


# ── Banners ────────────────────────────────────────────────────────────────────────────────────────


def test_a_banner_over_each_section_tells_title_and_file(document: Document) -> None:
    banners = [BANNER.fullmatch(line) for line in document.text.splitlines() if line.startswith("  # ")]
    sources = [banner["source"] for banner in banners if banner]
    assert [source for source in sources if source in SOURCES] == SOURCES
    assert all(
        re.match("fraud_cfn/platform/services/[a-z]", source) for source in set(sources) - set(SOURCES)
    )
    for banner in filter(None, banners):
        docstring = (config.ROOT / banner["source"]).read_text("utf-8").removeprefix('"""').splitlines()[0]
        title, _, what = docstring.removesuffix('"""').partition(": ")
        assert banner["title"] == title
        assert f"{banner[0]}\n  # {what[0].upper()}{what[1:]}\n" in document.text
        assert len(banner[0]) <= 102, "one length: they line up"


def test_every_resource_is_traced_to_the_builder_in_its_file(stack: Stack, document: Document) -> None:
    built_by = {key: section.source for section in stack.sections for key in section.logical_ids}
    assert document.defined_in == built_by
    assert document.defined_in.keys() == document.template["Resources"].keys()
    for source in set(document.defined_in.values()):
        assert re.search(r"^def build\(", (config.ROOT / source).read_text("utf-8"), flags=re.MULTILINE), (
            source
        )


@pytest.mark.parametrize(
    ("logical_id", "source"),
    [
        ("Vpc", "fraud_cfn/platform/network.py"),
        ("DataBucket", "fraud_cfn/platform/storage.py"),
        ("WorkerTaskRole", "fraud_cfn/platform/services/worker.py"),
        ("WorkerLogs", "fraud_cfn/platform/services/worker.py"),
        ("JobSchedule", "fraud_cfn/platform/services/job.py"),
        ("Dashboard", "fraud_cfn/platform/dashboard.py"),
    ],
)
def test_the_banner_above_a_resource_is_its_own(logical_id: str, source: str, document: Document) -> None:
    before, _, _ = document.text.partition(f"\n  {logical_id}:\n    Type: ")
    banners = [BANNER.fullmatch(line) for line in before.splitlines()]
    assert [banner["source"] for banner in banners if banner][-1] == source


def test_the_head_says_that_the_file_is_generated_and_from_what(document: Document) -> None:
    assert document.text.startswith("# Generated by generate.py from fraud_cfn/: change it there, ")


# ── Form ───────────────────────────────────────────────────────────────────────────────────────────


def test_intrinsics_stand_in_their_short_form_only(document: Document) -> None:
    # In the dashboard's JSON there is none either.
    assert "Fn::" not in document.text
    assert not re.search(r"^ *(- )?(Ref|Sub|GetAtt):", document.text, flags=re.MULTILINE)


def test_there_are_no_anchors_and_no_aliases(document: Document) -> None:
    assert not re.search(r"(^|[:\-\[,]) *[&*][A-Za-z0-9]", document.text, flags=re.MULTILINE)


def test_there_are_no_tabs_no_trailing_blanks_and_one_end_of_line(document: Document) -> None:
    assert "\t" not in document.text
    assert "\r" not in document.text
    assert not re.search(r" $", document.text, flags=re.MULTILINE)
    assert document.text.endswith("\n")
    assert not document.text.endswith("\n\n")
    assert "\n\n\n" not in document.text


def test_mappings_and_lists_stand_in_block_style(document: Document) -> None:
    # The dashboard is JSON; a short intrinsic (!Select [0, …]) may stand on one line.
    text = "\n".join(line for line in document.text.splitlines() if not line.startswith(" " * 10))
    assert not re.search(r"^ *(- )?\w+: ([{]|\[(?!\]))", text, flags=re.MULTILINE)
    assert not re.search(r"^ *- [\[{]", text, flags=re.MULTILINE)


def test_the_dashboard_is_readable_json_in_a_block(document: Document) -> None:
    lines = lines_within(document, "  Dashboard:")
    start = next(number for number, line in enumerate(lines) if "DashboardBody: " in line)
    assert lines[start].strip() in ("DashboardBody: !Sub |", "DashboardBody: !Sub |-")
    block = "\n".join(lines[start + 1 :])
    assert json.loads(block) == json.loads(
        document.template["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    )
    assert block.count("\n") > 100
    longest = max(len(line) for line in block.splitlines() if not line.lstrip().startswith('"query": '))
    assert longest <= 200


# ── Reasons ──


def reasoned(**properties: Any) -> str:
    """The properties of a resource, as they are rendered."""
    stack = assemble((network, CustomResource("Thing", ServiceToken="arn", **properties)))
    assert parse(render(stack, "yaml")).template == json.loads(render(stack, "json")), (
        "reasons change nothing"
    )
    return render(stack, "yaml").partition("ServiceToken: arn\n")[2].partition("\nOutputs:")[0]


def test_a_reason_stands_behind_its_value_or_above_what_takes_more_than_a_line() -> None:
    first, second = "x" * 80, "y" * 30
    assert reasoned(
        Count=because(1, "one is enough"),
        Many=because([1, "x"], "both, or none"),
        Chosen=because(If("Live", {"A": 1}, 2), "left out: somebody else knows"),
        Long=because("text", f"{first} {second}"),
    ) == (
        "      Count: 1  # one is enough\n"
        "      # both, or none\n"
        "      Many:\n"
        "      - 1\n"
        "      - x\n"
        "      # left out: somebody else knows\n"
        "      Chosen: !If\n"
        "      - Live\n"
        "      - A: 1\n"
        "      - 2\n"
        f"      # {first}\n"
        f"      # {second}\n"
        "      Long: text\n"
    )


def test_a_reason_is_said_once_in_a_section_and_at_the_first_key_of_an_item() -> None:
    assert reasoned(Items=[{"Name": because("a", "so")}, {"Name": because("b", "so"), "Value": 1}]) == (
        "      Items:\n      - Name: a  # so\n      - Name: b\n        Value: 1\n"
    )


@pytest.mark.parametrize(
    "properties",
    [
        {"Count": because(1, "two\nlines")},
        {"Items": [because(1, "at an item")]},
        {"Map": {"on": because(1, "YAML takes the key for true")}},
        {"Path": Select(0, [because("a", "within a function"), "b"])},
        {"Both": because(because(1, "one"), "another")},
    ],
)
def test_a_reason_that_cannot_be_written_is_refused(properties: dict[str, Any]) -> None:
    with pytest.raises(RenderError, match="reason"):
        reasoned(**properties)


def test_every_reason_and_every_note_of_a_module_stands_in_the_yaml(stack: Stack, document: Document) -> None:
    said = " ".join(part.strip() for part in re.findall(r"# (.*)", document.text))
    given = set(_reasons_in(stack.template.to_dict()))
    assert len(given) > 60
    assert [reason for reason in given if reason not in said] == []
    assert [line for section in stack.sections for line in section.notes if line not in document.text] == []


def _reasons_in(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "Reason" in value and "Value" in value:
            yield value["Reason"]
        for item in value.values():
            yield from _reasons_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from _reasons_in(item)


def test_figures_in_comments_are_those_of_the_template(document: Document, base: Lens) -> None:
    blocks = re.findall(r"CidrBlock: .*# (\S+) with the default VpcCidr", document.text)
    assert blocks == [subnet["CidrBlock"] for subnet in base.of("AWS::EC2::Subnet").values()]
    kept = re.findall(r"MessageRetentionPeriod: (\d+)  # (\d+) days", document.text)
    assert len(kept) >= 3
    assert all(int(seconds) == int(days) * 86_400 for seconds, days in kept)


# ── Values ─────────────────────────────────────────────────────────────────────────────────────────


def rendered(value: Any) -> tuple[str, Any]:
    """How a property of that value is written, and what is read back."""
    text = render(assemble((network, CustomResource("Thing", ServiceToken="arn", Value=value))), "yaml")
    written = text.partition("\n      Value:")[2].partition("\nOutputs:")[0]
    return written.strip(" ").rstrip("\n"), parse(text).template["Resources"]["Thing"]["Properties"]["Value"]


@pytest.mark.parametrize(
    "text",
    [
        # what YAML would take for something else
        *("1", "0", "010", "1_000", "0x1f", "12:30:45", "1.5", "1e3", ".5", "-", "~", "", "null", "true"),
        *("yes", "No", "ON", "off", "=", "<<", "2024-01-01", "2024-01-01T00:00:00Z", "2024-13-45"),
        # what is syntax in YAML
        *(
            "!Ref x",
            "&a",
            "*b",
            "- a",
            "? a",
            "# c",
            "a: b",
            "a:",
            "a #b",
            "'",
            '"',
            "%a",
            "@a",
            "`",
            "|",
            ">",
        ),
        *("{a}", "[a]", "a, b", "\\", "---", "...", " lead", "trail ", "\ttab", "a\tb"),
        # lines
        *(
            "a\nb",
            "a\nb\n",
            "a\n\n\nb\n\n",
            "\na",
            " a\nb",
            "a \nb",
            "a\n\tb",
            "a\r\nb",
            "# a\n- b: c\n",
            "\n",
            "\n\n",
        ),
        *("a\u2028b", "a\x85b\nc", "a\u2028b\nc", "a\x0bb\nc", "a\x0cb\nc"),
        # letters, lengths
        *("Zürich ─ 東京 😀", "a\u00a0b", "\ufeffa", "word " * 5_000 + "end", "x" * 30_000),
    ],
    ids=lambda text: repr(text[:20]),
)
def test_any_text_is_read_back_as_it_was(text: str) -> None:
    assert rendered(text)[1] == text
    assert rendered(Sub(text))[1] == {"Fn::Sub": text}
    assert rendered([{"in": [text, Sub(text)]}])[1] == [{"in": [text, {"Fn::Sub": text}]}]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Ref("Vpc"), "!Ref Vpc"),
        ({"Fn::GetAtt": ["Vpc", "CidrBlock"]}, "!GetAtt Vpc.CidrBlock"),
        ({"Fn::GetAtt": ["Nested", "Outputs.Name"]}, "!GetAtt Nested.Outputs.Name"),
        ({"Fn::GetAtt": ["Vpc", Ref("Name")]}, "!GetAtt [Vpc, !Ref Name]"),
        ({"Fn::Sub": "${Vpc}-x"}, "!Sub ${Vpc}-x"),
        ({"Fn::GetAZs": ""}, "!GetAZs ''"),
        ({"Fn::Select": [0, {"Fn::GetAZs": ""}]}, "!Select [0, !GetAZs '']"),
        ({"Fn::If": ["Live", True, {"Ref": "AWS::NoValue"}]}, "!If [Live, true, !Ref 'AWS::NoValue']"),
        ({"Fn::Or": []}, "!Or []"),
        (
            {"Fn::Sub": ["${a}", {"a": {"Ref": "Vpc"}}]},
            "!Sub\n      - ${a}\n      - a: !Ref Vpc",
        ),
        (
            {"Fn::And": [{"Condition": "Live"}, {"Fn::Not": [{"Condition": "Https"}]}]},
            "!And [!Condition Live, !Not [!Condition Https]]",
        ),
        (
            {"Fn::If": ["Live", {"a": 1}, [1, 2]]},
            "!If\n      - Live\n      - a: 1\n      - - 1\n        - 2",
        ),
        # A value takes one tag only.
        ({"Fn::Base64": {"Fn::Sub": "${Vpc}"}}, "\n        Fn::Base64: !Sub ${Vpc}"),
        ({"Fn::GetAZs": {"Ref": "AWS::Region"}}, "\n        Fn::GetAZs: !Ref AWS::Region"),
        # Not every `Condition` is a reference to one.
        (
            {"Condition": {"Bool": {"a": "true"}}},
            "\n        Condition:\n          Bool:\n            a: 'true'",
        ),
        ([], "[]"),
        ({}, "{}"),
        ([{"a": [[]]}], "\n      - a:\n        - []"),
        (
            [1, -3, 1.5, 0.1, True, False],
            "\n      - 1\n      - -3\n      - 1.5\n      - 0.1\n      - true\n      - false",
        ),
        ("a\nb\n", "|\n        a\n        b"),
    ],
    ids=lambda case: case if isinstance(case, str) else "",
)
def test_a_value_is_written_in_its_shortest_clear_form(value: Any, text: str) -> None:
    assert rendered(value) == (
        text,
        json.loads(json.dumps(value, default=lambda it: it.to_dict())),
    )


def test_the_same_object_twice_is_written_twice() -> None:
    shared = {"a": ["b"]}
    text, value = rendered([shared, shared])
    assert text.count("a:") == 2
    assert value == [shared, shared]


@pytest.mark.parametrize("value", [None, b"x", Path("x"), {1, 2}], ids=repr)
def test_what_a_template_cannot_hold_is_an_error(value: object) -> None:
    with pytest.raises(RenderError, match=re.escape(repr(value)) + " cannot stand in a template: give text"):
        render(assemble((storage, CustomResource("Thing", ServiceToken="arn", Value=[value]))), "yaml")

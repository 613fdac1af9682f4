"""Templates of any content: what somebody might hand in, and what somebody might have broken."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from fraud_cfn.template.document import read

COMMITTED = read().template
RESOURCES: dict[str, dict[str, Any]] = COMMITTED["Resources"]
NAMES = ("Jobs", "Role", "Group", "Data", "Suffix", "IsLive")
KEYS = (
    *("PolicyDocument", "Policies", "Statement", "Effect", "Action", "NotAction", "Resource", "NotResource"),
    *("Principal", "Condition", "AssumeRolePolicyDocument", "StringEquals", "AWS", "Service", "Sid", "Tags"),
    *(
        "SecurityGroupIngress",
        "SecurityGroupEgress",
        "GroupId",
        "SourceSecurityGroupId",
        "CidrIp",
        "FromPort",
    ),
    *("ToPort", "IpProtocol", "QueueName", "RoleName", "Name", "Key", "Value", "KmsMasterKeyId", "Cpu"),
    *("DeletionProtection", "PublicAccessBlockConfiguration", "Subnets", "DesiredCount", "ListenerArn"),
)
FUNCTIONS = (
    *("Ref", "Fn::GetAtt", "Fn::Sub", "Fn::Join", "Fn::If", "Fn::Select", "Fn::Split", "Fn::FindInMap"),
    *(
        "Fn::Equals",
        "Fn::Not",
        "Fn::And",
        "Fn::Or",
        "Fn::ImportValue",
        "Fn::Base64",
        "Fn::Cidr",
        "Fn::GetAZs",
    ),
    *("Fn::Transform", "Fn::Length", "Fn::ToJsonString", "Fn::Unknown", "Condition", "Fn::ForEach::Loop"),
)
WORDS = (
    *NAMES,
    *("*", "Allow", "Deny", "s3:*", "sqs:SendMessage", "0.0.0.0/0", "tcp", "-1", "true", "10.0.0.0/16", ""),
    *("arn:aws:iam::111122223333:root", "${Suffix}", "${Jobs.Arn}", "${", "AWS::NoValue", "AWS::Region"),
    *('{"Statement": []}', "{{resolve:secretsmanager:x:SecretString:y}}", "é\u2028", "a\nb"),
)
SCALARS = st.one_of(
    st.sampled_from(WORDS),
    st.integers(-1, 70000),
    st.booleans(),
    st.none(),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
)


def _deeper(nodes: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.lists(nodes, max_size=3),
        st.dictionaries(st.sampled_from(KEYS), nodes, max_size=4),
        st.dictionaries(st.sampled_from(FUNCTIONS), nodes, min_size=1, max_size=1),
    )


NODES: st.SearchStrategy[Any] = st.recursive(SCALARS, _deeper, max_leaves=8)
KINDS = st.sampled_from(
    sorted({resource["Type"] for resource in RESOURCES.values()} | {"Custom::Thing", "AWS::X::Y"})
)


@st.composite
def templates(draw: st.DrawFn) -> dict[str, Any]:
    """Every section may be there, and may hold anything."""
    resource = st.fixed_dictionaries(
        {"Type": KINDS},
        optional={
            "Properties": st.dictionaries(st.sampled_from(KEYS), NODES, max_size=4),
            "DependsOn": NODES,
            "Condition": SCALARS,
            "DeletionPolicy": SCALARS,
            "Metadata": NODES,
            "UpdatePolicy": NODES,
        },
    )
    anything = st.dictionaries(st.sampled_from(NAMES), NODES, max_size=2)
    entries = st.dictionaries(
        st.sampled_from(NAMES),
        st.dictionaries(st.sampled_from(("Type", "Default", "Value", "NoEcho")), NODES),
        max_size=2,
    )
    return draw(
        st.fixed_dictionaries(
            {"Resources": st.dictionaries(st.sampled_from(NAMES), resource, max_size=3)},
            optional={
                "Parameters": entries,
                "Outputs": entries,
                "Conditions": anything,
                "Mappings": anything,
                "Rules": anything,
                "Transform": NODES,
                "Metadata": NODES,
                "Description": SCALARS,
            },
        )
    )


@st.composite
def broken(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any]]:
    """A resource of the platform as it is, and with anything at all in one place."""
    logical_id = draw(st.sampled_from(sorted(RESOURCES)))
    shell = {
        name: part for name, part in COMMITTED.items() if name not in ("Resources", "Outputs", "Metadata")
    }
    sound = shell | {"Resources": {logical_id: RESOURCES[logical_id]}}
    resource = dict(RESOURCES[logical_id])
    part = draw(st.sampled_from([name for name in resource if name != "Type"]))
    changed = _with(draw, resource[part])
    if part == "Properties" and not isinstance(changed, dict):
        changed = {}  # the reader refuses anything else
    return sound, shell | {"Resources": {logical_id: resource | {part: changed}}}


def _with(draw: st.DrawFn, node: Any) -> Any:
    """Walk down at random, and put something else where the walk ends."""
    if not isinstance(node, dict | list) or not node or draw(st.integers(0, 9)) == 0:
        return draw(NODES)
    keys = [key for key in node if key != "Type"] if isinstance(node, dict) else list(range(len(node)))
    key = draw(st.sampled_from(keys or list(node)))
    copy = dict(node) if isinstance(node, dict) else list(node)
    copy[key] = _with(draw, node[key])  # pyright: ignore[reportCallIssue, reportArgumentType]
    return copy

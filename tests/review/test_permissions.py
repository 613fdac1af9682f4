from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fraud_cfn.review import grants
from fraud_cfn.review.permissions import Comparison, Resources, compare, held

Json = dict[str, Any]
QUEUE = "${JobQueue.Arn}"
OBJECTS = "${DataBucket.Arn}/*"


def allow(action: Any, on: Any = QUEUE, **more: Any) -> Json:
    return {"Effect": "Allow", "Action": action, "Resource": on, **more}


def deny(action: Any, on: Any = QUEUE, **more: Any) -> Json:
    return allow(action, on, **more) | {"Effect": "Deny"}


def inline(*documents: list[Json]) -> Json:
    return {"Policies": [{"PolicyDocument": {"Statement": statements}} for statements in documents]}


def role(**properties: Any) -> dict[str, Any]:
    return {"Role": ("AWS::IAM::Role", properties)}


def of(*statements: Json) -> dict[str, Any]:
    """A role with those statements in one policy."""
    return role(**inline(list(statements)))


def trust(principal: Any, **more: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal, **more}
    return role(AssumeRolePolicyDocument={"Statement": statement})


def policy_on(kind: str, key: str, *statements: Json) -> Resources:
    return {"Policy": (kind, {key: {"Statement": list(statements)}})}


def pairs(comparison: Comparison, change: str) -> set[tuple[str | None, str | None]]:
    return {(c.grant.action, c.grant.resource) for c in comparison.changes if c.change == change}


SAME = {
    "statements in another order": (
        of(allow("sqs:SendMessage"), allow("s3:GetObject", OBJECTS)),
        of(allow("s3:GetObject", OBJECTS), allow("sqs:SendMessage")),
    ),
    "one statement split in two": (
        of(allow(["sqs:SendMessage", "sqs:GetQueueUrl"])),
        of(allow("sqs:SendMessage"), allow("sqs:GetQueueUrl")),
    ),
    "split by resource": (
        of(allow("sqs:SendMessage", ["${A.Arn}", "${B.Arn}"])),
        of(allow("sqs:SendMessage", "${B.Arn}"), allow("sqs:SendMessage", ["${A.Arn}"])),
    ),
    "moved to another inline policy": (
        role(**inline([allow("sqs:SendMessage"), allow("s3:GetObject")])),
        role(**inline([allow("s3:GetObject")], [allow("sqs:SendMessage")])),
    ),
    "another case of the action": (of(allow("sqs:sendmessage")), of(allow("SQS:SendMessage"))),
    "another Sid": (of(allow("sqs:SendMessage", Sid="One")), of(allow("sqs:SendMessage", Sid="Two"))),
    "a statement alone, not in a list": (
        role(Policies=[{"PolicyDocument": {"Statement": allow("sqs:SendMessage")}}]),
        of(allow(["sqs:SendMessage"])),
    ),
    "said twice": (of(allow("sqs:SendMessage"), allow("sqs:SendMessage")), of(allow("sqs:SendMessage"))),
    "an action that a wildcard beside it covers": (
        of(allow(["sqs:*", "sqs:SendMessage"])),
        of(allow("sqs:*")),
    ),
    "the order within a condition": (
        of(allow("sqs:*", Condition={"StringEquals": {"aws:a": ["1", "2"]}, "Bool": {"aws:b": True}})),
        of(allow("sqs:*", Condition={"Bool": {"aws:b": "true"}, "StringEquals": {"AWS:a": ["2", "1"]}})),
    ),
    "an account by number or by its root": (
        trust({"AWS": "111122223333"}),
        trust({"AWS": ["arn:aws:iam::111122223333:root"]}),
    ),
    "everybody, written in two ways": (trust("*"), trust({"AWS": "*"})),
}


@pytest.mark.parametrize("case", SAME)
def test_the_same_permissions_in_other_words_are_no_change(case: str) -> None:
    for before, after in (SAME[case], SAME[case][::-1]):
        comparison = compare(before, after)
        assert comparison.changes == ()
        assert comparison.roles == {"Role": "same"}


WIDER = {
    "an action more": (of(allow("sqs:SendMessage")), of(allow(["sqs:SendMessage", "sqs:PurgeQueue"]))),
    "a wildcard for an action": (of(allow("sqs:SendMessage")), of(allow("sqs:*"))),
    "a wildcard for a narrower one": (of(allow("s3:GetObject*")), of(allow("s3:Get*"))),
    "every action": (of(allow("s3:GetObject")), of(allow("*"))),
    "every resource": (of(allow("sqs:SendMessage")), of(allow("sqs:SendMessage", "*"))),
    "any character": (
        of(allow("s3:GetObject", "arn:aws:s3:::b1/*")),
        of(allow("s3:GetObject", "arn:aws:s3:::b?/*")),
    ),
    "the whole bucket for a folder": (
        of(allow("s3:GetObject", "${DataBucket.Arn}/inbox/*")),
        of(allow("s3:GetObject", OBJECTS)),
    ),
    "a condition taken away": (
        of(allow("iam:PassRole", Condition={"StringEquals": {"iam:PassedToService": "ecs"}})),
        of(allow("iam:PassRole")),
    ),
    "one test of a condition taken away": (
        of(allow("sqs:*", Condition={"StringEquals": {"aws:a": "1"}, "Bool": {"aws:b": "true"}})),
        of(allow("sqs:*", Condition={"StringEquals": {"aws:a": "1"}})),
    ),
    "a value more in a condition": (
        of(allow("sqs:*", Condition={"StringEquals": {"aws:a": "1"}})),
        of(allow("sqs:*", Condition={"StringEquals": {"aws:a": ["1", "2"]}})),
    ),
    "a wildcard in a condition": (
        of(allow("sqs:*", Condition={"ArnEquals": {"aws:SourceArn": "arn:aws:s3:::a"}})),
        of(allow("sqs:*", Condition={"ArnLike": {"aws:SourceArn": "arn:aws:s3:::*"}})),
    ),
    "only if the key is there": (
        of(allow("sqs:*", Condition={"StringEquals": {"aws:a": "1"}})),
        of(allow("sqs:*", Condition={"StringEqualsIfExists": {"aws:a": "1"}})),
    ),
    "a larger network": (
        of(allow("sqs:*", Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/24"}})),
        of(allow("sqs:*", Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})),
    ),
    "an exception less": (
        of(allow("sqs:*", Condition={"StringNotEquals": {"aws:a": ["1", "2"]}})),
        of(allow("sqs:*", Condition={"StringNotEquals": {"aws:a": "1"}})),
    ),
    "a larger network beside another": (
        of(allow("sqs:*", Condition={"IpAddress": {"aws:SourceIp": ["10.1.2.3/16", "192.0.2.0/24"]}})),
        of(allow("sqs:*", Condition={"IpAddress": {"aws:SourceIp": ["10.9.9.9/8", "192.0.2.0/24"]}})),
    ),
    "a network beside one that is not known": (
        of(allow("sqs:*", Condition={"IpAddress": {"aws:SourceIp": "${Cidr}"}})),
        of(allow("sqs:*", Condition={"IpAddress": {"aws:SourceIp": ["${Cidr}", "fd00::/8"]}})),
    ),
    "a pattern for one of two texts": (
        of(allow("sqs:*", Condition={"ForAnyValue:StringLike": {"aws:a": ["ab", "c"]}})),
        of(allow("sqs:*", Condition={"ForAnyValue:StringLike": {"aws:a": ["a*", "c"]}})),
    ),
    "a network less that is left out": (
        of(allow("sqs:*", Condition={"NotIpAddress": {"aws:SourceIp": ["10.0.0.0/8", "192.0.2.0/24"]}})),
        of(allow("sqs:*", Condition={"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}})),
    ),
    "a pattern less that is left out": (
        of(allow("sqs:*", Condition={"ArnNotLike": {"aws:a": ["a*", "b*"]}})),
        of(allow("sqs:*", Condition={"ArnNotLike": {"aws:a": "a*"}})),
    ),
    "more actions under one condition": (
        of(allow("sqs:SendMessage", Condition={"NumericLessThan": {"aws:a": "10"}})),
        of(allow("sqs:*", Condition={"NumericLessThan": {"aws:a": ["10", "20"]}})),
    ),
    "everything for all but something": (
        of({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}),
        of(allow("*", "*")),
    ),
    "a denial taken away": (of(allow("sqs:*"), deny("sqs:PurgeQueue")), of(allow("sqs:*"))),
    "a denial narrowed": (of(deny("sqs:*")), of(deny("sqs:PurgeQueue"))),
    "NotAction that leaves out less": (
        of({"Effect": "Allow", "NotAction": ["iam:*", "sts:*"], "Resource": "*"}),
        of({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}),
    ),
    "NotAction that has it among the rest": (
        of(allow("s3:GetObject", "*")),
        of({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}),
    ),
    "NotResource for a resource that it has": (
        of(allow("s3:GetObject", "${Other.Arn}")),
        of({"Effect": "Allow", "Action": "s3:GetObject", "NotResource": "arn:aws:s3:::secret/*"}),
    ),
    "a managed policy": (role(), role(ManagedPolicyArns=["arn:aws:iam::aws:policy/AdministratorAccess"])),
    "no permissions boundary": (role(PermissionsBoundary="arn:aws:iam::1:policy/b"), role()),
    "a principal more": (trust({"Service": "ecs"}), trust({"Service": "ecs", "AWS": "1"})),
    "an account for its role": (
        trust({"AWS": "arn:aws:iam::111122223333:role/a"}),
        trust({"AWS": "111122223333"}),
    ),
    "everybody for a principal": (trust({"AWS": "111122223333"}), trust("*")),
}
# A `${Other.Arn}` may turn out to be what NotResource leaves out.
NOT_KNOWN = {"NotResource for a resource that it has"}


@pytest.mark.parametrize("case", WIDER)
def test_a_wider_role_is_wider_and_back_it_is_narrower(case: str) -> None:
    before, after = WIDER[case]
    there, back = compare(before, after), compare(after, before)
    if case in NOT_KNOWN:
        assert there.roles == back.roles == {"Role": "incomparable"}
    else:
        assert there.roles == {"Role": "wider"}
        assert back.roles == {"Role": "narrower"}
    assert [c for c in there.changes if c.change == "added"] or "denial" in case or "boundary" in case
    mirrored = {(("removed", "added")[c.change == "removed"], c.grant.key, c.effective) for c in back.changes}
    assert mirrored == {(c.change, c.grant.key, c.effective) for c in there.changes}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (of(allow("sqs:SendMessage")), of(allow("sqs:ReceiveMessage"))),
        (of(allow("sqs:*")), of(allow("s3:*"))),
        (of(allow("sqs:SendMessage", "${A.Arn}")), of(allow("sqs:SendMessage", "${B.Arn}"))),
        (
            of(allow("s3:*", "*")),
            of({"Effect": "Allow", "NotAction": "iam:*", "Resource": "arn:aws:s3:::b/*"}),
        ),
        (of(allow("sqs:*"), deny("sqs:A*")), of(allow("sqs:*"), deny("sqs:B*"))),
        (
            of(allow("sqs:SendMessage")),
            of(allow(["sqs:SendMessage", "s3:GetObject"]), deny("sqs:PurgeQueue")),
        ),
        (
            of(allow("sqs:*", Condition={"StringEquals": {"aws:a": "1"}})),
            of(allow("sqs:*", Condition={"StringEquals": {"aws:b": "1"}})),
        ),
        (
            of({"Effect": "Allow", "NotAction": ["iam:*", "sts:*"], "Resource": "*"}),
            of(allow("sts:AssumeRole")),
        ),
        (of(allow("*:Get*", "*")), of({"Effect": "Allow", "NotAction": "iam:Get*", "Resource": "*"})),
        (
            of(allow("sqs:*", Condition={"IpAddress": {"aws:SourceIp": ["10.0.0.0/24", "192.0.2.0/24"]}})),
            of(allow("sqs:*", Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})),
        ),
        (
            of(allow("sqs:*", Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})),
            of(allow("sqs:*", Condition={"IpAddress": {"aws:SourceIp": "fd00::/8"}})),
        ),
        (
            of(allow("sqs:*", Condition={"IpAddress": {"aws:SourceIp": "${Cidr}"}})),
            of(allow("sqs:*", Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})),
        ),
        (
            of(allow("sqs:*", Condition={"StringLike": {"aws:a": ["ab", "c"]}})),
            of(allow("sqs:*", Condition={"StringLike": {"aws:a": "a*"}})),
        ),
        (
            of(allow("sqs:*", Condition={"StringEquals": {"aws:a": "x"}})),
            of(allow("sqs:*", Condition={"StringEquals": {"aws:a": "*"}})),
        ),
        (trust({"AWS": "arn:aws:iam::444455556666:role/a"}), trust({"AWS": "111122223333"})),
        (
            role(PermissionsBoundary="arn:aws:iam::1:policy/a"),
            role(PermissionsBoundary="arn:aws:iam::1:policy/b"),
        ),
    ],
)
def test_neither_wider_nor_narrower_is_incomparable(before: Resources, after: Resources) -> None:
    assert compare(before, after).roles == {"Role": "incomparable"}


ONE = {"StringEquals": {"aws:a": "1"}}


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (
            of(allow("sqs:SendMessage")),
            of(allow("sqs:SendMessage"), deny("sqs:SendMessage")),
            [("added", "Deny", "sqs:SendMessage", None, None, True)],
        ),
        (
            of(allow("sqs:SendMessage")),
            of(allow("sqs:SendMes*")),
            [("added", "Allow", "sqs:SendMes*", None, None, True)],
        ),
        (
            of(allow("sqs:SendMessage", Condition=ONE)),
            of(allow("sqs:SendMessage", Condition={"StringEquals": {"aws:b": "1"}})),
            [
                ("added", "Allow", "sqs:SendMessage", None, {"StringEquals": {"aws:b": "1"}}, True),
                ("removed", "Allow", "sqs:SendMessage", None, ONE, True),
            ],
        ),
        (
            of(),
            of(allow("sqs:*", Condition={"StringEquals": {"aws:a": ["2", "1"]}, "Bool": {"aws:b": True}})),
            [
                (
                    "added",
                    "Allow",
                    "sqs:*",
                    None,
                    {"StringEquals": {"aws:a": ["2", "1"]}, "Bool": {"aws:b": True}},
                    True,
                )
            ],
        ),
        (
            of(),
            of({"Effect": "Allow", "NotAction": ["sts:*", "iam:*"], "Resource": QUEUE}),
            [("added", "Allow", "all but iam:*, sts:*", None, None, True)],
        ),
        (
            role(),
            trust({"Fn::ImportValue": "who"}),
            [("added", "Allow", "sts:AssumeRole", '{"Fn::ImportValue": "who"}', None, True)],
        ),
        (
            role(),
            trust({"AWS": {"Ref": "Who"}}),
            [("added", "Allow", "sts:AssumeRole", '{"Ref": "Who"}', None, True)],
        ),
        (
            role(ManagedPolicyArns=["${Shared}"]),
            role(ManagedPolicyArns=["${Shared}"], PermissionsBoundary="b"),
            [("added", "Deny", None, None, None, True)],
        ),
    ],
)
def test_what_is_told_of_a_grant(before: Resources, after: Resources, told: list[tuple[Any, ...]]) -> None:
    entries = [change.to_json() for change in compare(before, after).changes]
    keys = ("change", "effect", "action", "principal", "condition", "effective")
    assert [tuple(entry[key] for key in keys) for entry in entries] == told


def test_entries_stand_by_role_effect_principal_resource_and_action() -> None:
    after: Resources = {
        "B": role(
            **inline([allow("sqs:B", "b"), allow("sqs:A", "b"), allow("sqs:C", "a"), deny("sqs:A", "a")])
        )["Role"],
        "A": trust(["y", "x"])["Role"],
        **policy_on("AWS::SQS::QueuePolicy", "PolicyDocument", allow("sqs:*", "q", Principal="*")),
    }
    before = {"B": role(**inline([allow("sqs:B", "b", Condition=ONE)]))["Role"]}
    told = [change.to_json() for change in compare(before, after).changes]
    assert [
        (
            entry["role"],
            entry["effect"],
            entry["principal"],
            entry["resource"],
            entry["action"],
            entry["change"],
        )
        for entry in told
    ] == [
        ("A", "Allow", "x", None, "sts:AssumeRole", "added"),
        ("A", "Allow", "y", None, "sts:AssumeRole", "added"),
        ("B", "Allow", None, "a", "sqs:C", "added"),
        ("B", "Allow", None, "b", "sqs:A", "added"),
        ("B", "Allow", None, "b", "sqs:B", "added"),
        ("B", "Allow", None, "b", "sqs:B", "removed"),
        ("B", "Deny", None, "a", "sqs:A", "added"),
        (None, "Allow", "*", "q", "sqs:*", "added"),
    ]


def test_a_narrowed_wildcard_loses_each_action_that_it_stood_for() -> None:
    comparison = compare(of(allow("sqs:*")), of(allow(["sqs:SendMessage", "sqs:ReceiveMessage"])))
    removed = pairs(comparison, "removed")
    assert comparison.roles == {"Role": "narrower"}
    assert pairs(comparison, "added") == set()
    assert ("sqs:DeleteMessage", QUEUE) in removed
    assert ("sqs:PurgeQueue", QUEUE) in removed
    assert not removed & {("sqs:SendMessage", QUEUE), ("sqs:ReceiveMessage", QUEUE), ("sqs:*", QUEUE)}


def test_a_wildcard_that_nothing_stood_beside_is_one_line() -> None:
    comparison = compare(of(), of(allow("sqs:*"), allow("*", "${Other.Arn}")))
    assert pairs(comparison, "added") == {("sqs:*", QUEUE), ("*", "${Other.Arn}")}


def test_a_narrowed_resource_tells_both_but_nobody_gained_by_it() -> None:
    comparison = compare(of(allow("sqs:SendMessage", "*")), of(allow("sqs:SendMessage")))
    told = [(c.change, c.grant.resource, c.effective) for c in comparison.changes]
    assert sorted(told) == [("added", QUEUE, False), ("removed", "*", True)]


def test_the_entry_of_the_json_is_the_contract() -> None:
    condition = {"StringEquals": {"iam:PassedToService": ["ecs-tasks.amazonaws.com"]}}
    comparison = compare(of(), of(allow(["iam:PassRole"], Condition=condition)))
    assert [change.to_json() for change in comparison.changes] == [
        {
            "change": "added",
            "role": "Role",
            "logical_id": "Role",
            "effect": "Allow",
            "action": "iam:PassRole",
            "resource": QUEUE,
            "principal": None,
            "condition": condition,
            "effective": True,
        }
    ]


def test_a_trust_policy_tells_its_principal() -> None:
    (change,) = compare(trust({"Service": "ecs"}), trust({"Service": ["ecs", "ecs-tasks"]})).changes
    told = change.to_json()
    assert (told["role"], told["action"], told["resource"]) == ("Role", "sts:AssumeRole", None)
    assert told["principal"] == "ecs-tasks"


def test_a_managed_policy_has_no_action_and_its_arn_as_resource() -> None:
    arn = "arn:aws:iam::aws:policy/ReadOnlyAccess"
    (change,) = compare(role(), role(ManagedPolicyArns=[arn])).changes
    assert (change.grant.action, change.grant.resource) == (None, arn)


@pytest.mark.parametrize(
    ("kind", "key", "attach"),
    [
        ("AWS::IAM::ManagedPolicy", "Users", "${Someone}"),
        ("AWS::IAM::ManagedPolicy", "Groups", "${Someone}"),
        ("AWS::IAM::UserPolicy", "UserName", "someone"),
        ("AWS::IAM::GroupPolicy", "GroupName", "someone"),
    ],
)
def test_a_policy_of_a_user_or_a_group_is_theirs(kind: str, key: str, attach: str) -> None:
    identity, named = ("User", "UserName") if "User" in key else ("Group", "GroupName")
    before = {"Someone": (f"AWS::IAM::{identity}", {named: "someone"})}
    policy = {
        "PolicyDocument": {"Statement": allow("sqs:SendMessage")},
        key: attach if "Name" in key else [attach],
    }
    comparison = compare(before, {**before, "Extra": (kind, policy)})
    assert comparison.roles == {"Someone": "wider"}
    (change,) = comparison.changes
    assert (change.role, change.grant.logical_id) == ("Someone", "Extra")


@pytest.mark.parametrize("attach", ["${Role}", "fraud-worker-dev"])
@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("AWS::IAM::Policy", "Roles"),
        ("AWS::IAM::ManagedPolicy", "Roles"),
        ("AWS::IAM::RolePolicy", "RoleName"),
    ],
)
def test_a_statement_moved_to_a_policy_of_the_role_is_no_change(kind: str, key: str, attach: str) -> None:
    named = {"RoleName": "fraud-worker-dev"}
    statements = [allow("sqs:SendMessage")]
    policy = {"PolicyDocument": {"Statement": statements}, key: attach if key == "RoleName" else [attach]}
    before = role(**named, **inline(statements))
    after = role(**named) | {"Extra": (kind, policy)}
    comparison = compare(before, after)
    assert comparison.changes == ()
    assert comparison.roles == {"Role": "same"}
    (change,) = compare(role(**named), after).changes
    assert (change.role, change.grant.logical_id) == ("Role", "Extra")


def test_a_managed_policy_of_the_template_counts_for_the_role_that_names_it() -> None:
    def with_policy(*statements: Json) -> Resources:
        managed = {"PolicyDocument": {"Statement": list(statements)}}
        return role(ManagedPolicyArns=["${Shared}"]) | {"Shared": ("AWS::IAM::ManagedPolicy", managed)}

    comparison = compare(with_policy(allow("sqs:SendMessage")), with_policy(allow("sqs:*")))
    assert comparison.roles == {"Role": "wider"}
    assert pairs(compare(role(), with_policy(allow("sqs:SendMessage"))), "added") == {
        ("sqs:SendMessage", QUEUE)
    }


def test_users_and_groups_are_held_to_it_too() -> None:
    before = {"Someone": ("AWS::IAM::User", {}), "Admins": ("AWS::IAM::Group", inline([allow("s3:*")]))}
    after = before | {"Someone": ("AWS::IAM::User", {"Groups": ["${Admins}"]})}
    assert compare(before, after).roles == {"Someone": "wider"}
    joined = before | {
        "Joins": ("AWS::IAM::UserToGroupAddition", {"GroupName": "${Admins}", "Users": ["${Someone}"]})
    }
    assert compare(before, joined).roles == {"Someone": "wider"}
    assert pairs(compare(before, joined), "added") == {(None, "Admins")}


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("AWS::S3::BucketPolicy", "PolicyDocument"),
        ("AWS::SQS::QueuePolicy", "PolicyDocument"),
        ("AWS::SNS::TopicPolicy", "PolicyDocument"),
        ("AWS::KMS::Key", "KeyPolicy"),
        ("AWS::ECR::Repository", "RepositoryPolicyText"),
        ("AWS::SecretsManager::ResourcePolicy", "ResourcePolicy"),
        ("AWS::EC2::VPCEndpoint", "PolicyDocument"),
        ("AWS::EFS::FileSystem", "FileSystemPolicy"),
    ],
)
def test_a_policy_on_a_resource_has_no_role_but_a_principal(kind: str, key: str) -> None:
    guard = deny("s3:*", Principal="*", Condition={"Bool": {"aws:SecureTransport": "false"}})
    opened = allow("s3:GetObject", OBJECTS, Principal={"AWS": "111122223333"})
    comparison = compare(policy_on(kind, key, guard), policy_on(kind, key, guard, opened))
    (change,) = (change.to_json() for change in comparison.changes)
    assert (change["role"], change["logical_id"], change["principal"]) == (None, "Policy", "111122223333")
    assert comparison.roles == {}
    assert comparison.policies == {"Policy": "wider"}


def test_a_denial_that_goes_with_its_policy_makes_it_wider() -> None:
    guard = deny("s3:*", Principal="*", Condition={"Bool": {"aws:SecureTransport": "false"}})
    before = policy_on("AWS::S3::BucketPolicy", "PolicyDocument", guard)
    assert compare(before, {}).policies == {"Policy": "wider"}


def test_an_endpoint_without_a_policy_lets_everything_through() -> None:
    kind = "AWS::EC2::VPCEndpoint"
    guarded = policy_on(kind, "PolicyDocument", allow("s3:GetObject", OBJECTS, Principal="*"))
    open_to_all: Resources = {"Policy": (kind, {})}
    assert compare(guarded, open_to_all).policies == {"Policy": "wider"}
    assert compare(open_to_all, guarded).policies == {"Policy": "narrower"}
    assert compare({}, open_to_all).changes == ()
    assert compare({}, guarded).policies == {"Policy": "wider"}


def test_any_other_resource_without_a_policy_lets_nobody_through() -> None:
    kind = "AWS::ECR::Repository"
    shared = policy_on(kind, "RepositoryPolicyText", allow("ecr:BatchGetImage", Principal="*"))
    assert compare(shared, {"Policy": (kind, {})}).policies == {"Policy": "narrower"}


def test_a_policy_in_json_text_is_read() -> None:
    def written(action: str) -> Resources:
        text = f'{{"Statement": {{"Effect": "Allow", "Action": "{action}", "Resource": "*"}}}}'
        return {"Policy": ("AWS::Logs::ResourcePolicy", {"PolicyDocument": text})}

    assert compare(written("logs:PutLogEvents"), written("logs:*")).policies == {"Policy": "wider"}


def test_who_may_invoke_a_function_is_a_permission() -> None:
    permission = {"Action": "lambda:InvokeFunction", "FunctionName": "f", "Principal": "s3.amazonaws.com"}
    before = {"Invoke": ("AWS::Lambda::Permission", permission | {"SourceArn": "arn:aws:s3:::a"})}
    after = {"Invoke": ("AWS::Lambda::Permission", permission)}
    assert compare(before, after).policies == {"Invoke": "wider"}
    all_of_it = {
        "SourceArn": "arn:aws:s3:::a",
        "SourceAccount": "111122223333",
        "PrincipalOrgID": "o-1",
        "FunctionUrlAuthType": "AWS_IAM",
    }
    (change,) = compare({}, {"Invoke": ("AWS::Lambda::Permission", permission | all_of_it)}).changes
    told = change.to_json()
    assert (told["action"], told["resource"], told["principal"]) == (
        "lambda:InvokeFunction",
        "f",
        "s3.amazonaws.com",
    )
    assert told["condition"] == {
        "ArnLike": {"aws:SourceArn": "arn:aws:s3:::a"},
        "StringEquals": {
            "aws:PrincipalOrgID": "o-1",
            "aws:SourceAccount": "111122223333",
            "lambda:FunctionUrlAuthType": "AWS_IAM",
        },
    }


def test_a_new_role_is_wider_and_a_removed_one_narrower() -> None:
    assert compare({}, of(allow("sqs:SendMessage"))).roles == {"Role": "wider"}
    assert compare(of(allow("sqs:SendMessage")), {}).roles == {"Role": "narrower"}


def test_a_role_that_nobody_touched_is_not_told() -> None:
    comparison = compare(of(allow("sqs:*")), of(allow("sqs:*")) | {"Queue": ("AWS::SQS::Queue", {})})
    assert (comparison.changes, comparison.roles) == ((), {})


@pytest.mark.parametrize(
    "statement",
    [
        None,
        "text",
        7,
        {},
        {"Effect": "Allow"},
        {"Effect": ["Allow"]},
        {"Effect": "Allow", "Action": {"Ref": "X"}},
    ],
)
def test_what_is_no_statement_does_not_end_in_a_traceback(statement: Any) -> None:
    compare(role(Policies=[{"PolicyDocument": {"Statement": [statement]}}]), of(allow("sqs:*")))
    compare(role(Policies=statement, AssumeRolePolicyDocument=statement), of())


def under(operator: str, *values: str) -> Json:
    return allow("s3:GetObject", "*", Condition={operator: {"aws:a": list(values)}})


SHAPES: dict[str, Callable[[int], Json]] = {
    "resources": lambda number: allow("s3:GetObject", f"arn:aws:s3:::b{number}/*"),
    "ends of resources": lambda number: allow("s3:GetObject", f"arn:aws:s3:::*-{number}/*"),
    "all but a resource": lambda number: {
        "Effect": "Deny",
        "Action": "s3:*",
        "NotResource": ["arn:aws:s3:::b/*", f"arn:aws:s3:::*-{number}/*"],
    },
    "actions": lambda number: allow(f"s3:Get{number}x*", "*"),
    "all but an action": lambda number: {
        "Effect": "Allow",
        "NotAction": f"s3:Get{number}x*",
        "Resource": "*",
    },
    "resources and actions": lambda number: allow(f"s3:Get{number % 20}x*", f"b{number // 20}"),
    "principals": lambda number: allow("s3:GetObject", "*", Principal={"AWS": f"{number:012}"}),
    "a pattern in a condition": lambda number: under("StringLike", f"v{number}*"),
    "one of several values": lambda number: under("StringEquals", f"v{number}", f"w{number}"),
    "none of several values": lambda number: under("StringNotEquals", "v", f"v{number}"),
    "keys": lambda number: allow("s3:GetObject", "*", Condition={"Null": {f"aws:a/{number}": "true"}}),
    "networks": lambda number: under("IpAddress", f"10.{number // 256}.{number % 256}.0/24", "fd00::/8"),
    "the second of two tests": lambda number: allow(
        "s3:GetObject",
        "*",
        Condition={"Bool": {"aws:SecureTransport": "true"}, "StringEquals": {"aws:a": f"v{number}"}},
    ),
}


# What a request that passes the first one passes, and what not.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
PASSES = [
    (under("Null", "true"), under("StringEqualsIfExists", "a"), True),
    (under("Null", "true"), under("ForAllValues:StringEquals", "a"), True),
    (under("Null", "true"), under("ForAnyValue:StringNotEquals", "a"), False),
    (under("Null", "true"), under("StringNotEquals", "a"), True),
    (under("Null", "true"), under("StringEquals", "a"), False),
    (under("Null", "false"), under("StringNotEquals", "a"), False),
    (under("StringEquals", "a"), under("Null", "false"), True),
    (under("StringEquals", "a"), under("Null", "true"), False),
    (under("StringEqualsIfExists", "a"), under("Null", "false"), False),
    (under("ForAllValues:StringEquals", "a"), under("Null", "false"), False),
    (under("StringNotEquals", "a"), under("Null", "false"), False),
    (under("StringEquals", "a", "b"), under("StringNotEquals", "b"), False),
    (under("StringEqualsIgnoreCase", "A"), under("StringEqualsIgnoreCase", "a"), True),
    (under("ArnNotEquals", "a*"), under("ArnNotLike", "ab"), True),
    (under("IpAddress", "10.0.0.0/8"), under("NotIpAddress", "11.0.0.0/8"), True),
    (under("IpAddress", "${Cidr}"), under("NotIpAddress", "11.0.0.0/8"), False),
    (under("NumericLessThan", "5"), under("NumericLessThan", "10"), True),
    (under("NumericLessThan", "10"), under("NumericLessThan", "5"), False),
    (under("NumericGreaterThan", "10"), under("NumericGreaterThan", "5"), True),
    (under("NumericLessThan", "5"), under("NumericGreaterThan", "1"), False),
    (under("NumericLessThan", "5"), under("NumericLessThanEquals", "5"), True),
    (under("NumericLessThanEquals", "5"), under("NumericLessThan", "5"), False),
    (under("NumericLessThan", "${Most}"), under("NumericLessThan", "5"), False),
    (under("NumericLessThan", "${Most}"), under("NumericLessThan", "${Most}"), True),
    (under("DateLessThan", "2024-01-01T00:00:00"), under("DateLessThan", "2024-01-01T00:00:00Z"), True),
    (under("DateLessThan", "2024-01-01T01:00:00+02:00"), under("DateLessThan", "2024-01-01T00:00:00Z"), True),
]


@pytest.mark.parametrize(("given", "test", "passes"), PASSES)
def test_who_passes_one_condition_passes_another(given: Json, test: Json, passes: bool) -> None:
    part, whole = grants.grants({"Statement": [given, test]}, "Policy")
    assert whole.covers(part) is passes
    assert grants.Granted([whole]).cover(part) is passes


EVERY_KIND = [
    *(side for sides in (*SAME.values(), *WIDER.values()) for side in sides),
    of(
        under("StringEquals", "a"),
        under("StringEquals", "b"),
        under("StringEqualsIfExists", "a"),
        under("ForAllValues:StringEquals", "a"),
        under("StringNotEquals", "a"),
        under("StringNotEquals", "a", "c"),
        under("StringNotLike", "a*"),
        under("Null", "true"),
        under("Null", "false"),
        under("IpAddress", "10.1.2.3/16"),
        under("IpAddress", "10.1.0.0/16", "10.0.0.0/16"),
        under("IpAddress", "10.0.0.0/15"),
        {"Effect": "Allow", "Action": "s3:GetObject", "NotResource": ["arn:aws:s3:::b/*", "x"]},
        {"Effect": "Allow", "Action": "s3:GetObject", "NotResource": "arn:aws:s3:::*/*"},
        {"Effect": "Allow", "Action": "s3:GetObject", "NotResource": ["x", "y"]},
        allow("s3:GetObject", "arn:aws:s3:::b/c"),
    ),
]


def test_what_is_filed_is_found_by_all_that_it_covers() -> None:
    found = list(
        dict.fromkeys(grant.meant for side in EVERY_KIND for one in held(side).values() for grant in one)
    )
    for whole in found:
        granted = grants.Granted([whole])
        assert [part for part in found if granted.cover(part)] == [
            part for part in found if whole.covers(part)
        ]


def counted(of: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often that is called."""
    called, count = getattr(of, name), [0]

    def call(*arguments: Any) -> Any:
        count[0] += 1
        return called(*arguments)

    monkeypatch.setattr(of, name, call)
    return count


@pytest.mark.parametrize("shape", SHAPES)
def test_twice_as_many_statements_take_about_twice_the_comparisons(
    shape: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each with each took two minutes for 2,000 statements."""
    count = counted(grants, "_within", monkeypatch)

    def asked_for(many: int) -> int:
        count[0] = 0
        sides = [of(*(SHAPES[shape](number + more) for number in range(many))) for more in (0, many)]
        assert len(compare(*sides).changes) == 2 * many
        return count[0]

    assert asked_for(400) < 3 * asked_for(200) + 400


def test_each_value_of_a_condition_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each with each of the others' took a minute for eight keys of two values."""
    count = counted(grants.Grant, "with_test", monkeypatch)
    before, after = (
        of(allow("s3:GetObject", Condition={"StringEquals": {f"aws:{key}": [side, "c"] for key in range(6)}}))
        for side in ("a", "b")
    )
    assert len(compare(before, after).changes) == 2
    assert count[0] <= 100

from __future__ import annotations

from fraud_cfn.config import COMMITTED
from fraud_cfn.review.access import Access, access
from fraud_cfn.review.model import parse, read
from fraud_cfn.review.pair import pair

COMMITTED_TEXT = COMMITTED.read_text(encoding="utf-8")


def after(old: str, new: str, **values: str) -> Access:
    """What it does to the committed template to write `new` for the first `old`."""
    assert old in COMMITTED_TEXT, old
    return access(pair(read(COMMITTED), parse(COMMITTED_TEXT.replace(old, new, 1)), values))


def test_a_template_without_a_change_has_none() -> None:
    judged = access(pair(read(COMMITTED), read(COMMITTED)))
    assert judged == Access((), {}, {}, (), ())


def test_an_action_more_is_told_with_its_role() -> None:
    judged = after("- sqs:ReceiveMessage\n", "- sqs:ReceiveMessage\n            - sqs:PurgeQueue\n")
    (change,) = (change.to_json() for change in judged.permissions)
    assert judged.roles == {"WorkerTaskRole": "wider"}
    assert (change["change"], change["action"], change["resource"]) == (
        "added",
        "sqs:PurgeQueue",
        "${JobQueue.Arn}",
    )
    assert not change["maybe"]


def test_what_stands_under_a_condition_is_maybe_and_says_on_what_it_depends() -> None:
    judged = after("- kms:Decrypt\n", "- kms:*\n")
    told = [change.to_json() for change in judged.permissions]
    assert told
    assert all(change["maybe"] for change in told)
    (depends_on,) = {tuple(change["depends_on"]) for change in told}
    assert len(depends_on) == 1
    assert "Kms" in depends_on[0]
    assert set(judged.roles.values()) == {"wider"}


def test_a_known_parameter_makes_it_certain() -> None:
    keys = [name for name in read(COMMITTED).parameters if name.endswith("KmsKeyArn")]
    given = after("- kms:Decrypt\n", "- kms:*\n", **dict.fromkeys(keys, "arn:aws:kms:eu-central-1:1:key/a"))
    assert given.permissions
    assert not any(change.depends_on for change in given.permissions)
    absent = after("- kms:Decrypt\n", "- kms:*\n", **dict.fromkeys(keys, ""))
    assert absent.permissions == ()


def test_a_public_address_is_a_finding() -> None:
    judged = after("PubliclyAccessible: false", "PubliclyAccessible: true")
    (finding,) = (finding.to_json() for finding in judged.internet)
    assert (finding["kind"], finding["path"], finding["direction"]) == (
        "internet",
        "Properties.PubliclyAccessible",
        "on",
    )


def test_a_source_that_becomes_the_world_is_a_connection_and_a_finding() -> None:
    judged = after("SourceSecurityGroupId: !Ref JobSecurityGroup", "CidrIp: 0.0.0.0/0")
    first = judged.reachability[0].to_json()
    assert (first["change"], first["from"], first["effective"]) == ("added", "0.0.0.0/0", True)
    assert [finding.to_json()["direction"] for finding in judged.internet] == ["on"]


def test_what_exists_only_where_two_unknown_values_are_alike_is_maybe() -> None:
    text = """
Parameters: {One: {Type: String}, Other: {Type: String}}
Conditions: {Alike: !Equals [!Ref One, !Ref Other]}
Resources:
  Policy:
    Type: AWS::IAM::ManagedPolicy
    Condition: Alike
    Properties: {PolicyDocument: {Statement: [{Effect: Allow, Action: 'sqs:SendMessage', Resource: '*'}]}}
  Role:
    Type: AWS::IAM::Role
    Properties: {ManagedPolicyArns: [!If [Alike, !Ref Policy, 'arn:aws:iam::aws:policy/ReadOnlyAccess']]}
"""
    judged = access(pair(parse(text), parse(text.replace("SendMessage", "*"))))
    assert judged.permissions
    assert all(change.depends_on for change in judged.permissions)

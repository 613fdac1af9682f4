"""How stack operations run: change sets, events, failures and their rollback."""

from __future__ import annotations

import pytest

from fraud_cfn import local
from fraud_cfn.local import Endpoint
from tests.local.conftest import NewStack, Stack, eventually

CONDITIONAL = """
Parameters: {Second: {Type: String, Default: "false"}}
Conditions: {HasSecond: !Equals [!Ref Second, "true"]}
Resources:
  First: {Type: AWS::SQS::Queue, Properties: {QueueName: !Sub "${AWS::StackName}-first"}}
  Second:
    Type: AWS::SQS::Queue
    Condition: HasSecond
    Properties: {QueueName: !Sub "${AWS::StackName}-second"}
"""


def changes(described: dict[str, list[dict[str, dict[str, str]]]]) -> set[tuple[str, str]]:
    listed = [change["ResourceChange"] for change in described["Changes"]]
    return {(change["LogicalResourceId"], change["Action"]) for change in listed}


def test_a_condition_that_begins_to_hold_adds_its_resource_and_one_that_ends_removes_it(
    new_stack: NewStack,
) -> None:
    stack = new_stack(CONDITIONAL)
    assert changes(stack.change("CREATE")) == {("First", "Add")}
    assert stack.deploy("CREATE") == "CREATE_COMPLETE"
    assert changes(stack.change("UPDATE", Second="true")) == {("Second", "Add")}
    assert stack.deploy("UPDATE", Second="true") == "UPDATE_COMPLETE"
    assert changes(stack.change("UPDATE")) == {("Second", "Remove")}
    assert stack.deploy("UPDATE") == "UPDATE_COMPLETE"
    assert stack.physical_ids.keys() == {"First"}


def test_a_change_set_shows_values_before_and_after_where_it_is_asked_to(released: Stack) -> None:
    change = released.change("UPDATE", Enabled="true", Tag="v3")
    described = released.cloudformation.describe_change_set(
        ChangeSetName=change["ChangeSetId"], IncludePropertyValues=True
    )
    resources = {c["ResourceChange"]["LogicalResourceId"]: c["ResourceChange"] for c in described["Changes"]}
    image = resources["Task"]["Details"][0]["Target"]
    assert image["Path"] == "/Properties/ContainerDefinitions/0/Image"
    assert (image["BeforeValue"][-3:], image["AfterValue"][-3:]) == (":v2", ":v3")
    assert resources["Task"]["Replacement"] == "True"
    assert ":v3" in resources["Task"]["AfterContext"]
    revision = resources["Service"]["Details"][0]["Target"]
    assert revision["BeforeValue"] == released.physical_ids["Task"]
    assert revision["AfterValue"] == "{{changeSet:KNOWN_AFTER_APPLY}}"


def test_a_change_set_without_changes_fails_with_cloudformations_words(new_stack: NewStack) -> None:
    stack = new_stack(CONDITIONAL)
    stack.deploy("CREATE")
    described = stack.change("UPDATE")
    assert described["Status"] == "FAILED"
    assert described["StatusReason"].startswith("The submitted information didn't contain changes.")


def test_an_update_reports_the_changed_resources_only(new_stack: NewStack) -> None:
    stack = new_stack(CONDITIONAL)
    stack.deploy("CREATE")
    before = len(stack.events())
    stack.deploy("UPDATE", Second="true")
    assert [(logical_id, status) for logical_id, status, _ in stack.events(before)] == [
        (stack.name, "UPDATE_IN_PROGRESS"),
        ("Second", "CREATE_IN_PROGRESS"),
        ("Second", "CREATE_COMPLETE"),
        (stack.name, "UPDATE_COMPLETE"),
    ]


def test_a_creation_that_fails_halfway_rolls_back_and_leaves_nothing(
    endpoint: Endpoint, new_stack: NewStack
) -> None:
    stack = new_stack()
    endpoint.fail(stack.name, "CpuScaling", "no such metric")
    assert stack.deploy("CREATE") == "ROLLBACK_COMPLETE"
    assert [(i, r) for i, s, r in stack.events() if s == "CREATE_FAILED"] == [
        ("CpuScaling", "no such metric")
    ]
    suffix = stack.fixed["Suffix"]
    assert (
        endpoint.client("logs").describe_log_groups(logGroupNamePrefix=f"/ecs/small-{suffix}")["logGroups"]
        == []
    )
    assert not endpoint.client("ecs").describe_clusters(clusters=[f"small-{suffix}"])["clusters"]


def test_a_stack_whose_creation_rolled_back_can_only_be_deleted(
    endpoint: Endpoint, new_stack: NewStack
) -> None:
    stack = new_stack(CONDITIONAL)
    endpoint.fail(stack.name, "First", "no")
    stack.deploy("CREATE")
    with pytest.raises(stack.cloudformation.exceptions.ClientError, match="ROLLBACK_COMPLETE state"):
        stack.change("UPDATE", Second="true")
    with pytest.raises(
        stack.cloudformation.exceptions.ClientError, match="already exists and cannot be created"
    ):
        stack.change("CREATE")
    assert stack.delete() == "DELETE_COMPLETE"


def test_an_update_that_fails_goes_back_to_the_previous_version(
    endpoint: Endpoint, new_stack: NewStack
) -> None:
    stack = new_stack()
    stack.deploy("CREATE")
    endpoint.fail(stack.name, "Target", "throttled")
    assert stack.deploy("UPDATE", Enabled="true", Tag="v2") == "UPDATE_ROLLBACK_COMPLETE"
    assert ("Target", "UPDATE_FAILED", "throttled") in stack.events()
    name = f"small-{stack.fixed['Suffix']}"
    (service,) = endpoint.client("ecs").describe_services(cluster=name, services=[name])["services"]
    assert service["taskDefinition"].endswith(f"{name}:1")
    assert service["desiredCount"] == 0
    assert stack.deploy("UPDATE", Enabled="true", Tag="v2") == "UPDATE_COMPLETE"


def test_a_rollback_that_fails_can_be_continued(endpoint: Endpoint, new_stack: NewStack) -> None:
    stack = new_stack()
    stack.deploy("CREATE")
    endpoint.fail(stack.name, "Service", "", "cannot go back")
    endpoint.fail(stack.name, "Target", "throttled")
    assert stack.deploy("UPDATE", Enabled="true") == "UPDATE_ROLLBACK_FAILED"
    assert ("Service", "UPDATE_FAILED", "cannot go back") in stack.events()
    assert status_of(stack, "Service") == "UPDATE_FAILED"  # so that it can be told what may be skipped
    stack.cloudformation.continue_update_rollback(StackName=stack.name)
    assert stack.settled(stack.name) == "UPDATE_ROLLBACK_COMPLETE"
    assert status_of(stack, "Service") == "UPDATE_COMPLETE"


def status_of(stack: Stack, logical_id: str) -> str:
    pages = stack.cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack.name)
    every = [one for page in pages for one in page["StackResourceSummaries"]]
    return next(one["ResourceStatus"] for one in every if one["LogicalResourceId"] == logical_id)


def test_a_deletion_that_fails_can_be_repeated(endpoint: Endpoint, new_stack: NewStack) -> None:
    stack = new_stack(CONDITIONAL)
    stack.deploy("CREATE")
    endpoint.fail(stack.name, "First", "in use")
    assert stack.delete() == "DELETE_FAILED"
    assert stack.delete() == "DELETE_COMPLETE"


def test_deleting_one_stack_leaves_its_neighbour_whole(
    endpoint: Endpoint, released: Stack, new_stack: NewStack
) -> None:
    neighbour = new_stack()
    assert neighbour.deploy("CREATE", Enabled="true") == "CREATE_COMPLETE"
    assert neighbour.delete() == "DELETE_COMPLETE"
    assert released.described["StackStatus"] == "UPDATE_COMPLETE"
    described = endpoint.client("ecr").describe_repositories()["repositories"]
    names = [repository["repositoryName"] for repository in described]
    assert f"small-{released.fixed['Suffix']}" in names
    assert f"small-{neighbour.fixed['Suffix']}" not in names


def test_at_a_pace_two_stacks_can_be_watched_side_by_side() -> None:
    """Each is in the midst of its first resource, for much longer than it takes to look at both."""
    with local.endpoint(pace=600) as slow:
        cloudformation = slow.client("cloudformation")
        stacks = [Stack(cloudformation, name, CONDITIONAL, {}) for name in ("One", "Two")]
        for stack in stacks:
            change = stack.change("CREATE", Second="true")
            cloudformation.execute_change_set(ChangeSetName=change["ChangeSetId"])
        for stack in stacks:
            eventually(lambda of=stack: of.events()[-1][:2], ("First", "CREATE_IN_PROGRESS"))
        assert [stack.described["StackStatus"] for stack in stacks] == ["CREATE_IN_PROGRESS"] * 2


def test_a_stack_deleted_while_it_is_created_goes_with_what_was_made() -> None:
    """The creation is given up, and does not come back to life behind the deletion."""
    with local.endpoint(pace=0.3) as slow:
        stack = Stack(slow.client("cloudformation"), "One", CONDITIONAL, {})
        change = stack.change("CREATE", Second="true")
        stack.cloudformation.execute_change_set(ChangeSetName=change["ChangeSetId"])
        eventually(lambda: ("First", "CREATE_COMPLETE") in [event[:2] for event in stack.events()], True)
        arn = stack.described["StackId"]
        stack.cloudformation.delete_stack(StackName=arn)
        eventually(
            lambda: stack.cloudformation.describe_stacks(StackName=arn)["Stacks"][0]["StackStatus"],
            "DELETE_COMPLETE",
        )
        assert slow.client("sqs").list_queues().get("QueueUrls", []) == []
        pages = stack.cloudformation.get_paginator("describe_stack_events").paginate(StackName=arn)
        told = [(e["LogicalResourceId"], e["ResourceStatus"]) for page in pages for e in page["StackEvents"]]
        assert told[0] == ("One", "DELETE_COMPLETE")
        assert not {status for _, status in told if "ROLLBACK" in status or status == "CREATE_FAILED"}

"""What the review predicts is what the local endpoint's change sets say, for a stack that is really there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from fraud_cfn.local import Endpoint
from fraud_cfn.review.model import parse
from fraud_cfn.review.review import review

STACK = "predicted"
BEFORE = """
Parameters: {Size: {Type: String, Default: '512'}, Many: {Type: String, Default: 'true'}}
Conditions: {IsMany: !Equals [!Ref Many, 'true']}
Resources:
  Network: {Type: 'AWS::EC2::VPC', Properties: {CidrBlock: 10.9.0.0/16, EnableDnsSupport: true}}
  Subnet: {Type: 'AWS::EC2::Subnet', Properties: {VpcId: !Ref Network, CidrBlock: 10.9.1.0/24}}
  Group: {Type: 'AWS::EC2::SecurityGroup', Properties: {VpcId: !Ref Network, GroupDescription: one}}
  Queue: {Type: 'AWS::SQS::Queue', Properties: {QueueName: predicted-one, VisibilityTimeout: 30}}
  Logs: {Type: 'AWS::Logs::LogGroup', Properties: {LogGroupName: /predicted, RetentionInDays: 7}}
  Bucket: {Type: 'AWS::S3::Bucket', Properties: {BucketName: predicted-one}}
  Repository: {Type: 'AWS::ECR::Repository', Properties: {RepositoryName: predicted-one}}
  Role:
    Type: AWS::IAM::Role
    Properties:
      RoleName: predicted-one
      Description: one
      AssumeRolePolicyDocument:
        Statement: [{Effect: Allow, Action: 'sts:AssumeRole', Principal: {Service: ecs-tasks.amazonaws.com}}]
  Cluster: {Type: 'AWS::ECS::Cluster', Properties: {ClusterName: predicted-one}}
  Task:
    Type: AWS::ECS::TaskDefinition
    Properties:
      Family: predicted
      Cpu: !Ref Size
      ContainerDefinitions: [{Name: app, Image: one, Environment: [{Name: QUEUE, Value: !Ref Queue}]}]
  Extra: {Type: 'AWS::SQS::Queue', Condition: IsMany}
"""
EDITS = {
    "a network's range, and what stands in it": ("CidrBlock: 10.9.0.0/16", "CidrBlock: 10.8.0.0/16"),
    "what a network updates in place": ("EnableDnsSupport: true", "EnableDnsSupport: false"),
    "a subnet's range": ("CidrBlock: 10.9.1.0/24", "CidrBlock: 10.9.2.0/24"),
    "a group's description": ("GroupDescription: one", "GroupDescription: two"),
    "a queue's name, and the task that is told it": ("QueueName: predicted-one", "QueueName: predicted-two"),
    "a queue's timeout": ("VisibilityTimeout: 30", "VisibilityTimeout: 60"),
    "a number written as a text": ("VisibilityTimeout: 30", "VisibilityTimeout: '30'"),
    "a truth written as a text": ("EnableDnsSupport: true", "EnableDnsSupport: 'true'"),
    "how long logs are kept": ("RetentionInDays: 7", "RetentionInDays: 14"),
    "a log group's name": ("LogGroupName: /predicted", "LogGroupName: /other"),
    "a bucket's name": ("BucketName: predicted-one", "BucketName: predicted-two"),
    "a repository's name": ("RepositoryName: predicted-one", "RepositoryName: predicted-two"),
    "a role's name": ("RoleName: predicted-one", "RoleName: predicted-two"),
    "a role's description": ("Description: one", "Description: two"),
    "a cluster's name": ("ClusterName: predicted-one", "ClusterName: predicted-two"),
    "an image": ("Image: one", "Image: two"),
    "a resource more": ("  Extra:", "  More: {Type: 'AWS::SQS::Queue'}\n  Extra:"),
    "a resource less": ("  Bucket: {Type: 'AWS::S3::Bucket', Properties: {BucketName: predicted-one}}\n", ""),
    "a condition that no longer holds": ("[!Ref Many, 'true']", "[!Ref Many, 'all']"),
}
KNOWN = {"Size": "512", "Many": "true"}
REPLACEMENT = {"True": "yes", "False": "no", "Conditional": "maybe"}


@pytest.fixture(scope="module")
def cloudformation(endpoint: Endpoint) -> Iterator[Any]:
    """A client, with the stack deployed."""
    client = endpoint.client("cloudformation")
    client.create_stack(StackName=STACK, TemplateBody=BEFORE, Capabilities=["CAPABILITY_NAMED_IAM"])
    client.get_waiter("stack_create_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1})
    yield client
    client.delete_stack(StackName=STACK)


def told(cloudformation: Any, number: int, after: str) -> dict[str, tuple[str, str]]:
    """Logical id → action and replacement, by a change set."""
    made = cloudformation.create_change_set(
        StackName=STACK,
        ChangeSetName=f"predicted-{number}",
        ChangeSetType="UPDATE",
        TemplateBody=after,
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    described = cloudformation.describe_change_set(ChangeSetName=made["Id"])
    return {
        change["LogicalResourceId"]: (
            change["Action"].lower(),
            REPLACEMENT[change["Replacement"]] if change["Action"] == "Modify" else "no",
        )
        for change in (entry["ResourceChange"] for entry in described["Changes"])
    }


@pytest.mark.parametrize(("number", "edit"), list(enumerate(EDITS)), ids=EDITS)
def test_a_change_set_says_what_was_predicted(cloudformation: Any, number: int, edit: str) -> None:
    old, new = EDITS[edit]
    assert old in BEFORE
    after = BEFORE.replace(old, new)
    predicted = {
        change.logical_id: (change.action, change.replacement)
        for change in review(parse(BEFORE), parse(after), KNOWN).changes
    }
    assert told(cloudformation, number, after) == predicted

"""Each claim holds, in every scenario, and was seen to fail: what is broken here turns it over."""

from __future__ import annotations

from typing import Any

import pytest

from fraud_cfn.config import COMMITTED
from fraud_cfn.prove.claims import claims
from fraud_cfn.prove.environment import environment
from fraud_cfn.prove.evaluator import Decision
from fraud_cfn.review.model import Template, parse, read
from fraud_cfn.template.scenarios import BASE, SCENARIOS


def parameters(scenario: str) -> dict[str, str]:
    return {key: value for key, value in SCENARIOS[scenario].items() if BASE.get(key) != value}


@pytest.mark.parametrize("scenario", [name for name in SCENARIOS if name != "longest suffix"])
def test_every_claim_holds_in_every_scenario(scenario: str) -> None:
    judged = claims(read(COMMITTED), **parameters(scenario))
    assert {claim.sentence: claim.against for claim in judged if not claim.holds} == {}


# What a saboteur, or a tired colleague, might write: where (`-` appends, None takes away), what → the claim.
STATEMENTS = "{}/Properties/Policies/0/PolicyDocument/Statement"
API, WORKER, EXECUTION = map(STATEMENTS.format, ("ApiTaskRole", "WorkerTaskRole", "WorkerExecutionRole"))
SCHEDULE = STATEMENTS.format("ScheduleRole")
TRUST = "{}/Properties/AssumeRolePolicyDocument/Statement/0"
GUARD = "{}/Properties/PolicyDocument/Statement/0"
NAMES = "arn:aws:sqs:eu-central-1:${AWS::AccountId}:fraud-jobs-${EnvironmentSuffix}*"
TASKS = "NetworkConfiguration/AwsvpcConfiguration"
POSTGRES = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432}


def allow(action: Any, resource: Any, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def arn(logical_id: str) -> dict[str, Any]:
    return {"Fn::GetAtt": [logical_id, "Arn"]}


OBJECTS = {"Fn::Sub": "${DataBucket.Arn}/*"}
USERS = {"Fn::Sub": "arn:aws:rds-db:*:*:dbuser:${DatabaseCluster.DBClusterResourceId}/*"}
JOB = {"Fn::Sub": "arn:aws:ecs:eu-central-1:${AWS::AccountId}:task-definition/fraud-job-dev:*"}
TAGGED = {"StringEquals": {"aws:PrincipalTag/team": "a"}}
TO_TASKS = {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}

BROKEN: dict[str, tuple[str, Any, str]] = {
    "the worker deletes objects": (f"{WORKER}/-", allow("s3:DeleteObject", OBJECTS), "Nobody deletes"),
    "by a wildcard": (f"{WORKER}/-", allow("s3:*Object", OBJECTS), "Nobody deletes"),
    "the API receives": (f"{API}/-", allow("sqs:ReceiveMessage", arn("JobQueue")), "The API alone sends"),
    "the worker receives dead letters": (
        f"{WORKER}/-",
        allow("sqs:ReceiveMessage", arn("DeadLetterQueue")),
        "The API alone sends",
    ),
    "a prefix that dev2 begins with": (
        f"{WORKER}/-",
        allow("sqs:GetQueueUrl", {"Fn::Sub": NAMES}),
        "Another environment",
    ),
    "every account": (
        f"{WORKER}/-",
        allow("sqs:GetQueueUrl", {"Fn::Sub": "arn:aws:sqs:*:*:fraud-jobs-${EnvironmentSuffix}"}),
        "Another environment",
    ),
    "everything but one": (
        f"{WORKER}/-",
        {"Effect": "Allow", "Action": "sqs:GetQueueUrl", "NotResource": arn("DeadLetterQueue")},
        "Another environment",
    ),
    "any suffix of three letters": (
        f"{WORKER}/-",
        allow("sqs:GetQueueUrl", {"Fn::Sub": NAMES.replace("${EnvironmentSuffix}*", "???")}),
        "Another environment",
    ),
    "another account may send": (
        "JobQueuePolicy/Properties/PolicyDocument/Statement/-",
        allow("sqs:SendMessage", arn("JobQueue"), Principal={"AWS": "arn:aws:iam::999999999999:root"}),
        "Policies on resources allow nobody",
    ),
    "everybody reads objects": (
        "DataBucketPolicy/Properties/PolicyDocument/Statement/-",
        allow("s3:GetObject", OBJECTS, Principal="*"),
        "Policies on resources allow nobody",
    ),
    "another account pulls images": (
        "ApiRepository/Properties/RepositoryPolicyText",
        {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "ecr:BatchGetImage"}]},
        "Policies on resources allow nobody",
    ),
    "the secret of another system": (
        f"{API}/-",
        allow("secretsmanager:GetSecretValue", "arn:aws:secretsmanager:eu-central-1:*:secret:company-*"),
        "What a role may use",
    ),
    "a function of another account": (
        f"{WORKER}/-",
        allow("lambda:InvokeFunction", "arn:aws:lambda:eu-central-1:999999999999:function:a"),
        "What a role may use",
    ),
    "a role of another account": (
        f"{WORKER}/-",
        allow("sts:AssumeRole", "arn:aws:iam::999999999999:role/a"),
        "No role changes permissions",
    ),
    "a user's key, under a condition": (
        f"{WORKER}/-",
        allow("iam:CreateAccessKey", "arn:aws:iam::111122223333:user/a", Condition=TAGGED),
        "No role changes permissions",
    ),
    "objects, under a condition": (
        f"{WORKER}/-",
        allow("s3:DeleteObject", OBJECTS, Condition=TAGGED),
        "Nobody deletes",
    ),
    "messages, under a condition": (
        f"{API}/-",
        allow("sqs:ReceiveMessage", arn("JobQueue"), Condition=TAGGED),
        "The API alone sends",
    ),
    "another environment's, under a condition": (
        f"{API}/-",
        allow("sqs:SendMessage", "arn:aws:sqs:eu-central-1:111122223333:fraud-jobs-prod", Condition=TAGGED),
        "Another environment",
    ),
    "another service may be passed a role": (
        f"{API}/-",
        allow("iam:PassRole", arn("JobTaskRole"), Condition={"StringLike": {"iam:PassedToService": "code*"}}),
        "Nobody passes a role",
    ),
    "another service": (
        TRUST.format("JobTaskRole") + "/Principal/Service",
        ["ecs-tasks.amazonaws.com", "codebuild.amazonaws.com"],
        "Each role is assumed",
    ),
    "a role of another account, by a name of its own": (
        "JobTaskRole/Properties/AssumeRolePolicyDocument/Statement/-",
        {
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::999999999999:role/ci"},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"sts:ExternalId": "a"}},
        },
        "Each role is assumed",
    ),
    "a user of the database that no workload has": (
        f"{API}/-",
        allow("rds-db:connect", {"Fn::Sub": USERS["Fn::Sub"].replace("/*", "/rds_superuser")}),
        "Each workload logs in",
    ),
    "another system's task": (
        f"{SCHEDULE}/-",
        allow("ecs:RunTask", "arn:aws:ecs:eu-central-1:111122223333:task-definition/other:*"),
        "The scheduler runs the job only",
    ),
    "a second endpoint, without a policy": (
        "Endpoint",
        {
            "Type": "AWS::EC2::VPCEndpoint",
            "Properties": {"VpcEndpointType": "Gateway", "ServiceName": "dynamodb"},
        },
        "The S3 endpoint",
    ),
    "the image of another service": (
        f"{EXECUTION}/-",
        allow("ecr:BatchGetImage", arn("ApiRepository")),
        "Each execution role is enough",
    ),
    "a grant less": (f"{EXECUTION}/0", None, "Each execution role is enough"),
    "any service may be passed a role": (
        f"{SCHEDULE}/-",
        allow("iam:PassRole", arn("JobTaskRole")),
        "Nobody passes a role",
    ),
    "another role may be passed": (
        f"{SCHEDULE}/-",
        allow("iam:PassRole", arn("ApiTaskRole"), Condition=TO_TASKS),
        "Nobody passes a role",
    ),
    "any account's tasks": (
        TRUST.format("ApiTaskRole") + "/Condition",
        {"StringLike": {"aws:SourceAccount": "*"}},
        "Each role is assumed",
    ),
    "any group of schedules": (
        TRUST.format("ScheduleRole") + "/Condition/ArnEquals",
        {"aws:SourceArn": {"Fn::Sub": "${ScheduleGroup.Arn}*"}},
        "Each role is assumed",
    ),
    "a person": (
        TRUST.format("WorkerTaskRole") + "/Principal/AWS",
        {"Ref": "AWS::AccountId"},
        "Each role is assumed",
    ),
    "the worker changes roles": (f"{WORKER}/-", allow("iam:AttachRolePolicy", "*"), "No role changes"),
    "everything, everywhere": (f"{WORKER}/-", allow("s3:GetObject", "*"), "No wildcard action"),
    "a managed policy": (
        "ApiTaskRole/Properties/ManagedPolicyArns",
        ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
        "No wildcard action",
    ),
    "any secret": (f"{EXECUTION}/-", allow("secretsmanager:GetSecretValue", "*"), "Secrets are read"),
    "the master user of the database": (f"{API}/-", allow("rds-db:connect", USERS), "Each workload logs in"),
    "any cluster": (f"{SCHEDULE}/-", allow("ecs:RunTask", JOB), "The scheduler runs the job only"),
    "plain HTTP": (GUARD.format("JobQueuePolicy") + "/Effect", "Allow", "Bucket and queues refuse"),
    "plain HTTP to objects": (
        GUARD.format("DataBucketPolicy") + "/Resource",
        [arn("DataBucket")],
        "Bucket and queues refuse",
    ),
    "an unconditional denial": (
        GUARD.format("JobQueuePolicy") + "/Condition",
        None,
        "Bucket and queues refuse",
    ),
    "any bucket through the endpoint": (
        "S3Endpoint/Properties/PolicyDocument/Statement/0/Resource",
        "*",
        "The S3 endpoint",
    ),
    "an endpoint without a policy": ("S3Endpoint/Properties/PolicyDocument", None, "The S3 endpoint"),
    "a role without the boundary": (
        "ApiTaskRole/Properties/PermissionsBoundary",
        None,
        "A permissions boundary",
    ),
    "a key for everybody": (f"{API}/-", allow("kms:Decrypt", "*"), "Without a customer managed key"),
    "the database open to the world": (
        "DatabaseFromApi/Properties",
        POSTGRES | {"GroupId": {"Ref": "DatabaseSecurityGroup"}, "CidrIp": "0.0.0.0/0"},
        "The internet reaches only",
    ),
    "a public database": (
        "DatabaseWriterInstance/Properties/PubliclyAccessible",
        True,
        "The internet reaches only",
    ),
    "clients from everywhere": (
        "LoadBalancerSecurityGroup/Properties/SecurityGroupIngress/0/CidrIp",
        "0.0.0.0/0",
        "Clients are those",
    ),
    "the whole VPC at the database": (
        "DatabaseSecurityGroup/Properties/SecurityGroupIngress",
        [POSTGRES | {"CidrIp": "10.0.0.0/16"}],
        "The database is reached",
    ),
    "the database goes out": (
        "DatabaseSecurityGroup/Properties/SecurityGroupEgress/0/CidrIp",
        "0.0.0.0/0",
        "The database opens no connection",
    ),
    "the database has AWS's default egress": (
        "DatabaseSecurityGroup/Properties/SecurityGroupEgress",
        None,
        "The database opens no connection",
    ),
    "tasks go anywhere": (
        "JobSecurityGroup/Properties/SecurityGroupEgress/0/FromPort",
        22,
        "Workloads reach",
    ),
    "a public address": (
        f"ApiService/Properties/{TASKS}/AssignPublicIp",
        "ENABLED",
        "Tasks have no public address",
    ),
    "tasks in a public subnet": (
        f"WorkerService/Properties/{TASKS}/Subnets/0",
        {"Ref": "PublicSubnetA"},
        "Tasks have no public address",
    ),
    "a private subnet at the gateway": (
        "PrivateDefaultRoute/Properties",
        {
            "RouteTableId": {"Ref": "PrivateRouteTable"},
            "DestinationCidrBlock": "0.0.0.0/0",
            "GatewayId": {"Ref": "InternetGateway"},
        },
        "Tasks have no public address",
    ),
    "tasks behind another group": (
        f"WorkerService/Properties/{TASKS}/SecurityGroups/0",
        {"Ref": "ApiSecurityGroup"},
        "Each security group protects",
    ),
    "a peering": (
        "Peering",
        {"Type": "AWS::EC2::VPCPeeringConnection", "Properties": {"VpcId": {"Ref": "Vpc"}, "PeerVpcId": "v"}},
        "Nothing else is in the VPC",
    ),
    "an endpoint with interfaces": (
        "S3Endpoint/Properties/VpcEndpointType",
        "Interface",
        "Nothing else is in the VPC",
    ),
    "a function in the VPC": (
        "Function",
        {
            "Type": "AWS::Lambda::Function",
            "Properties": {"VpcConfig": {"SubnetIds": [{"Ref": "PrivateSubnetA"}]}},
        },
        "Nothing else is in the VPC",
    ),
    "one end only": ("DatabaseFromJob", None, "Every rule between two groups"),
}


def broken(path: str, value: Any) -> Template:
    """The committed template with one thing changed."""
    template = read(COMMITTED)
    *way, last = path.split("/")
    place: Any = template.body["Resources"]
    for step in way:
        place = place[int(step)] if isinstance(place, list) else place[step]
    if last == "-":
        place.append(value)
    elif value is None:
        del place[int(last) if isinstance(place, list) else last]
    else:
        place[int(last) if isinstance(place, list) else last] = value
    return template


@pytest.mark.parametrize("what", BROKEN)
def test_a_claim_fails_when_what_it_claims_is_broken(what: str) -> None:
    path, value, sentence = BROKEN[what]
    concerned = [claim for claim in claims(broken(path, value)) if claim.sentence.startswith(sentence)]
    assert [claim.sentence for claim in concerned if not claim.holds]


def test_every_claim_was_seen_to_fail() -> None:
    sentences = tuple(sentence for _, _, sentence in BROKEN.values())
    assert [c.sentence for c in claims(read(COMMITTED)) if not c.sentence.startswith(sentences)] == []


def test_what_cannot_be_judged_does_not_hold() -> None:
    unjudged = claims(parse("Resources: {Queue: {Type: 'AWS::SQS::Queue'}}"))
    assert any("cannot be judged" in claim.against[0] for claim in unjudged if claim.against)


def test_dev_does_not_reach_dev2_by_name_alone() -> None:
    template = read(COMMITTED)
    dev, dev2 = environment(template, "dev"), environment(template, "dev2")
    worker = dev.roles["WorkerTaskRole"]
    assert dev.may(worker, "sqs:ReceiveMessage", dev.arn("JobQueue"))
    assert not dev.may(worker, "sqs:ReceiveMessage", dev2.arn("JobQueue"))
    refused = dev.decision(worker, "sqs:ReceiveMessage", dev.arn("JobQueue"), aws__SecureTransport="false")
    assert refused is Decision.EXPLICIT_DENY

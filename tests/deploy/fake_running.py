"""What runs in the scripted AWS: services, tasks, targets, images, deployments; every list pages by one."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from botocore import xform_name

from fraud_cfn.template import document
from tests.deploy.fake_aws import ACCOUNT, Aws, FaultError, steps

LIVE = Path(__file__).parent / "live.yaml"
Answer = dict[str, Any]
DENIED = FaultError("AccessDeniedException", "User: dev is not authorized to perform this action")


def physical_id(logical_id: str, kind: str) -> str:
    """As CloudFormation lists it."""
    thing = logical_id.lower().removesuffix(kind.rpartition("::")[2].lower())
    ecs = f"arn:aws:ecs:eu-central-1:{ACCOUNT}"
    return {
        "AWS::ECS::Service": f"{ecs}:service/c/fraud-{thing}-dev",
        "AWS::ECS::TaskDefinition": f"{ecs}:task-definition/fraud-{thing}-dev:7",
        "AWS::ECR::Repository": f"fraud-{thing}-dev",
        "AWS::Logs::LogGroup": f"/ecs/fraud-{thing.removesuffix('logs')}-dev",
        "AWS::SQS::Queue": f"https://sqs/1/fraud-{thing}-dev",
        "AWS::ECS::Cluster": "c",
    }.get(
        kind,
        f"{logical_id}Arn" if not logical_id.endswith("Group") else f"{logical_id.split('Target')[0]}Arn",
    )


@dataclass
class Task:
    """One task; it ends at `ends` seconds of the story."""

    arn: str
    owner: str
    ends: float = float("inf")
    code: str = "EssentialContainerExited"
    reason: str = "Essential container in task exited"
    exit_code: int | None = 1
    family: bool = False
    hidden_until: float = 0  # ECS does not know it before
    told: float = float("inf")  # when it was told to stop, if it needs longer than that

    @property
    def id(self) -> str:
        return self.arn.split("/")[-1]


@dataclass
class Running:
    """The state; a story changes it, or gives an operation another answer."""

    aws: Aws
    desired: dict[str, int] = field(default_factory=lambda: {"api": 2, "worker": 1})
    tasks: list[Task] = field(default_factory=list)
    health: dict[str, list[str]] = field(default_factory=lambda: {"BlueArn": ["healthy", "healthy"]})
    revisions: dict[str, str] = field(default_factory=dict)  # service → task definition, if not the stack's
    deployments: dict[str, list[Answer]] = field(default_factory=dict)
    images: dict[str, set[str]] = field(
        default_factory=lambda: {name: {"v1", "v1.4", "v1.5"} for name in ("api", "worker", "job")}
    )
    messages: dict[str, int] = field(default_factory=dict)  # queue URL → messages
    asked: dict[str, list[Answer]] = field(
        default_factory=dict
    )  # operation → requests that changed something
    suspended: bool = False
    scheduled: str = "ENABLED"
    drain: float = 0  # seconds that a task needs to stop
    started: Callable[[], Task] | None = None

    def install(self) -> Running:
        template = document.read(LIVE).template
        self.aws.template = LIVE.read_text("utf-8")
        self.aws.resources = [
            {
                "LogicalResourceId": logical_id,
                "PhysicalResourceId": physical_id(logical_id, resource["Type"]),
                "ResourceType": resource["Type"],
                "ResourceStatus": "CREATE_COMPLETE",
            }
            for logical_id, resource in template["Resources"].items()
        ]
        self.aws.parameters |= {
            "ServicesEnabled": "true",
            "WorkerImageTag": "v1",
            "JobImageTag": "v1",
            "CpuArchitecture": "X86_64",
        }
        self.aws.scripts["ExecuteChangeSet"] = self.aws.scripts.get("ExecuteChangeSet", [])
        for operation in (
            "DescribeServices",
            "ListServiceDeployments",
            "DescribeServiceDeployments",
            "DescribeServiceRevisions",
            "ListTasks",
            "DescribeTasks",
            "DescribeTargetHealth",
            "ModifyRule",
            "UpdateService",
            "DescribeScalableTargets",
            "DescribeScalingActivities",
            "RegisterScalableTarget",
            "GetQueueAttributes",
            "GetSchedule",
            "RunTask",
            "DescribeImages",
            "BatchGetImage",
            "FilterLogEvents",
            "ListTaskDefinitions",
            "DescribeTaskDefinition",
            "UpdateTerminationProtection",
            "UpdateSchedule",
            "StopTask",
            "ExecuteChangeSet",
        ):
            self.aws.answers[operation] = getattr(self, xform_name(operation))
        for name, count in self.desired.items():
            self.tasks += [Task(f"arn/{name}-{number}", f"fraud-{name}-dev") for number in range(count)]
        return self

    def edit_template(self, edit: Callable[[dict[str, Any]], None]) -> None:
        template = deepcopy(document.read(LIVE).template)  # each is parsed once
        edit(template)
        self.aws.template = yaml.safe_dump(template)

    # ── ECS ──

    def _now(self, task: Task) -> str:
        return "STOPPED" if task.ends <= self.aws.now else "RUNNING"

    def _of(self, owner: str, status: str) -> list[Task]:
        known = [task for task in self.tasks if task.hidden_until <= self.aws.now]
        return [task for task in known if task.owner == owner and self._wanted(task) == status]

    def _wanted(self, task: Task) -> str:
        """What ECS wants of it, by which ListTasks lists."""
        return "STOPPED" if min(task.ends, task.told) <= self.aws.now else "RUNNING"

    def describe_services(self, asked: Answer) -> Answer:
        services = []
        for arn in asked["services"]:
            name = arn.removeprefix("fraud-").removesuffix("-dev")
            if name not in self.desired:
                continue
            running = len(self._of(arn, "RUNNING"))
            definition = f"arn:aws:ecs:eu-central-1:{ACCOUNT}:task-definition/fraud-{name}-dev:7"
            services.append(
                {
                    "serviceName": arn,
                    "status": "ACTIVE",
                    "desiredCount": self.desired[name],
                    "runningCount": running,
                    "pendingCount": 0,
                    "taskDefinition": self.revisions.get(name, definition),
                    "deployments": [{"status": "PRIMARY", "rolloutState": "COMPLETED"}],
                    "events": [{"message": "(service) has reached a steady state."}],
                }
            )
        return {"services": services}

    def _paged(self, items: list[Any], asked: Answer, name: str) -> Answer:
        begin = int(asked.get("nextToken", 0))
        more = {"nextToken": str(begin + 1)} if begin + 1 < len(items) else {}
        return {name: items[begin : begin + 1], **more}

    def list_tasks(self, asked: Answer) -> Answer:
        owner = asked.get("serviceName") or asked.get("family")
        owners = [owner] if owner else dict.fromkeys(task.owner for task in self.tasks)
        arns = [task.arn for one in owners for task in self._of(one, asked["desiredStatus"])]
        return self._paged(arns, asked, "taskArns")

    def describe_tasks(self, asked: Answer) -> Answer:
        found, missing = [], []
        for arn in asked["tasks"]:
            task = next((one for one in self.tasks if arn in (one.arn, one.id)), None)
            if task is None or task.hidden_until > self.aws.now:
                missing.append({"arn": arn, "reason": "MISSING"})
                continue
            ended = self._now(task) == "STOPPED"
            name = task.owner.removeprefix("fraud-").removesuffix("-dev")
            end = {"stopCode": task.code, "stoppedReason": task.reason} if ended else {}
            container = {
                "name": name,
                **({"exitCode": task.exit_code} if ended and task.exit_code is not None else {}),
            }
            group = f"{'family' if task.family else 'service'}:{task.owner}"
            found.append(
                {
                    "taskArn": task.arn,
                    "group": group,
                    "lastStatus": self._now(task),
                    "containers": [container],
                    **end,
                }
            )
        return {"tasks": found, "failures": missing}

    def list_service_deployments(self, asked: Answer) -> Answer:
        wanted = asked.get("status")
        known = self.deployments.get(asked["service"], [])
        return self._paged(
            [
                {
                    name: one[name]
                    for name in one
                    if name not in ("rollback", "lifecycleStage", "image", "digest")
                }
                for one in known
                if not wanted or one["status"] in wanted
            ],
            asked,
            "serviceDeployments",
        )

    def _known_deployments(self) -> list[Answer]:
        return [one for known in self.deployments.values() for one in known]

    def describe_service_deployments(self, asked: Answer) -> Answer:
        wanted = asked["serviceDeploymentArns"]
        return {
            "serviceDeployments": [
                one for one in self._known_deployments() if one["serviceDeploymentArn"] in wanted
            ]
        }

    def describe_service_revisions(self, asked: Answer) -> Answer:
        return {
            "serviceRevisions": [
                {
                    "serviceRevisionArn": one["targetServiceRevisionArn"],
                    "taskDefinition": "arn:x/fraud-api-dev:7",
                    "containerImages": [
                        {"containerName": "tracing", "image": "collector:v1"},
                        {"containerName": "api", "image": f"r/fraud-api-dev:{one['image']}"}
                        | {"imageDigest": one["digest"]},
                    ],
                }
                for one in self._known_deployments()
                if one["targetServiceRevisionArn"] in asked["serviceRevisionArns"]
            ]
        }

    def deployed(self, number: int, status: str, image: str, **more: Any) -> Answer:
        """One deployment of the API, `number` seconds after the story began."""
        return {
            "serviceDeploymentArn": f"d/{number}",
            "createdAt": datetime.fromtimestamp(1_700_000_000 + number).astimezone(),
            "status": status,
            "targetServiceRevisionArn": f"r/{number}",
            "image": image,
            "digest": f"sha256:{image}",
            **more,
        }

    def update_service(self, asked: Answer) -> Answer:
        self.asked.setdefault("UpdateService", []).append(asked)
        if "desiredCount" in asked:
            self.scale(asked["service"].removeprefix("fraud-").removesuffix("-dev"), asked["desiredCount"])
        return {"service": {"serviceName": asked["service"]}}

    def scale(self, name: str, count: int) -> None:
        """So many tasks from now on, healthy at once; what is too many stops."""
        self.desired[name] = count
        running = [one for one in self._of(f"fraud-{name}-dev", "RUNNING") if one.ends == float("inf")]
        for task in running[count:]:
            task.ends, task.code = self.aws.now + self.drain, "ServiceSchedulerInitiated"
            task.reason, task.exit_code = "Scaling activity initiated by (deployment ecs-svc/1)", None
        begun = len(self.tasks)
        self.tasks += [
            Task(f"arn/{name}-{begun + number}", f"fraud-{name}-dev")
            for number in range(count - len(running))
        ]
        if name == "api":
            front = "BlueArn" if self.aws.weights[0] else "GreenArn"
            self.health = {front: ["healthy"] * count} if count else {}

    def execute_change_set(self, asked: Answer) -> Answer:
        before = self.aws.parameters.get("ServicesEnabled")
        answer = self.aws._execute_change_set(asked)
        now = self.aws.parameters.get("ServicesEnabled")
        if before != now and now == "false":
            for name in self.desired:
                self.scale(name, 0)
            self.suspended, self.scheduled = True, "DISABLED"
        elif before == "false" and now != before and not any(self.desired.values()):
            for name in self.desired:
                self.scale(name, 2 if name == "api" else 1)
            self.suspended, self.scheduled = False, "ENABLED"
        return answer

    def stop_task(self, asked: Answer) -> Answer:
        self.asked.setdefault("StopTask", []).append(asked)
        for task in self.tasks:
            if asked["task"] in (task.arn, task.id):
                task.ends, task.code, task.reason = (
                    self.aws.now + self.drain,
                    "UserInitiated",
                    asked["reason"],
                )
                task.exit_code = None
        return {"task": {}}

    def run_task(self, asked: Answer) -> Answer:
        self.asked.setdefault("RunTask", []).append(asked)
        task = self.started() if self.started else Task("arn/job-1", "fraud-job-dev", ends=self.aws.now + 30)
        task.family = True
        self.tasks.append(task)
        return {"tasks": [{"taskArn": task.arn}], "failures": []}

    def list_task_definitions(self, asked: Answer) -> Answer:
        return {"taskDefinitionArns": [f"arn:x/{asked['familyPrefix']}:{number}" for number in (6, 5)]}

    def describe_task_definition(self, asked: Answer) -> Answer:
        family, _, number = asked["taskDefinition"].rpartition("/")[2].rpartition(":")
        name = family.removeprefix("fraud-").removesuffix("-dev")
        return {
            "taskDefinition": {
                "family": family,
                "containerDefinitions": [{"name": name, "image": f"r/{family}:v{number}"}],
            }
        }

    # ── The load balancer, scaling, queues, schedule, images, logs ──

    def describe_target_health(self, asked: Answer) -> Answer:
        states = self.health.get(asked["TargetGroupArn"], [])
        return {
            "TargetHealthDescriptions": [
                {
                    "Target": {"Id": f"10.0.0.{number}"},
                    "TargetHealth": {"State": state.split(":")[0], "Description": state.partition(":")[2]},
                }
                for number, state in enumerate(states)
            ]
        }

    def modify_rule(self, asked: Answer) -> Answer:
        self.asked.setdefault("ModifyRule", []).append(asked)
        groups = asked["Actions"][0]["ForwardConfig"]["TargetGroups"]
        shares = {group["TargetGroupArn"]: int(group["Weight"]) for group in groups}
        self.aws.weights = (shares["BlueArn"], shares["GreenArn"])
        return {"Rules": []}

    def describe_scalable_targets(self, asked: Answer) -> Answer:
        names = ("DynamicScalingInSuspended", "DynamicScalingOutSuspended", "ScheduledScalingSuspended")
        found = [
            {
                "ServiceNamespace": "ecs",
                "ResourceId": resource,
                "ScalableDimension": "ecs:service:DesiredCount",
                "MinCapacity": 1,
                "MaxCapacity": 5,
                "RoleARN": "r",
                "CreationTime": 1,
                "SuspendedState": dict.fromkeys(names, self.suspended),
            }
            for resource in asked["ResourceIds"]
        ]
        begin = int(asked.get("NextToken", 0))
        more = {"NextToken": str(begin + 1)} if begin + 1 < len(found) else {}
        return {"ScalableTargets": found[begin : begin + 1], **more}

    def describe_scaling_activities(self, _: Answer) -> Answer:
        return {"ScalingActivities": []}

    def register_scalable_target(self, asked: Answer) -> Answer:
        self.asked.setdefault("RegisterScalableTarget", []).append(asked)
        self.suspended = asked["SuspendedState"]["DynamicScalingOutSuspended"]
        return {}

    def get_queue_attributes(self, asked: Answer) -> Answer:
        return {"Attributes": {"ApproximateNumberOfMessages": str(self.messages.get(asked["QueueUrl"], 0))}}

    def update_schedule(self, asked: Answer) -> Answer:
        self.asked.setdefault("UpdateSchedule", []).append(asked)
        self.scheduled = asked["State"]
        return {"ScheduleArn": "arn"}

    def get_schedule(self, _: Answer) -> Answer:
        return {
            "Name": "fraud-job-dev",
            "State": self.scheduled,
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Description": "every six hours",
            "ScheduleExpression": "cron(0 0/6 * * ? *)",
            "Target": {
                "Arn": "arn:aws:ecs:eu-central-1:1:cluster/c",
                "RoleArn": "arn:aws:iam::1:role/schedule",
                "EcsParameters": {
                    "TaskDefinitionArn": "arn:aws:ecs:eu-central-1:1:task-definition/fraud-job-dev:7",
                    "TaskCount": 1,
                    "CapacityProviderStrategy": [{"capacityProvider": "FARGATE", "weight": 1, "base": 0}],
                    "NetworkConfiguration": {
                        "awsvpcConfiguration": {
                            "AssignPublicIp": "DISABLED",
                            "Subnets": ["subnet-1", "subnet-2"],
                            "SecurityGroups": ["sg-1"],
                        }
                    },
                    "EnableECSManagedTags": True,
                    "PropagateTags": "TASK_DEFINITION",
                    "Tags": [{"Key": "team", "Value": "fraud"}],
                },
            },
        }

    def describe_images(self, asked: Answer) -> Answer:
        name = asked["repositoryName"].removeprefix("fraud-").removesuffix("-dev")
        tag = asked["imageIds"][0]["imageTag"]
        if tag not in self.images[name]:
            raise FaultError(
                "ImageNotFoundException",
                f"The image with imageId {{imageDigest:'null', imageTag:'{tag}'}} does not exist within the "
                f"repository with name '{asked['repositoryName']}' in the registry with id '{ACCOUNT}'",
            )
        return {"imageDetails": [{"imageDigest": f"sha256:{tag}", "imageTags": [tag]}]}

    def batch_get_image(self, _: Answer) -> Answer:
        return {"images": []}

    def filter_log_events(self, _: Answer) -> Answer:
        return {"events": []}

    def update_termination_protection(self, asked: Answer) -> Answer:
        self.asked.setdefault("UpdateTerminationProtection", []).append(asked)
        self.aws.protected = True
        return {"StackId": self.aws.arn}

    # ── Destruction ──

    def mortal(self) -> Running:
        """With what `destroy` asks for: once the stack is gone, so is all of it."""

        def gone(code: str) -> Callable[[Answer], Answer]:
            def answer(_: Answer) -> Answer:
                raise FaultError(code, "does not exist", 404 if code == "404" else 400)

            return answer

        self.aws.scripts["DeleteStack"] = steps("0 DELETE_IN_PROGRESS", "1 DELETE_COMPLETE")
        self.aws.answers |= {
            "ListServices": lambda _: {
                "serviceArns": [
                    physical_id(f"{name.title()}Service", "AWS::ECS::Service") for name in self.desired
                ]
            },
            "DescribeClusters": lambda _: {"clusters": []},
            "DescribeRepositories": gone("RepositoryNotFoundException"),
            "DescribeLogGroups": lambda _: {"logGroups": []},
            "GetQueueUrl": gone("AWS.SimpleQueueService.NonExistentQueue"),
            "GetScheduleGroup": gone("ResourceNotFoundException"),
            "ListTaskDefinitions": lambda _: {"taskDefinitionArns": []},
            "DescribeAlarms": lambda _: {"MetricAlarms": []},
            "GetDashboard": gone("ResourceNotFound"),
            "DescribeSecurityGroups": lambda _: {"SecurityGroups": []},
            "DescribeLoadBalancers": gone("LoadBalancerNotFound"),
            "GetRole": gone("NoSuchEntity"),
            "DescribeQueryDefinitions": lambda _: {"queryDefinitions": []},
            "DescribeDBClusters": gone("DBClusterNotFoundFault"),
            "DescribeDBClusterParameterGroups": gone("DBParameterGroupNotFound"),
            "DescribeDBInstances": gone("DBInstanceNotFound"),
            "DescribeDBSubnetGroups": gone("DBSubnetGroupNotFoundFault"),
            "HeadBucket": gone("404"),
            "ListNamespaces": lambda _: {"Namespaces": []},
            "ListStacks": lambda _: {"StackSummaries": []},
        }
        return self

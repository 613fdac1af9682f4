"""What runs: tasks of stand-in images, service deployments with their stages, targets in the group in front.

Nothing is really started. A task runs at once and writes a line to its log; one that belongs to no service
ends with exit code 0 after half a second; one whose image's tag begins with `broken` ends at once with 1.
"""

from __future__ import annotations

import ipaddress
import itertools
import json
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from ministack.core.responses import AccountRegionScopedDict, get_account_id, json_response
from ministack.services import alb, cloudwatch_logs, ecr, ecs

from fraud_cfn.local.requests import ecs_call, element, handler_error, json_call, query

Data = dict[str, Any]
Response = tuple[int, dict[str, str], bytes]

BROKEN = "broken"  # what a tag begins with whose containers end at once
_JOB_SECONDS = 0.5
_TRIES = 5  # tasks of one deployment that may end at once, before none is started any more
_EXITED = ("Essential container in task exited", "EssentialContainerExited")

_deployments = AccountRegionScopedDict()  # ARN → service deployment, as DescribeServiceDeployments tells it
_revisions = AccountRegionScopedDict()  # ARN → service revision, as DescribeServiceRevisions tells it
_numbers = itertools.count(10)  # of the next task's address in its subnet

_start_tasks = ecs._run_task
_end_task = ecs._stop_task
_create = ecs._ACTION_MAP["CreateService"]
_update = ecs._ACTION_MAP["UpdateService"]


class CircuitBreakerError(ValueError):
    """A deployment that ECS gave up, in CloudFormation's words."""

    def __init__(self) -> None:
        super().__init__(
            handler_error("Error occurred during operation 'ECS Deployment Circuit Breaker was triggered'.")
        )


def register() -> None:
    """Serve these actions in place of ministack's."""
    ecs._run_task = run_task
    ecs._stop_task = _stop_task
    ecs._sync_service_targets = _register_targets
    ecs._ACTION_MAP.update(
        {
            "CreateService": create_service,
            "UpdateService": update_service,
            "RunTask": run_task,
            "DescribeTasks": _after_jobs_ended(ecs._ACTION_MAP["DescribeTasks"]),
            "ListTasks": _after_jobs_ended(ecs._ACTION_MAP["ListTasks"]),
            "ListServiceDeployments": _list_service_deployments,
            "DescribeServiceDeployments": _describe_service_deployments,
            "DescribeServiceRevisions": _describe_service_revisions,
        }
    )


def _stop_task(data: Data) -> Response:
    """StopTask; where ministack stops a task because a service wants fewer, in ECS's own words."""
    if data.get("reason") != "Service scaling down":
        return _end_task(data)
    answer = _end_task(data | {"reason": "Scaling activity initiated by (deployment ecs-svc/0)"})
    if (task := ecs._tasks.get(data["task"])) is not None:
        task["stopCode"] = "ServiceSchedulerInitiated"
    return answer


# ── Services and their deployments ──


def create_service(data: Data, pause: float = 0) -> Response:
    """CreateService; `pause` is how many seconds each stage of the deployment takes."""
    answer = _create(data)
    if answer[0] < 400:
        service = _service(json.loads(answer[2])["service"]["serviceArn"])
        _keep(service, data)
        _deploy(service, service["deployments"][0], pause)
    return answer


def update_service(data: Data, pause: float = 0) -> Response:
    """UpdateService; a new task definition or `forceNewDeployment` is a deployment."""
    service = _find(data)
    known = {deployment["id"] for deployment in service["deployments"]} if service else set()
    answer = _update(data)
    if service and answer[0] < 400:
        _keep(service, data)
        for deployment in [d for d in service["deployments"] if d["id"] not in known]:
            _deploy(service, deployment, pause)
    return answer


def _keep(service: Data, request: Data) -> None:
    """What ministack's service drops, and the defaults as AWS fills them in."""
    service.setdefault("availabilityZoneRebalancing", "ENABLED")
    service.update({name: request[name] for name in _DROPPED if name in request})
    service["platformVersion"] = service["platformVersion"] or "LATEST"
    service["roleArn"] = _ROLE.format(get_account_id())
    configuration = {"strategy": "ROLLING", "bakeTimeInMinutes": 0, "maximumPercent": 200}
    configuration |= {"minimumHealthyPercent": 100, **service["deploymentConfiguration"]}
    breaker = configuration.get("deploymentCircuitBreaker", {})
    configuration["deploymentCircuitBreaker"] = {"enable": False, "rollback": False, **_BREAKER, **breaker}
    service["deploymentConfiguration"] = configuration
    for item in service["capacityProviderStrategy"] or []:
        item.setdefault("base", 0)


_DROPPED = ("availabilityZoneRebalancing", "serviceRegistries", "propagateTags", "enableECSManagedTags")
_BREAKER = {"resetOnHealthyTask": True, "thresholdConfiguration": {"type": "BOUNDED_PERCENT", "value": 50}}
_ROLE = "arn:aws:iam::{}:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS"


def forget(cluster: str) -> None:
    """What ran in a cluster that is deleted: another one of that name begins anew."""
    for records in (ecs._tasks, _deployments, _revisions):
        for arn, record in list(records.items()):
            if record["clusterArn"].rpartition("/")[2] == cluster:
                del records[arn]


def failed(arn: str) -> bool:
    """Whether ECS gave up that service's newest deployment."""
    return newest(arn)["status"].startswith("ROLLBACK")


def newest(arn: str) -> Data:
    return next(d for d in reversed(_deployments.values()) if d["serviceArn"] == arn)


def _deploy(service: Data, deployment: Data, pause: float) -> None:
    """Remember a deployment, and let it go through its stages."""
    arn, now = service["serviceArn"], time.time()
    record = {
        "serviceDeploymentArn": f"{arn.replace(':service/', ':service-deployment/')}/{uuid.uuid4().hex[:21]}",
        "serviceArn": arn,
        "clusterArn": service["clusterArn"],
        "createdAt": now,
        "startedAt": now,
        "updatedAt": now,
        "targetServiceRevision": _revise(service, deployment),
        "status": "IN_PROGRESS",
        "deploymentConfiguration": service["deploymentConfiguration"],
    }
    _deployments[record["serviceDeploymentArn"]] = record
    for other in [one for one in service["deployments"] if one is not deployment]:
        if other["rolloutState"] == "FAILED":  # it has no task, and ECS lets go of it
            service["deployments"].remove(other)
    if deployment["rolloutState"] == "FAILED":
        back = next((d for d in service["deployments"] if d["status"] == "PRIMARY"), None)
        reason = "Service deployment rolled back because the circuit breaker threshold was exceeded."
        record |= {"status": "ROLLBACK_FAILED", "statusReason": reason}
        if back and back is not deployment:
            record |= {"status": "ROLLBACK_SUCCESSFUL", "rollback": {"reason": reason, "startedAt": now}}
            service["deployments"].remove(deployment)
    else:
        for stage in _stages(service):
            record["lifecycleStage"] = stage
            time.sleep(pause)
        record["status"] = "SUCCESSFUL"
    record["finishedAt"] = record["updatedAt"] = time.time()
    _deployments[record["serviceDeploymentArn"]] = record
    _register_targets("", service)


def _stages(service: Data) -> Iterator[str]:
    """The stages of that service's strategy; within PRODUCTION_TRAFFIC_SHIFT the weights move."""
    rules = _rules(service)
    configuration = service["deploymentConfiguration"]
    strategy = configuration.get("strategy", "ROLLING")
    if strategy == "ROLLING" or not rules:
        return
    yield from ("RECONCILE_SERVICE", "SCALE_UP")
    canary = configuration.get("canaryConfiguration", {}).get("canaryPercent", 5)
    step = int(configuration.get("linearConfiguration", {}).get("stepPercent", 10))
    shares = {"CANARY": [canary, 100], "LINEAR": [*range(step, 100, step), 100]}
    for share in shares.get(strategy, [100]):
        for rule in rules:
            _shift(rule, share)
        yield "PRODUCTION_TRAFFIC_SHIFT"
    yield from ("BAKE_TIME", "CLEAN_UP")


def _shift(rule: Data, percent: float) -> None:
    """Move that share to the group that had nothing when the deployment began."""
    for groups in _groups(rule):
        if "_from" not in rule:
            rule["_from"] = max(groups, key=lambda group: group["Weight"])["TargetGroupArn"]
        for group in groups:
            group["Weight"] = int(100 - percent if group["TargetGroupArn"] == rule["_from"] else percent)
        if percent == 100:
            del rule["_from"]


def _groups(rule: Data) -> Iterator[list[Data]]:
    for action in rule["Actions"]:
        if groups := action.get("ForwardConfig", {}).get("TargetGroups", []):
            yield groups


def _rules(service: Data) -> list[Data]:
    arns = [
        balancer.get("advancedConfiguration", {}).get("productionListenerRule")
        for balancer in service["loadBalancers"]
    ]
    return [alb._rules[arn] for arn in arns if arn in alb._rules]


def _revise(service: Data, deployment: Data) -> Data:
    """Remember the revision of a deployment. At 0 tasks it has no digests yet."""
    path = f"{service['serviceArn'].replace(':service/', ':service-revision/')}/{time.time_ns()}"
    containers = _definition(deployment["taskDefinition"])["containerDefinitions"]
    _revisions[path] = {
        "serviceRevisionArn": path,
        "serviceArn": service["serviceArn"],
        "clusterArn": service["clusterArn"],
        "taskDefinition": deployment["taskDefinition"],
        "containerImages": [
            {"containerName": container["name"], "image": container["image"]}
            | ({"imageDigest": digest} if service["desiredCount"] and (digest := _digest(container)) else {})
            for container in containers
        ],
        "createdAt": time.time(),
    }
    return {"arn": path, "requestedTaskCount": service["desiredCount"]}


def _list_service_deployments(data: Data) -> Response:
    service, wanted = _find(data), data.get("status")
    arn = service["serviceArn"] if service else ""
    briefs = [
        {name: record[name] for name in _BRIEF if name in record}
        | {"targetServiceRevisionArn": record["targetServiceRevision"]["arn"]}
        for record in reversed(_deployments.values())
        if record["serviceArn"] == arn and (not wanted or record["status"] in wanted)
    ]
    return json_response({"serviceDeployments": briefs})


_BRIEF = (
    "serviceDeploymentArn",
    "serviceArn",
    "clusterArn",
    "createdAt",
    "startedAt",
    "finishedAt",
    "status",
)


def _describe_service_deployments(data: Data) -> Response:
    arns = data["serviceDeploymentArns"]
    return _described("serviceDeployments", _deployments, arns)


def _describe_service_revisions(data: Data) -> Response:
    return _described("serviceRevisions", _revisions, data["serviceRevisionArns"])


def _described(name: str, records: Any, arns: list[str]) -> Response:
    found = [records[arn] for arn in arns if arn in records]
    missing = [{"arn": arn, "reason": "MISSING"} for arn in arns if arn not in records]
    return json_response({name: found, "failures": missing})


def _find(data: Data) -> Data | None:
    """The service that a request names, by name or ARN."""
    name = data.get("service", "").rpartition("/")[2]
    cluster = data.get("cluster", "default").rpartition("/")[2]
    return ecs._services.get(f"{cluster}/{name}")


def _service(arn: str) -> Data:
    return ecs._services[arn.partition(":service/")[2]]


# ── Tasks ──


def _definition(name: str) -> Data:
    return ecs_call("DescribeTaskDefinition", {"taskDefinition": name})["taskDefinition"]


def run_task(data: Data) -> Response:
    """RunTask, of a service too: see the module's description."""
    try:
        definition = _definition(data.get("taskDefinition", ""))
    except ValueError:
        return _start_tasks(data)
    containers = definition["containerDefinitions"]
    broken = any(_tag(container).startswith(BROKEN) for container in containers)
    of_service = data.get("group", "").startswith("service:")
    if broken and of_service and _ended(data.get("_deploymentId")) >= _TRIES:
        return json_response({"tasks": [], "failures": []})
    answer = _start_tasks({**data, "group": data.get("group") or f"family:{definition['family']}"})
    tasks = [ecs._tasks[started["taskArn"]] for started in json.loads(answer[2]).get("tasks", [])]
    for task in tasks:
        _begin(task, containers, broken)
        if not of_service:
            task["_ends"] = time.monotonic() + (0 if broken else _JOB_SECONDS)
    if broken and of_service:
        for task in tasks:
            ecs._mark_task_stopped(task["taskArn"], task, *_EXITED, exit_code=0)
    return answer


def _begin(task: Data, containers: list[Data], broken: bool) -> None:
    task["_startup_stable"] = not broken
    _attach(task)
    for container, declared in zip(task["containers"], containers, strict=True):
        if _tag(declared).startswith(BROKEN):
            container["exitCode"] = 1
        if digest := _digest(declared):
            container["imageDigest"] = digest
        words = "ends with exit code 1" if broken else "runs"
        _log(task, declared, f"local stand-in for {declared['image']}: {words}")


def _ended(deployment: str | None) -> int:
    return sum(
        task.get("_deployment_id") == deployment and task["lastStatus"] == "STOPPED"
        for task in ecs._tasks.values()
    )


def _after_jobs_ended(action: Any) -> Any:
    """The action, once tasks whose time is over have stopped."""

    def look(data: Data) -> Response:
        for arn, task in list(ecs._tasks.items()):
            if task["lastStatus"] == "RUNNING" and task.get("_ends", float("inf")) <= time.monotonic():
                ecs._mark_task_stopped(arn, task, *_EXITED, exit_code=0)
        return action(data)

    return look


def _attach(task: Data) -> None:
    """An address of its subnet, which its target has too."""
    if not task.get("_subnet"):
        return
    subnet = query("DescribeSubnets", {"SubnetId": [task["_subnet"]]})
    block = ipaddress.ip_network(element(subnet, "cidrBlock"))
    address = str(block[next(_numbers) % (block.num_addresses - 20)])
    details = [("subnetId", task["_subnet"]), ("privateIPv4Address", address)]
    task["availabilityZone"] = element(subnet, "availabilityZone")
    task["attachments"] = [
        {
            "id": str(uuid.uuid4()),
            "type": "ElasticNetworkInterface",
            "status": "ATTACHED",
            "details": [{"name": name, "value": value} for name, value in details],
        }
    ]


def _address(task: Data) -> str:
    details = [detail for attached in task.get("attachments") or () for detail in attached["details"]]
    return next((detail["value"] for detail in details if detail["name"] == "privateIPv4Address"), "")


def _register_targets(_cluster: str, service: Data) -> None:
    """Its running tasks are targets of the groups that get traffic, of no other group."""
    targets = [
        address
        for task in list(ecs._tasks.values())
        if task.get("group") == f"service:{service['serviceName']}"
        and task["clusterArn"] == service["clusterArn"]
        and task["lastStatus"] == "RUNNING"
        and service["status"] == "ACTIVE"
        and (address := _address(task))
    ]
    front = {
        group["TargetGroupArn"]
        for rule in _rules(service)
        for groups in _groups(rule)
        for group in groups
        if group["Weight"]
    }
    for balancer in service["loadBalancers"]:
        other = balancer.get("advancedConfiguration", {}).get("alternateTargetGroupArn")
        for group in filter(None, (balancer["targetGroupArn"], other)):
            known = [target["Id"] for target in alb._targets.get(group, [])]
            serving = not front or group in front
            port = balancer["containerPort"]
            alb.set_targets_for_group(group, [(a, port) for a in targets] if serving else [], known)


# ── Images and logs ──


def _tag(container: Data) -> str:
    return container["image"].rpartition("/")[2].partition(":")[2]


def _digest(container: Data) -> str:
    """Of the image that was pushed under that tag; empty where none was."""
    repository = container["image"].rpartition("/")[2].partition(":")[0]
    asked = {"repositoryName": repository, "imageIds": [{"imageTag": _tag(container)}]}
    with suppress(ValueError):  # another registry's, or nobody pushed it
        for image in json.loads(json_call(ecr, "DescribeImages", asked))["imageDetails"]:
            return image["imageDigest"]
    return ""


def _log(task: Data, container: Data, message: str) -> None:
    options = container.get("logConfiguration", {}).get("options", {})
    group = options.get("awslogs-group")
    prefix = options.get("awslogs-stream-prefix")
    if not group or not prefix:
        return
    where = {
        "logGroupName": group,
        "logStreamName": f"{prefix}/{container['name']}/{task['taskArn'].rpartition('/')[2]}",
    }
    event = {"timestamp": int(time.time() * 1000), "message": message}
    for action, more in (("CreateLogStream", {}), ("PutLogEvents", {"logEvents": [event]})):
        with suppress(ValueError):  # the stream is there already, or the group is not
            json_call(cloudwatch_logs, action, {**where, **more})

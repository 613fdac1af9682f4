"""What keeps a stack from being deleted, taken out of the way first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from fraud_cfn.deploy.account.session import Session, code_of
from fraud_cfn.deploy.terminal import clock
from fraud_cfn.deploy.terminal.console import Console

_DRAIN_SECONDS = 300
_KEPT = ("Description", "FlexibleTimeWindow", "ScheduleExpression", "ScheduleExpressionTimezone", "Target")
_SUSPENDED = {
    "DynamicScalingInSuspended": True,
    "DynamicScalingOutSuspended": True,
    "ScheduledScalingSuspended": True,
}


def prepare(session: Session, outputs: Mapping[str, str], console: Console) -> None:
    """Quiet the environment whose stack has these outputs; parts it does not have are passed over."""
    cluster = outputs.get("ClusterName", "")
    if "ScheduleName" in outputs:
        _disable(session.client("scheduler"), outputs["ScheduleName"], outputs["ScheduleGroupName"], console)
    if cluster:
        services = [outputs[key] for key in ("ApiServiceName", "WorkerServiceName") if key in outputs]
        _stop_services(session, cluster, services, console)
        _stop_jobs(session.client("ecs"), cluster, outputs.get("JobTaskFamily", ""), console)
        _drain(session, cluster, services, outputs.get("NamespaceName", ""), console)
    if "DataBucketName" in outputs:
        empty(session.client("s3"), outputs["DataBucketName"], console)


def _disable(scheduler: Any, name: str, group: str, console: Console) -> None:
    try:
        schedule = scheduler.get_schedule(Name=name, GroupName=group)
        if schedule["State"] == "DISABLED":
            return
        kept = {key: schedule[key] for key in _KEPT if key in schedule}
        scheduler.update_schedule(Name=name, GroupName=group, State="DISABLED", **kept)
    except (ClientError, BotoCoreError) as error:
        if code_of(error) != "ResourceNotFoundException":
            console.warn(f"the schedule {name} could not be disabled first ({type(error).__name__})")
        return
    console.say(f"  disabled the schedule {name}")


def _stop_services(session: Session, cluster: str, services: list[str], console: Console) -> None:
    ecs, scaling = session.client("ecs"), session.client("application-autoscaling")
    for service in _running(ecs, cluster, services):
        target = {
            "ServiceNamespace": "ecs",
            "ResourceId": f"service/{cluster}/{service}",
            "ScalableDimension": "ecs:service:DesiredCount",
        }
        asked = {"ServiceNamespace": "ecs", "ResourceIds": [target["ResourceId"]]}
        if scaling.describe_scalable_targets(**asked)["ScalableTargets"]:
            scaling.register_scalable_target(**target, MinCapacity=0, SuspendedState=_SUSPENDED)
        ecs.update_service(cluster=cluster, service=service, desiredCount=0)
        console.say(f"  stopping {service}")


def _stop_jobs(ecs: Any, cluster: str, family: str, console: Console) -> None:
    try:
        pages = ecs.get_paginator("list_tasks").paginate(cluster=cluster, family=family)
        tasks = [arn for page in pages for arn in page["taskArns"]] if family else []
    except ClientError as error:
        if code_of(error) != "ClusterNotFoundException":
            raise
        return
    for arn in tasks:
        ecs.stop_task(cluster=cluster, task=arn, reason="the environment is being destroyed")
    if tasks:
        console.say(f"  stopped {len(tasks)} running job task{'s' * (len(tasks) > 1)}")


def _drain(session: Session, cluster: str, services: list[str], namespace: str, console: Console) -> None:
    """Wait until no task runs and Cloud Map has no instance: it refuses to delete a service that has."""
    pace, deadline, told = clock.Pace(), clock.now() + _DRAIN_SECONDS, False
    while busy := [*_running(session.client("ecs"), cluster, services), *_registered(session, namespace)]:
        if clock.now() > deadline:
            waited = clock.span(_DRAIN_SECONDS)
            console.warn(f"{', '.join(busy)} did not stop in {waited}; deleting all the same")
            return
        if not told:
            console.say(f"  waiting for {', '.join(busy)} to drain")
            told = True
        pace.wait()


def _running(ecs: Any, cluster: str, services: list[str]) -> list[str]:
    try:
        described = ecs.describe_services(cluster=cluster, services=services)["services"] if services else []
    except ClientError as error:
        if code_of(error) != "ClusterNotFoundException":
            raise
        return []
    return [
        one["serviceName"]
        for one in described
        if one["status"] == "ACTIVE" and (one["desiredCount"] or one["runningCount"])
    ]


def _registered(session: Session, namespace: str) -> list[str]:
    """Discovery services of the namespace that still have instances."""
    cloud_map = session.client("servicediscovery")
    pages = cloud_map.get_paginator("list_namespaces").paginate()
    ids = [one["Id"] for page in pages for one in page["Namespaces"] if one["Name"] == namespace]
    if not ids:
        return []
    chosen = [{"Name": "NAMESPACE_ID", "Values": ids, "Condition": "EQ"}]
    pages = cloud_map.get_paginator("list_services").paginate(Filters=chosen)
    found = [(one["Id"], one["Name"]) for page in pages for one in page["Services"]]
    busy = [name for service, name in found if cloud_map.list_instances(ServiceId=service)["Instances"]]
    return [f"{name}.{namespace}" for name in busy]


def empty(s3: Any, bucket: str, console: Console) -> None:
    """Delete every object, version and delete marker, and abort unfinished uploads."""
    try:
        deleted = _delete_objects(s3, bucket)
        uploads = [
            one
            for page in s3.get_paginator("list_multipart_uploads").paginate(Bucket=bucket)
            for one in page.get("Uploads", ())
        ]
    except ClientError as error:
        if code_of(error) != "NoSuchBucket":
            raise
        return
    for one in uploads:
        s3.abort_multipart_upload(Bucket=bucket, Key=one["Key"], UploadId=one["UploadId"])
    if deleted or uploads:
        console.say(f"  emptied {bucket}: {deleted} objects and versions, {len(uploads)} unfinished uploads")


def _delete_objects(s3: Any, bucket: str) -> int:
    deleted = 0
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        batch = [
            {"Key": one["Key"], "VersionId": one["VersionId"]}
            for kind in ("Versions", "DeleteMarkers")
            for one in page.get(kind, ())
        ]
        if batch:
            answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": batch, "Quiet": True})
            deleted += len(batch) - len(answer.get("Errors", ()))
    return deleted

"""Runs the job now, outside its schedule, and says how it ended."""

from __future__ import annotations

from typing import Any

from fraud_cfn.deploy.account.session import Session
from fraud_cfn.deploy.errors import DeployError, DetachedError, Exit, TimedOutError
from fraud_cfn.deploy.running import images
from fraud_cfn.deploy.stack import stacks
from fraud_cfn.deploy.stack.outcome import Outcome
from fraud_cfn.deploy.stack.stacks import Stack
from fraud_cfn.deploy.terminal import clock
from fraud_cfn.deploy.terminal.console import Console

_STRATEGY = [
    {"capacityProvider": "FARGATE_SPOT", "weight": 1, "base": 0},
    {"capacityProvider": "FARGATE", "weight": 1, "base": 0},
]


def run(session: Session, suffix: str, console: Console, *, detach: bool, timeout: float) -> Outcome:
    stack = stacks.must_find(session.client("cloudformation"), suffix)
    images.must_exist(session, stack, [("job", stack.parameters["JobImageTag"])])
    ecs, cluster = session.client("ecs"), stack.outputs["ClusterName"]
    task = _begin(ecs, stack)
    console.say(f"Started {task.split('/')[-1]}; its log: {stacks.command('logs', suffix, '--service job')}")
    if detach:
        return Outcome("started", stack.arn, data={"task": task})
    try:
        ended = _until_stopped(ecs, cluster, task, console, timeout * 60)
    except KeyboardInterrupt:
        raise DetachedError("detached; the job goes on", stacks.command("status", suffix)) from None
    codes = {one["name"]: one.get("exitCode") for one in ended["containers"]}
    reason = ended.get("stoppedReason", "")
    good = codes.get("job") == 0
    code = "no exit code" if codes.get("job") is None else f"exit code {codes['job']}"
    console.say(f"{'DONE' if good else 'FAILED'} {code}; {reason}", "bold green" if good else "bold red")
    if not good:
        console.say(f"next:  {stacks.command('logs', suffix, '--service job --since 1h')}")
    return Outcome(
        "job-done" if good else "job-failed",
        stack.arn,
        Exit.DONE if good else Exit.FAILED,
        {"task": task, "exitCodes": codes, "reason": reason},
    )


def _begin(ecs: Any, stack: Stack) -> str:
    answer = ecs.run_task(
        cluster=stack.outputs["ClusterName"],
        taskDefinition=stack.outputs["JobTaskDefinitionArn"],
        capacityProviderStrategy=_STRATEGY,
        startedBy="fraud-cfn run-job",
        propagateTags="TASK_DEFINITION",
        networkConfiguration={
            "awsvpcConfiguration": {
                "subnets": stack.outputs["JobSubnetIds"].split(","),
                "securityGroups": [stack.outputs["JobSecurityGroupId"]],
                "assignPublicIp": "DISABLED",
            }
        },
    )
    for failure in answer.get("failures", ()):
        raise DeployError(
            f"ECS did not start the job: {failure.get('reason', '')} {failure.get('detail', '')}".rstrip(),
            stacks.command("diagnose", stack.suffix),
        )
    return answer["tasks"][0]["taskArn"]


def _until_stopped(ecs: Any, cluster: str, task: str, console: Console, timeout: float) -> dict[str, Any]:
    pace, deadline, shown = clock.Pace(), clock.now() + timeout, ""
    while clock.now() < deadline:
        one = ecs.describe_tasks(cluster=cluster, tasks=[task])["tasks"][0]
        if one["lastStatus"] != shown:
            shown = one["lastStatus"]
            console.say(f"  {shown}")
        if shown == "STOPPED":
            return one
        pace.wait()
    raise TimedOutError(f"the job still runs after {clock.span(timeout)}; it goes on", "look at its log")

"""How a command ended: for the last line, for machines, and the block that explains a failure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fraud_cfn import names
from fraud_cfn.deploy.errors import Exit
from fraud_cfn.deploy.stack import causes, stacks
from fraud_cfn.deploy.stack.statuses import GONE, Action, action, rolled_back, succeeded
from fraud_cfn.deploy.terminal import clock
from fraud_cfn.deploy.terminal.console import Console
from fraud_cfn.deploy.terminal.plain import one_line

if TYPE_CHECKING:
    from fraud_cfn.deploy.stack.watch import Ended


# Of a failed import of resources, which no verb of ours begins: CloudFormation continues rollbacks of updates
# only. Source: CloudFormation's API Reference, ContinueUpdateRollback and RollbackStack.
SUPPORT = (
    "CloudFormation continues no import that failed, so no verb here helps: ask AWS Support; what the stack "
    "runs stays as it is meanwhile"
)
NO_VERB = {
    Action.SUPPORT: SUPPORT,
    Action.UNKNOWN: "this command does not know that status: take a newer version of the project",
}


@dataclass(frozen=True)
class Outcome:
    """What `result=… stack=…` says, the exit code, and for `--format json` everything else."""

    result: str
    stack: str
    exit: Exit = Exit.DONE
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])
    markdown: str = ""
    line_by_line: bool = False  # stdout holds a JSON document a line, and this is the last of them


def conclude(
    console: Console, ended: Ended, suffix: str, deed: str, sources: Mapping[str, str], again: str = ""
) -> Outcome:
    """Say how an operation ended; `deed` is the result's word if it went well, `sources` tell the file of
    ours that defines a resource; `again` is the command to repeat once the cause is mended."""
    stack = ended.stack
    arn, status = (stack.arn, stack.status) if stack else ("", GONE)
    took = clock.span(ended.seconds)
    if succeeded(status) and status != GONE:
        console.say(f"\nDONE {stacks.name_of(suffix)} {status} in {took}", "bold green")
        return Outcome(deed, arn, data=_orphans(console, ended))
    found = causes.causes(ended.events)
    clean = rolled_back(status)
    idle = stack and stack.parameters.get(names.SERVICES_ENABLED) == "false"
    back = "back as before: no service runs" if idle else "running the previous version"
    after = {
        "UPDATE_ROLLBACK_COMPLETE": f" ({back})",
        "ROLLBACK_COMPLETE": " (nothing of it is running)",
        GONE: ": somebody deleted it meanwhile",
    }.get(status, "")
    console.say(f"\nFAILED {stacks.name_of(suffix)} {status} in {took}{after}", "bold red")
    if status != GONE:
        explain(console, found, sources)
    console.say(f"next:  {next_step(found, status, suffix, again)}")
    return Outcome(
        "rolled-back" if clean else "needs-recovery",
        arn,
        Exit.FAILED if clean else Exit.RECOVERY,
        {"status": status, "cause": found.first and vars(found.first)},
    )


def explain(console: Console, found: causes.Causes, sources: Mapping[str, str]) -> None:
    """The cause, where it is defined, and what else failed."""
    if found.first is None:
        console.say(f"cause: {no_cause(found)}")
        return
    for title, one in (("cause:", found.first), *(("also:", other) for other in found.others)):
        console.say(f"{title:<6} {one.logical_id}  {one.type}", "bold")
        for line in one.reason.splitlines():
            console.say(f"       {line}")
        if one.logical_id in sources:
            console.say(f"       defined in {sources[one.logical_id]}")
    if found.cancelled:
        console.say(f"also:  {', '.join(found.cancelled)} (cancelled as a result)")


def no_cause(found: causes.Causes) -> str:
    """In the place of a cause, where there is none."""
    if not found.known:
        return "not known: the stack's events could not be read"
    return "no resource failed: somebody cancelled it, or rolled it back"


def _orphans(console: Console, ended: Ended) -> dict[str, Any]:
    """What an update that went well could not delete: CloudFormation lets go of it, and it stays."""
    lost = {
        event.physical_id: f"{event.logical_id}  {event.type}  {event.physical_id}: "
        f"{causes.said(event.reason)}"
        for event in ended.events
        if event.status == "DELETE_FAILED" and not event.of_stack
    }
    for event in ended.events:
        if event.status == "DELETE_COMPLETE":
            lost.pop(event.physical_id, None)
    for line in lost.values():
        console.warn(f"no longer in the stack, and still there: {line}")
    return {"orphans": list(lost)} if lost else {}


def next_step(found: causes.Causes, status: str, suffix: str, again: str = "") -> str:
    """The one command or deed that helps most."""
    if status in ("UPDATE_ROLLBACK_FAILED", "UPDATE_FAILED", "CREATE_FAILED"):
        return stacks.command("rollback", suffix)
    if status in ("ROLLBACK_FAILED", "DELETE_FAILED"):
        return stacks.command("destroy", suffix)
    if status == GONE:
        return stacks.command("deploy", suffix)
    if action(status) in NO_VERB:
        return NO_VERB[action(status)]
    known = causes.advice(found.first.reason) if found.first else ""
    known = known.replace("{diagnose}", stacks.command("diagnose", suffix))
    return known or f"correct the cause, then {again or stacks.command('deploy', suffix)}"


def outputs(console: Console, values: Mapping[str, str]) -> None:
    """A stack's outputs to stdout, aligned."""
    widest = max(map(len, values), default=0)
    for key in sorted(values):
        console.result(f"{key:<{widest}}  {one_line(values[key])}")

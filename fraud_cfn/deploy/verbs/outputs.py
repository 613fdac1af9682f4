"""Prints the stack's outputs."""

from __future__ import annotations

from fraud_cfn.deploy.account.session import Session
from fraud_cfn.deploy.errors import UsageError
from fraud_cfn.deploy.stack import outcome, stacks
from fraud_cfn.deploy.stack.outcome import Outcome
from fraud_cfn.deploy.terminal.console import Console


def run(session: Session, suffix: str, console: Console) -> Outcome:
    stack = stacks.must_find(session.client("cloudformation"), suffix)
    if not stack.outputs:
        raise UsageError(
            f"{stack.name} is {stack.status} and has no outputs (yet)", stacks.command("status", suffix)
        )
    outcome.outputs(console, stack.outputs)
    return Outcome("outputs", stack.arn, data={"outputs": stack.outputs})
